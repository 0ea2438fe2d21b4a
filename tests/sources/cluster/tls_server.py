"""HTTPS servers with certificates of a private authority, and proxies in front of them."""

import base64
import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import trustme

from ringfence.sources.cluster.kubeconfig import SelectedContext
from ringfence.sources.cluster.kubeconfig_entries import KubeconfigCluster, KubeconfigUser, parse_entry

NAME: Final = "kubernetes.default"
"""The name in the servers' certificates, under which no name server knows them."""


class TlsServer(ThreadingHTTPServer):
    """Records the server name, the client's certificate and the headers of each request."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.server_names: list[str | None] = []
        self.clients: list[str] = []
        self.headers: list[list[tuple[str, str]]] = []
        context.sni_callback = lambda connection, name, _: self.server_names.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: in these tests clients refuse servers, and servers refuse clients."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TlsServer

    def do_GET(self) -> None:
        certificate = self.connection.getpeercert() or {}
        names = dict(pair for [pair] in certificate.get("subject", ()))
        self.server.clients.append(names.get("commonName", ""))
        self.server.headers.append(list(self.headers.items()))
        body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def server_settings(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's certificate for these names; a client may present one of the same authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[TlsServer]:
    with TlsServer(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def selected(
    server: str, authority: trustme.CA | None, user: Mapping[str, object] | None = None, **cluster: object
) -> SelectedContext:
    """A context for a server, in the fields of a kubeconfig."""
    fields: dict[str, object] = {"server": server}
    if authority:
        fields["certificate-authority-data"] = base64.b64encode(authority.cert_pem.bytes()).decode()
    fields |= {name.replace("_", "-"): value for name, value in cluster.items()}
    return SelectedContext(
        "here", "default", parse_entry(fields, KubeconfigCluster), parse_entry(dict(user or {}), KubeconfigUser)
    )


# --- proxies ----------------------------------------------------------------------------------------------------------


class Proxy(socketserver.ThreadingTCPServer):
    """Connects to the requested targets, and records them."""

    daemon_threads = True

    def __init__(self, handler: type[socketserver.BaseRequestHandler], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.targets: list[str] = []
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


class HttpProxy(socketserver.StreamRequestHandler):
    """Answers CONNECT."""

    server: Proxy

    def handle(self) -> None:
        target = self.rfile.readline().split()[1].decode()
        while self.rfile.readline().strip():
            pass
        self.server.targets.append(target)
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            relay(self.connection, upstream)


class SocksProxy(socketserver.StreamRequestHandler):
    """Answers the CONNECT of SOCKS 5 without authentication (RFC 1928), for IPv4 addresses and names."""

    server: Proxy

    def handle(self) -> None:
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\5\0")
        *_, kind = self.rfile.read(4)
        host = socket.inet_ntoa(self.rfile.read(4)) if kind == 1 else self.rfile.read(self.rfile.read(1)[0]).decode()
        [port] = struct.unpack("!H", self.rfile.read(2))
        self.server.targets.append(f"{host}:{port}")
        with socket.create_connection((host, port)) as upstream:
            self.wfile.write(b"\5\0\0\1" + bytes(6))
            relay(self.connection, upstream)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either side sends until one of them ends."""

    def pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65_536):
                sink.sendall(chunk)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=pass_on, args=(one, other))
    thread.start()
    pass_on(other, one)
    thread.join()


@contextmanager
def proxying(
    handler: type[socketserver.BaseRequestHandler], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A proxy; gives its host and port, and the list of its targets."""
    with Proxy(handler, context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", server.targets
        finally:
            server.shutdown()
            thread.join()
