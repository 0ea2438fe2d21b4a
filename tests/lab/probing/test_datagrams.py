"""Datagrams and raw packets."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from ringfence.lab.probing.datagrams import payload, received, send


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def test_all_that_has_arrived_is_received_with_its_sender(receiver: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        assert list(received(receiver)) == []
        assert send(sender, b"one", receiver.getsockname())
        assert send(sender, b"two", receiver.getsockname())
        assert list(received(receiver)) == [(b"one", sender.getsockname()), (b"two", sender.getsockname())]


class Refusing:
    """A socket that refuses to send."""

    def __init__(self, code: int) -> None:
        self._code = code

    def sendto(self, data: bytes, to: object) -> int:
        raise OSError(self._code, os.strerror(self._code))


@pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.EACCES])
def test_what_the_network_does_not_let_out_is_not_sent(code: int) -> None:
    assert not send(Refusing(code), b"x", ("127.0.0.1", 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [errno.ENOBUFS, errno.EAGAIN, errno.EMSGSIZE, errno.EBADF, errno.EINVAL])
def test_every_other_reason_is_an_error(code: int) -> None:
    with pytest.raises(OSError, match=os.strerror(code)):
        send(Refusing(code), b"x", ("127.0.0.1", 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("family", "data", "expected"),
    [
        pytest.param(socket.AF_INET, b"\x45" + bytes(19) + b"data", b"data", id="an IPv4 header of 20 bytes"),
        pytest.param(socket.AF_INET, b"\x46" + bytes(23) + b"data", b"data", id="one with options"),
        pytest.param(socket.AF_INET6, b"data", b"data", id="IPv6 comes without its header"),
    ],
)
def test_the_payload_of_a_raw_packet(family: int, data: bytes, expected: bytes) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        assert payload(sock, data) == expected
