"""Datagrams and raw packets on sockets that never block."""

import errno
import socket
from collections.abc import Iterator
from typing import Any, Final

SocketAddress = tuple[Any, ...]
"""An address as the socket module gives it: host, port and, for IPv6, flow and scope."""

# What connect(2) and sendto(2) return where there is no route or where a rule of this very namespace drops the packet
# (netfilter's output hook gives EPERM).
UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.EACCES})
"""Error numbers by which the kernel says that the network does not let a packet out."""

_LONGEST_DATAGRAM: Final = 65536


def received(sock: socket.socket) -> Iterator[tuple[bytes, SocketAddress]]:
    """All datagrams that have arrived, with their senders."""
    while True:
        try:
            yield sock.recvfrom(_LONGEST_DATAGRAM)
        except BlockingIOError:
            return


def send(sock: socket.socket, data: bytes, to: SocketAddress) -> bool:
    """Send a datagram; False if the network does not let it out.

    Raises OSError for every other reason: a datagram that was not sent for lack of memory says nothing about policies.
    """
    try:
        sock.sendto(data, to)
    except OSError as error:
        if error.errno not in UNREACHABLE:
            raise
        return False
    return True


def payload(sock: socket.socket, data: bytes) -> bytes:
    """What a raw socket has received, without the IP header: the kernel removes that of IPv6 only (raw(7))."""
    if sock.family != socket.AF_INET:
        return data
    header_length = (data[0] & 0x0F) * 4
    return data[header_length:]
