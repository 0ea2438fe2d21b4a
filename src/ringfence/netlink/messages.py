"""Netlink: how this process and the kernel exchange messages about packet filtering and addresses.

A message is a header, a small fixed part and attributes; an attribute is a length, a number and bytes, which may be
attributes again. Numbers inside netfilter's attributes are big-endian.

A socket belongs for good to the network namespace in which it was opened, wherever its process goes afterwards.

Source: netlink(7); `<linux/netlink.h>`, `<linux/netfilter/nfnetlink.h>`.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

NETFILTER: Final = 12
ROUTE: Final = 0

REQUEST: Final = 0x1
ACKNOWLEDGE: Final = 0x4
CREATE: Final = 0x400
EXCLUSIVE: Final = 0x200
APPEND: Final = 0x800
_DUMP: Final = 0x300
_INTERRUPTED: Final = 0x10

_ERROR: Final = 2
_DONE: Final = 3

_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_NESTED: Final = 0x8000
_TYPE_MASK: Final = 0x3FFF

_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SOL_NETLINK: Final = 270
_NETLINK_EXT_ACK: Final = 11
_NETLINK_CAP_ACK: Final = 10
_EXT_ACK_MESSAGE: Final = 1

_WANTED_BUFFER: Final = 32 << 20
"""Bytes to ask for as send and receive buffer; only root of the whole machine gets more than the system's limit."""

_READ: Final = 1 << 18
_ATTEMPTS: Final = 20


class Message(NamedTuple):
    """A message from the kernel."""

    type: int
    flags: int
    sequence: int
    body: bytes


class NetlinkError(NamedTuple):
    """The kernel's answer that it did not do what a message asked: the error, and its explanation if there is one."""

    sequence: int
    code: int
    explanation: str

    def __str__(self) -> str:
        return self.explanation or os.strerror(self.code)


class DumpInterrupted(Exception):
    """What was being listed changed meanwhile."""


class NetlinkSocket:
    """A socket to one of the kernel's netlink families, in the network namespace where it was opened."""

    def __init__(self, family: int) -> None:
        """Raises OSError where the kernel lacks the family."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.bind((0, 0))
        self._sequence = 0
        self._widen(socket.SO_SNDBUF, _SO_SNDBUFFORCE)
        self._widen(socket.SO_RCVBUF, _SO_RCVBUFFORCE)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)

    def _widen(self, option: int, forced_option: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, forced_option, _WANTED_BUFFER)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, option, _WANTED_BUFFER)  # as far as the system's limit goes

    @property
    def limit(self) -> int:
        """How many bytes can be sent at once: more fail with EMSGSIZE."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 1024

    def next_sequence(self) -> int:
        """A number for the next message."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def send(self, messages: bytes) -> None:
        """Send messages; the kernel has dealt with them when this returns."""
        self._socket.send(messages)

    def refusals(self) -> list[NetlinkError]:
        """All refusals that are waiting to be read. Acknowledgements are passed over."""
        found: list[NetlinkError] = []
        while True:
            try:
                answer = self._socket.recv(_READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue  # so many refusals that some were lost; those that are left tell enough
            for message in split(answer):
                if message.type == _ERROR and (refusal := _refusal(message)):
                    found.append(refusal)

    def wait_for_messages(self) -> list[Message]:
        """What the kernel sends of itself, as soon as there is something; nothing where it was too much to be kept."""
        try:
            return list(split(self._socket.recv(_READ)))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return []

    def ask(self, type: int, body: bytes) -> bytes:
        """The body of the one message that answers a question. Raises OSError when the kernel refuses."""
        sequence = self.next_sequence()
        self.send(message(type, REQUEST, sequence, body))
        for answer in split(self._socket.recv(_READ)):
            if answer.type == _ERROR:
                refused = _refusal(answer)
                raise OSError(refused.code if refused else errno.EPROTO, str(refused))
            return answer.body
        raise OSError(errno.EPROTO, "an empty answer")

    def dump(self, type: int, body: bytes) -> list[bytes]:
        """The bodies of all messages that answer a request to list something.

        A listing that something else changed meanwhile is begun again. Raises OSError when the kernel refuses.
        """
        for _ in range(_ATTEMPTS):
            self.send(message(type, REQUEST | _DUMP, self.next_sequence(), body))
            try:
                return list(self._dumped())
            except DumpInterrupted:
                continue
        raise OSError(errno.EBUSY, "the list changed all the time while it was read")

    def _dumped(self) -> Iterator[bytes]:
        interrupted = False
        while True:
            for answer in split(self._socket.recv(_READ)):
                interrupted |= bool(answer.flags & _INTERRUPTED)
                if answer.type == _DONE:
                    if interrupted:
                        raise DumpInterrupted
                    return
                if answer.type == _ERROR:
                    refused = _refusal(answer)
                    raise OSError(refused.code if refused else errno.EPROTO, str(refused))
                yield answer.body


def message(type: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A message, ready to be sent."""
    return _HEADER.pack(_HEADER.size + len(body), type, flags, sequence, 0) + body


def split(received: bytes) -> Iterator[Message]:
    """The messages in what was received."""
    at = 0
    while at + _HEADER.size <= len(received):
        length, type, flags, sequence, _ = _HEADER.unpack_from(received, at)
        yield Message(type, flags, sequence, received[at + _HEADER.size : at + length])
        at += -(-length // 4) * 4


def _refusal(answer: Message) -> NetlinkError | None:
    """What an error message says; None if it is an acknowledgement, which is an error of number 0."""
    code = -struct.unpack_from("=i", answer.body)[0]
    if not code:
        return None
    explained = attributes(answer.body[4 + _HEADER.size :]).get(_EXT_ACK_MESSAGE, b"")
    return NetlinkError(answer.sequence, code, explained.rstrip(b"\0").decode(errors="replace"))


# --- attributes -------------------------------------------------------------------------------------------------------


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute."""
    length = 4 + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def number(kind: int, value: int) -> bytes:
    """An attribute that holds a number of 32 bits."""
    return attribute(kind, value.to_bytes(4, "big", signed=value < 0))


def text(kind: int, value: str) -> bytes:
    """An attribute that holds a name."""
    return attribute(kind, value.encode("ascii") + b"\0")


def each_attribute(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and value of every attribute, in order."""
    at, end = 0, len(encoded)
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(encoded, at)
        if length < 4:
            return
        yield kind & _TYPE_MASK, encoded[at + 4 : at + length]
        at += -(-length // 4) * 4


def attributes(encoded: bytes) -> dict[int, bytes]:
    """The attributes by kind."""
    return dict(each_attribute(encoded))


def read_number(value: bytes) -> int:
    """The number in an attribute of netfilter."""
    return int.from_bytes(value, "big")


def read_text(value: bytes) -> str:
    """The name in an attribute; bytes that are no text are kept in escaped form, so that no two names become one."""
    return value.rstrip(b"\0").decode("ascii", errors="backslashreplace")
