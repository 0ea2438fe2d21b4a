"""Netlink's message format, encoded and decoded.

A message is a header, a small fixed part and attributes; an attribute is a length, a type and bytes, which may be
attributes again. Numbers in headers have the machine's byte order, numbers inside netfilter's attributes are
big-endian.

Source: netlink(7); `<linux/netlink.h>`.
"""

import errno
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ringfence.netlink.constants import NLA_F_NESTED, NLA_TYPE_MASK

_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")

HEADER_SIZE: Final = _HEADER.size


class Message(NamedTuple):
    """A message from the kernel. `flags` are those that begin with NLM_F_."""

    type: int
    flags: int
    sequence: int
    body: bytes


def encode_message(type: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A message, ready to be sent."""
    return _HEADER.pack(_HEADER.size + len(body), type, flags, sequence, 0) + body


def decode_messages(received: bytes) -> Iterator[Message]:
    """The messages in what was received at once. Raises OSError where it is cut off or is not netlink."""
    at = 0
    while at < len(received):
        length = _HEADER.unpack_from(received, at)[0] if len(received) - at >= _HEADER.size else 0
        if not _HEADER.size <= length <= len(received) - at:
            raise OSError(errno.EPROTO, "the kernel's answer is cut off")
        _, type, flags, sequence, _ = _HEADER.unpack_from(received, at)
        yield Message(type, flags, sequence, received[at + _HEADER.size : at + length])
        at += aligned(length)


def aligned(length: int) -> int:
    """A length in bytes with its padding: messages, attributes and the parts of concatenated keys begin at fours."""
    return -(-length // 4) * 4


# --- attributes -------------------------------------------------------------------------------------------------------


def attribute(type: int, value: bytes) -> bytes:
    """An attribute."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, type) + value + bytes(-length % 4)


def nested(type: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(type | NLA_F_NESTED, b"".join(parts))


def uint32(type: int, value: int) -> bytes:
    """An attribute of netfilter that holds a number of 32 bits; negative ones, which only verdicts are, are signed."""
    return attribute(type, value.to_bytes(4, "big", signed=value < 0))


def string(type: int, value: str) -> bytes:
    """An attribute that holds a name."""
    return attribute(type, value.encode("ascii") + b"\0")


def each_attribute(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of every attribute, in order."""
    at, end = 0, len(encoded)
    while at + _ATTRIBUTE.size <= end:
        length, type = _ATTRIBUTE.unpack_from(encoded, at)
        if length < _ATTRIBUTE.size:
            return
        yield type & NLA_TYPE_MASK, encoded[at + _ATTRIBUTE.size : at + length]
        at += -(-length // 4) * 4  # `aligned`, without the call: tables have hundreds of thousands of attributes


def attributes(encoded: bytes) -> dict[int, bytes]:
    """The values of attributes by type."""
    return dict(each_attribute(encoded))


def read_uint(value: bytes) -> int:
    """The number in an attribute of netfilter; 0 if the attribute is missing."""
    return int.from_bytes(value, "big")


def read_string(value: bytes) -> str:
    """The name in an attribute.

    Bytes that are not ASCII are kept in escaped form, so that two different names never read as one.
    """
    return value.rstrip(b"\0").decode("ascii", errors="backslashreplace")
