"""The agent's HTTP server: `/metrics`, `/healthz` and `/readyz`, and `/status` for the node itself.

The status names pods, policies and addresses. They are not secret, but other nodes and pods do not need them, so the
server sends the status only to clients whose address is the one on which it listens.

If the metrics are exposed, every pod of the cluster can connect. A connection takes a thread, so clients on other
machines and in pods have few connections at a time. Clients on the node itself, such as the kubelet, have no limit:
the agent would be restarted if its probes failed.

Source: kubernetes.io, "Configure Liveness, Readiness and Startup Probes".
"""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from ringfence.agent.log import log
from ringfence.errors import AgentError, InputError

_PLAIN: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"

MOST_OF_A_CLIENT: Final = 4
"""Connections of one address, other than that of the node, at the same time. Further ones are closed."""

MOST_OF_ALL: Final = 16
"""Connections of all addresses other than that of the node at the same time."""


class HealthSources(NamedTuple):
    """The functions that return the answers. An error is empty if there is none."""

    metrics: Callable[[], bytes]
    liveness_error: Callable[[], str]
    readiness_error: Callable[[], str]
    status: Callable[[str], bytes] = lambda pod: b""
    """Returns the status of a pod, or of all pods for an empty name, as JSON. Raises InputError for an unknown pod."""


@contextmanager
def serving(address: tuple[str, int], sources: HealthSources) -> Iterator[tuple[str, int]]:
    """Serve on an address while the context lasts. Yields the address with the chosen port, if the port is 0.

    Raises AgentError if the address cannot be used.
    """
    try:
        server = HealthServer(address, sources)
    except OSError as error:
        host, port = address
        message = f"cannot listen on {host}:{port} for metrics and health: {error.strerror}: choose another --listen"
        raise AgentError(message) from None
    # Health is answered by threads of its own, so probes do not wait for the loop.
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
    finally:
        # Wakes the thread. Otherwise it looks only every half second whether it has to end.
        server.socket.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        server.server_close()


class HealthServer(ThreadingHTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    request_queue_size = 64
    """Connections that wait to be accepted. Linux drops further ones, and their clients try again after a second: with
    Python's 5, those of pods would hold up the kubelet's."""

    def __init__(self, address: tuple[str, int], sources: HealthSources) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sources = sources
        self._lock = threading.Lock()
        self._connections: Counter[str] = Counter()
        """How many connections each address other than that of the node has."""
        super().__init__(address, _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether to answer a client. The connection is closed if there are too many."""
        if _is_on_node(request, client_address):
            return True
        with self._lock:
            connections = self._connections
            if connections[client_address[0]] >= MOST_OF_A_CLIENT or connections.total() >= MOST_OF_ALL:
                return False
            connections[client_address[0]] += 1
            return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a client in a thread of its own."""
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._note_end(request, client_address)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a client in the present thread."""
        try:
            # As in socketserver, but the end is noted before the connection is closed: after that, it has no address.
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self._note_end(request, client_address)
            self.shutdown_request(request)

    def _note_end(self, request: Any, client_address: Any) -> None:
        """Note that a client is no longer answered. Its connection must still be open."""
        if not _is_on_node(request, client_address):
            with self._lock:
                self._connections[client_address[0]] -= 1
                self._connections += Counter()  # drops addresses without connections

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a defect. A client that closes its connection before the answer is not a defect."""
        if not isinstance(sys.exception(), OSError):
            log.error("a defect of ringfence: a health request failed", exc_info=True)


def _is_on_node(connection: socket.socket, client_address: Any) -> bool:
    """Whether a client has the address of the node to which it is connected."""
    return bool(client_address[0] == connection.getsockname()[0])


class _Handler(BaseHTTPRequestHandler):
    # Seconds: a client that sends nothing would keep its thread, and its place among `MOST_OF_ALL`.
    timeout = 10
    server: HealthServer

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                self._send(HTTPStatus.OK, self.server.sources.metrics(), _PROMETHEUS)
            case "/healthz":
                self._send_error_or_ok(self.server.sources.liveness_error())
            case "/readyz":
                self._send_error_or_ok(self.server.sources.readiness_error())
            case "/status":
                self._send_status(parse_qs(urlsplit(self.path).query).get("pod", [""])[0])
            case _:
                self._send(HTTPStatus.NOT_FOUND, b"not found: use /metrics, /healthz, /readyz or /status\n", _PLAIN)

    def _send_status(self, pod: str) -> None:
        if not _is_on_node(self.connection, self.client_address):
            self._send(HTTPStatus.FORBIDDEN, b"the status is only for clients on this node\n", _PLAIN)
            return
        try:
            self._send(HTTPStatus.OK, self.server.sources.status(pod), _JSON)
        except InputError as error:
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}\n".encode(), _PLAIN)

    def _send_error_or_ok(self, error: str) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if error else HTTPStatus.OK
        self._send(status, f"{error or 'ok'}\n".encode(), _PLAIN)

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests: probes come every few seconds."""
