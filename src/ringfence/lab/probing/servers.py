"""Servers: listening sockets in the laboratory's namespaces, all in one event loop and one process.

Each request is handed to a `Responder`. The usual one answers with the name of the pod, in HTTP if the request is HTTP,
so that `curl http://db:3306` inside a pod prints the name of the pod that it has reached.
"""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from ringfence.errors import LaboratoryError
from ringfence.lab.network import IPAddress, LabPort
from ringfence.lab.probing import sctp
from ringfence.lab.probing.datagrams import payload, received, send
from ringfence.lab.probing.event_loop import READABLE, EventLoop

Responder = Callable[[bytes], bytes | None]
"""Gives the answer to a request; None while the request is incomplete. A datagram is always a whole request."""

FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
NON_BLOCKING: Final = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC

GREETING: Final = b"ringfence probe "
"""The start of datagrams that are sent back unchanged, whatever protocol the port is for."""

_BACKLOG: Final = 4096  # the kernel's own limit (net.core.somaxconn) since Linux 5.4
_LONGEST_REQUEST: Final = 65536
_HTTP_METHODS: Final = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ")


class PortTakenError(LaboratoryError):
    """A program that was started in a pod has opened the port."""


class Server(Protocol):
    """A listening socket and its responder."""

    def close(self) -> None:
        """Stop answering."""


def name_responder(name: str) -> Responder:
    """Answers with `name`, followed by the request unless that is HTTP."""
    line = f"{name}\n".encode(errors="replace")

    def respond(request: bytes) -> bytes | None:
        if not request.startswith(_HTTP_METHODS):
            return line + request
        if b"\r\n\r\n" not in request:
            return None
        body = b"" if request.startswith(b"HEAD ") else line
        return b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(line) + body

    return respond


def open_server(loop: EventLoop, address: IPAddress, port: LabPort, respond: Responder) -> Server:
    """Answer on a port of an address, in the calling thread's network namespace.

    Raises PortTakenError if a program that was started in the pod's network has the port, LaboratoryError for any other
    refusal of the kernel.
    """
    try:
        match port.protocol:
            case "TCP":
                return _TcpServer(loop, address, port.number, respond)
            case "UDP":
                return _UdpServer(loop, address, port.number, respond)
            case _:
                return _SctpServer(loop, address, port.number)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"port {port} of {address} is taken by a program in the pod's network") from error
        raise LaboratoryError(f"port {port} of {address} cannot be opened: {error.strerror}") from error


class _TcpServer:
    def __init__(self, loop: EventLoop, address: IPAddress, port: int, respond: Responder) -> None:
        self._loop = loop
        self._respond = respond
        self._socket = socket.socket(FAMILY[address.version], socket.SOCK_STREAM | NON_BLOCKING)
        with _closing_on_error(self._socket):
            # Else connections in TIME_WAIT would keep the port from a server that is opened again.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((str(address), port))
            self._socket.listen(_BACKLOG)
        loop.watch(self._socket, READABLE, self._accept)

    def close(self) -> None:
        self._loop.unwatch(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # the client has aborted it already
                continue
            connection.setblocking(False)
            _ServerConnection(self._loop, connection, self._respond)


class _ServerConnection:
    """One accepted connection: one request, one answer."""

    def __init__(self, loop: EventLoop, connection: socket.socket, respond: Responder) -> None:
        self._loop = loop
        self._connection = connection
        self._respond = respond
        self._request = b""
        self._watched = False
        # Probes abort their connections at once: most are gone before it is worth watching them.
        self._receive()
        if connection.fileno() >= 0:
            self._watched = True
            loop.watch(connection, READABLE, self._receive)

    def _receive(self) -> None:
        try:
            more = self._connection.recv(_LONGEST_REQUEST)
            if more:
                self._handle(more)
            else:
                self._close()
        except BlockingIOError:
            return
        except OSError:  # the client has aborted the connection, as probes do
            self._close()

    def _handle(self, more: bytes) -> None:
        self._request += more
        answer = self._respond(self._request)
        if answer is not None:
            self._connection.sendall(answer)
            self._request = b""
            self._connection.shutdown(socket.SHUT_WR)
        elif len(self._request) > _LONGEST_REQUEST:
            self._close()

    def _close(self) -> None:
        if self._watched:
            self._loop.unwatch(self._connection)
        self._connection.close()


class _UdpServer:
    def __init__(self, loop: EventLoop, address: IPAddress, port: int, respond: Responder) -> None:
        self._loop = loop
        self._respond = respond
        self._socket = socket.socket(FAMILY[address.version], socket.SOCK_DGRAM | NON_BLOCKING)
        with _closing_on_error(self._socket):
            self._socket.bind((str(address), port))
        loop.watch(self._socket, READABLE, self._receive)

    def close(self) -> None:
        self._loop.unwatch(self._socket)
        self._socket.close()

    def _receive(self) -> None:
        for request, sender in received(self._socket):
            answer = self._respond(request)
            if answer is not None:
                send(self._socket, answer, sender)


class _SctpServer:
    """Answers INITs to one port. Every raw socket of a namespace receives all SCTP packets for its address."""

    def __init__(self, loop: EventLoop, address: IPAddress, port: int) -> None:
        self._loop = loop
        self._port = port
        self._socket = socket.socket(FAMILY[address.version], socket.SOCK_RAW | NON_BLOCKING, sctp.PROTOCOL)
        with _closing_on_error(self._socket):
            self._socket.bind((str(address), 0))
        loop.watch(self._socket, READABLE, self._receive)

    def close(self) -> None:
        self._loop.unwatch(self._socket)
        self._socket.close()

    def _receive(self) -> None:
        for data, sender in received(self._socket):
            packet = sctp.parse(payload(self._socket, data))
            if packet and packet.chunk == sctp.ChunkType.INIT and packet.destination_port == self._port:
                send(self._socket, sctp.init_ack(packet), (sender[0], 0))


@contextmanager
def _closing_on_error(sock: socket.socket) -> Iterator[None]:
    """Close a socket that cannot be used: without that its descriptor would stay open until it is collected."""
    try:
        yield
    except OSError:
        sock.close()
        raise
