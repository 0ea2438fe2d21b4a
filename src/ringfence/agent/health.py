"""What an agent answers to those who watch over it, by HTTP: `/metrics`, `/healthz` and `/readyz`.

Source: kubernetes.io, "Configure Liveness, Readiness and Startup Probes".
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from ringfence.errors import AgentError

_PLAIN: Final = "text/plain; charset=utf-8"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Answers(NamedTuple):
    """Where the answers come from. `ailing` and `unready` say why it is so, or nothing if all is well."""

    metrics: Callable[[], bytes]
    ailing: Callable[[], str]
    unready: Callable[[], str]


@contextmanager
def serving(address: tuple[str, int], answers: Answers) -> Iterator[tuple[str, int]]:
    """Answer on an address for a while, which is given back, with the port that was taken for 0.

    Raises AgentError if it is not to be had.
    """
    try:
        server = _server(address, answers)
    except OSError as error:
        host, port = address
        message = f"{host}:{port} is not to be had for metrics and health: {error.strerror}: choose another --listen"
        raise AgentError(message) from None
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
    finally:
        server.shutdown()
        server.server_close()


def _server(address: tuple[str, int], answers: Answers) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        timeout = 10

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._send(HTTPStatus.OK, answers.metrics(), _PROMETHEUS)
                case "/healthz":
                    self._send_state(answers.ailing())
                case "/readyz":
                    self._send_state(answers.unready())
                case _:
                    self._send(HTTPStatus.NOT_FOUND, b"ask for /metrics, /healthz or /readyz\n", _PLAIN)

        def _send_state(self, complaint: str) -> None:
            status = HTTPStatus.SERVICE_UNAVAILABLE if complaint else HTTPStatus.OK
            self._send(status, f"{complaint or 'ok'}\n".encode(), _PLAIN)

        def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: probes come every few seconds."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    return Server(address, Handler)
