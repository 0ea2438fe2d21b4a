"""Datagrams and raw packets on sockets that never block."""

import socket
from collections.abc import Iterator
from typing import Any, Final

Sender = tuple[Any, ...]
"""An address as the socket module gives it: host, port and, for IPv6, flow and scope."""

_LONGEST: Final = 65536


def received(sock: socket.socket) -> Iterator[tuple[bytes, Sender]]:
    """All that has arrived, and from whom."""
    while True:
        try:
            yield sock.recvfrom(_LONGEST)
        except BlockingIOError:
            return


def send(sock: socket.socket, data: bytes, to: Sender) -> bool:
    """Send if it can be sent at all; False if the network or the policy of this very host refuses."""
    try:
        sock.sendto(data, to)
    except OSError:
        return False
    return True


def payload(sock: socket.socket, data: bytes) -> bytes:
    """What a raw socket has received, without the IP header: the kernel takes off that of IPv6 only."""
    return data[(data[0] & 0x0F) * 4 :] if sock.family == socket.AF_INET else data
