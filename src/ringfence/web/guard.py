"""Access to the local page: only for the browser that opened its address, and only from the page itself.

Any web site in the same browser can send requests to 127.0.0.1, and its own host name can resolve to that address (DNS
rebinding). So a request must name this server in `Host`, and have the cookie that the address with the token sets; a
request that changes something must also come from the page (`Origin`).

Sources: OWASP, "Cross-Site Request Forgery Prevention"; RFC 6454 (Origin); RFC 6265bis (SameSite).
"""

from secrets import compare_digest, token_urlsafe
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "ringfence"
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses every request that does not come from the page, and adds the headers by which browsers protect it."""

    def __init__(self, app: ASGIApp, port: int, token: str = "") -> None:
        self._app = app
        self.token = token or token_urlsafe(24)
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        request = Request(scope)
        answer = self._refusal(request) or self._entrance(request)
        await (answer or self._app)(scope, receive, send_protected)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that is refused."""
        # This comes first, so that a page of another site learns nothing, not even whether its cookie is right.
        if request.headers.get("host") not in self._hosts:
            return PlainTextResponse("This page is at 127.0.0.1 only.\n", 421)
        if request.method not in ("GET", "HEAD"):
            # A missing origin is refused as well: browsers send one with every request that changes something.
            origin = request.headers.get("origin", "")
            if origin.removeprefix("http://") not in self._hosts or not origin.startswith("http://"):
                return PlainTextResponse("Only the page itself may change something.\n", 403)
        # A token in the address is checked below, by `_entrance`. The cookie of an earlier server must not matter then.
        if "token" not in request.query_params and not self._is_known(request.cookies.get(COOKIE, "")):
            return PlainTextResponse("Open the address that `ringfence ui` has printed: it has a token.\n", 401)
        return None

    def _entrance(self, request: Request) -> Response | None:
        """The answer to the address with the token: a cookie in place of it, so that no history or log keeps it."""
        if "token" not in request.query_params:
            return None
        if request.method != "GET" or not self._is_known(request.query_params["token"]):
            return PlainTextResponse("The token in the address is not that of this server.\n", 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", path="/")
        return answer

    def _is_known(self, token: str) -> bool:
        # The time of this comparison does not depend on how much of the token is right.
        return compare_digest(token.encode(), self.token.encode())
