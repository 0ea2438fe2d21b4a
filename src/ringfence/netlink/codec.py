"""The netlink message format: encoding and decoding.

A message has a header, a small fixed part and attributes. An attribute has a length, a type and a value, which may
consist of attributes again. Numbers in headers have the byte order of the machine; numbers in netfilter's attributes
are big-endian.

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
    """A message from the kernel. `flags` are the NLM_F_ flags of its header."""

    type: int
    flags: int
    sequence: int
    body: bytes


def encode_message(type: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Encode a message with its header."""
    # The port in the header is 0: the kernel takes the sender from the socket (NETLINK_CB(skb).portid).
    return _HEADER.pack(_HEADER.size + len(body), type, flags, sequence, 0) + body


def decode_messages(received: bytes) -> Iterator[Message]:
    """The messages in one received datagram. Raises OSError if it is truncated or is not netlink."""
    at = 0
    while at < len(received):
        length = _HEADER.unpack_from(received, at)[0] if len(received) - at >= _HEADER.size else 0
        # A length of 0 would not advance `at`, and the loop would not end.
        if not _HEADER.size <= length <= len(received) - at:
            raise OSError(errno.EPROTO, "the kernel's answer is truncated")
        _, type, flags, sequence, _ = _HEADER.unpack_from(received, at)
        yield Message(type, flags, sequence, received[at + _HEADER.size : at + length])
        at += aligned(length)


def aligned(length: int) -> int:
    """A length in bytes with padding: messages, attributes and parts of concatenated keys are aligned to 4 bytes."""
    return -(-length // 4) * 4


# --- attributes -------------------------------------------------------------------------------------------------------


def attribute(type: int, value: bytes) -> bytes:
    """Encode an attribute."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, type) + value + bytes(-length % 4)


def nested(type: int, *parts: bytes) -> bytes:
    """Encode an attribute whose value consists of attributes."""
    # nla_parse_nested() refuses a nested attribute without this flag since Linux 5.2.
    return attribute(type | NLA_F_NESTED, b"".join(parts))


def uint32(type: int, value: int) -> bytes:
    """Encode a netfilter attribute with a 32-bit number. Only verdicts are negative."""
    return attribute(type, value.to_bytes(4, "big", signed=value < 0))


def string(type: int, value: str) -> bytes:
    """Encode an attribute with a name in ASCII."""
    return attribute(type, value.encode("ascii") + b"\0")


def each_attribute(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """The type and value of each attribute, in order."""
    at, end = 0, len(encoded)
    while at + _ATTRIBUTE.size <= end:
        length, type = _ATTRIBUTE.unpack_from(encoded, at)
        # A shorter length would not advance `at`. nla_for_each_attr() of the kernel ends here, too.
        if length < _ATTRIBUTE.size:
            return
        yield type & NLA_TYPE_MASK, encoded[at + _ATTRIBUTE.size : at + length]
        at += -(-length // 4) * 4  # `aligned`, without the call: tables have hundreds of thousands of attributes


def attributes(encoded: bytes) -> dict[int, bytes]:
    """The values of attributes by type. If a type is repeated, the last value counts."""
    return dict(each_attribute(encoded))


def read_uint(value: bytes) -> int:
    """Decode the number in a netfilter attribute; 0 if the value is empty, as for a missing attribute."""
    return int.from_bytes(value, "big")


def read_string(value: bytes) -> str:
    """Decode the name in an attribute.

    Bytes that are not ASCII are escaped, so that two different names stay different.
    """
    return value.rstrip(b"\0").decode("ascii", errors="backslashreplace")
