"""Servers: sockets in the laboratory's namespaces on which something answers, all in one loop and one process.

Whatever comes in is handed to an `Responder`. The usual one tells who answers, in HTTP to those who speak it, so that
`curl http://db:3306` inside a pod prints the name of the pod that it has reached.
"""

import errno
import socket
from collections.abc import Callable
from typing import Final, Protocol

from ringfence.errors import LaboratoryError
from ringfence.lab.network import IPAddress, LabPort
from ringfence.lab.probing import sctp
from ringfence.lab.probing.datagrams import payload, received, send
from ringfence.lab.probing.event_loop import READABLE, EventLoop

Responder = Callable[[bytes], bytes | None]
"""What to say to a request; None while it is incomplete. A datagram is always a whole request."""

FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
NON_BLOCKING: Final = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC

GREETING: Final = b"ringfence probe "
"""How datagrams begin that only want to be sent back, whatever is spoken on the port."""

_BACKLOG: Final = 4096
_LONGEST: Final = 65536
_HTTP: Final = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ")


class PortTakenError(LaboratoryError):
    """Somebody else answers on a port."""


class Server(Protocol):
    """A socket on which something answers."""

    def close(self) -> None:
        """Answer no more."""


def name_responder(name: str) -> Responder:
    """The answer of a pod called `name`: its name and, but for HTTP, the request."""

    def answer(request: bytes) -> bytes | None:
        if not request.startswith(_HTTP):
            return f"{name}\n".encode() + request
        if b"\r\n\r\n" not in request:
            return None
        body = b"" if request.startswith(b"HEAD ") else f"{name}\n".encode()
        return f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(name) + 1}\r\n\r\n".encode() + body

    return answer


def open_server(loop: EventLoop, address: IPAddress, port: LabPort, answer: Responder) -> Server:
    """Answer on a port of an address, in the calling thread's network namespace.

    Raises PortTakenError if somebody else has the port: a program that was started in the pod's network.
    """
    try:
        match port.protocol:
            case "TCP":
                return _TcpServer(loop, address, port.number, answer)
            case "UDP":
                return _UdpServer(loop, address, port.number, answer)
            case _:
                return _SctpServer(loop, address, port.number)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"port {port} of {address} is taken by a program in the pod's network") from error
        raise LaboratoryError(f"port {port} of {address} cannot be opened: {error.strerror}") from error


class _TcpServer:
    def __init__(self, loop: EventLoop, address: IPAddress, port: int, answer: Responder) -> None:
        self._loop = loop
        self._answer = answer
        self._socket = socket.socket(FAMILY[address.version], socket.SOCK_STREAM | NON_BLOCKING)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((str(address), port))
        self._socket.listen(_BACKLOG)
        loop.watch(self._socket, READABLE, self._accept)

    def close(self) -> None:
        self._loop.forget(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # the client has already gone
                continue
            connection.setblocking(False)
            _Conversation(self._loop, connection, self._answer)


class _Conversation:
    """One accepted connection: one request, one answer."""

    def __init__(self, loop: EventLoop, connection: socket.socket, answer: Responder) -> None:
        self._loop = loop
        self._connection = connection
        self._answer = answer
        self._request = b""
        self._watched = False
        self._listen()
        if connection.fileno() >= 0:
            self._watched = True
            loop.watch(connection, READABLE, self._listen)

    def _listen(self) -> None:
        try:
            more = self._connection.recv(_LONGEST)
            if more:
                self._say(more)
            else:
                self._close()
        except BlockingIOError:
            return
        except OSError:  # the client has broken it off: a probe always does
            self._close()

    def _say(self, more: bytes) -> None:
        self._request += more
        reply = self._answer(self._request)
        if reply is not None:
            self._connection.sendall(reply)
            self._request = b""
            self._connection.shutdown(socket.SHUT_WR)
        elif len(self._request) > _LONGEST:
            self._close()

    def _close(self) -> None:
        if self._watched:
            self._loop.forget(self._connection)
        self._connection.close()


class _UdpServer:
    def __init__(self, loop: EventLoop, address: IPAddress, port: int, answer: Responder) -> None:
        self._loop = loop
        self._answer = answer
        self._socket = socket.socket(FAMILY[address.version], socket.SOCK_DGRAM | NON_BLOCKING)
        self._socket.bind((str(address), port))
        loop.watch(self._socket, READABLE, self._listen)

    def close(self) -> None:
        self._loop.forget(self._socket)
        self._socket.close()

    def _listen(self) -> None:
        for request, sender in received(self._socket):
            reply = self._answer(request)
            if reply is not None:
                send(self._socket, reply, sender)


class _SctpServer:
    """Every raw socket of a namespace sees all SCTP packets; this one agrees to what is meant for its port."""

    def __init__(self, loop: EventLoop, address: IPAddress, port: int) -> None:
        self._loop = loop
        self._port = port
        self._socket = socket.socket(FAMILY[address.version], socket.SOCK_RAW | NON_BLOCKING, sctp.PROTOCOL)
        self._socket.bind((str(address), 0))
        loop.watch(self._socket, READABLE, self._listen)

    def close(self) -> None:
        self._loop.forget(self._socket)
        self._socket.close()

    def _listen(self) -> None:
        for data, sender in received(self._socket):
            packet = sctp.parse(payload(self._socket, data))
            if packet and packet.chunk == sctp.ChunkType.INIT and packet.destination_port == self._port:
                send(self._socket, sctp.init_ack(packet), (sender[0], 0))
