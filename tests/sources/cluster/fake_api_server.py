"""A small web server that gives the answers that a test prepares.

    with told_by(folder, list_of(pod("a")), watch(event("ADDED", pod("b")), then=Then.CUT)) as (server, followed):
        followed.until(Upserted)

Each request takes the next answer; when none are left, a watch has no events.
"""

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ringfence.sources.cluster.api_server import ApiServer

from .following import PATIENCE, Followed, following

Object = dict[str, Any]


class Then(Enum):
    """How a watch ends after all its lines are sent."""

    END = "it ends as it should"
    CUT = "its connection breaks"
    STALL = "nothing more comes, and nobody ends it"


class Asked(NamedTuple):
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


class FakeApiServer(ThreadingHTTPServer):
    """Answers on loopback, one answer after the other."""

    daemon_threads = False
    answers: "queue.SimpleQueue[Answer]"
    asked: list[Asked]
    closing: threading.Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeApiServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.asked.append(Asked(url.path, dict(parse_qsl(url.query)), dict(self.headers)))
        try:
            answer = self.server.answers.get_nowait()
        except queue.Empty:
            is_watch = "watch" in self.server.asked[-1].query
            answer = watch(then=Then.STALL) if is_watch else refuse(503, "this is more than the test expects")
        answer(self)

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


Answer = Callable[[_Handler], None]


def say(
    content: bytes, code: int = 200, content_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> Answer:
    """A complete answer."""

    def answer(handler: _Handler) -> None:
        handler.send_response(code)
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def refuse(code: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error as the API server sends it."""
    status = {"kind": "Status", "status": "Failure", "message": message, "code": code}
    return say(json.dumps(status).encode(), code, headers=headers)


def list_of(*items: object, version: str = "1", more: str = "") -> Answer:
    """A list, or a page of one that goes on."""
    return say(json.dumps({"metadata": {"resourceVersion": version, "continue": more}, "items": items}).encode())


def watch(*lines: bytes | Object, then: Then = Then.STALL, content_type: str = "application/json") -> Answer:
    """A watch that sends these lines; an object is sent as a line, bytes as they are."""

    def answer(handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in lines:
            content = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        if then is Then.END:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True
        if then is Then.STALL:
            handler.server.closing.wait()

    return answer


def nothing_there() -> Answer:
    """An empty list or a watch without events, as requested."""

    def answer(handler: _Handler) -> None:
        (watch() if "watch=true" in handler.path else list_of())(handler)

    return answer


def only_node(name: str) -> Answer:
    """A list with this node, if nodes are requested; otherwise as `nothing_there`."""

    def answer(handler: _Handler) -> None:
        is_list_of_nodes = "/nodes?" in handler.path and "watch=true" not in handler.path
        (list_of({"metadata": {"name": name}}) if is_list_of_nodes else nothing_there())(handler)

    return answer


def event(type_: str, obj: object) -> Object:
    return {"type": type_, "object": obj}


def pod(name: str, version: str = "1", **metadata: object) -> Object:
    return {"metadata": {"namespace": "shop", "name": name, "resourceVersion": version, **metadata}}


def bookmark(version: str) -> Object:
    return event("BOOKMARK", {"metadata": {"resourceVersion": version}})


def error(code: int, message: str) -> Object:
    return event("ERROR", {"kind": "Status", "code": code, "message": message})


@contextmanager
def serving(*answers: Answer, port: int = 0) -> Iterator[FakeApiServer]:
    """A server that gives these answers, for a while."""
    with FakeApiServer(("127.0.0.1", port), _Handler) as server:
        server.answers, server.asked, server.closing = queue.SimpleQueue(), [], threading.Event()
        for answer in answers:
            server.answers.put(answer)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@contextmanager
def told_by(
    folder: Path, *answers: Answer, kind: str = "Pod", patience: float = PATIENCE
) -> Iterator[tuple[FakeApiServer, Followed]]:
    """A server with these answers, and the events of a watch of it."""
    with serving(*answers) as server, following(kind, connections_to(server.url, folder), patience) as followed:
        yield server, followed


def connections_to(url: str, folder: Path, user: Mapping[str, object] | None = None) -> ApiServer:
    """Connections of a user, in the fields of a kubeconfig, to a server."""
    return ApiServer(kubeconfig=str(kubeconfig(url, folder, user)))


def kubeconfig(url: str, folder: Path, user: Mapping[str, object] | None = None) -> Path:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        # Without authorities to load, a client is made ten times as fast.
        "clusters": [{"name": "c", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": dict(user or {})}],
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(config))
    return file
