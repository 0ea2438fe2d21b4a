"""Tracked connections: listing the kernel's connection table.

The table can have hundreds of thousands of entries, so it is listed in pieces, and only the needed part of an entry is
decoded: `read_opening` takes 1 us, a whole entry 16 us.

Source: `<linux/netfilter/nfnetlink_conntrack.h>`; ctnetlink_fill_info() of the kernel, for the contents of an entry.
"""

import re
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ringfence.netlink.codec import aligned, attributes
from ringfence.netlink.constants import NFGENMSG_SIZE, NFNL_SUBSYS_CTNETLINK, NLA_F_NESTED
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Family

IPCTNL_MSG_CT_GET: Final = NFNL_SUBSYS_CTNETLINK << 8 | 1

CTA_TUPLE_ORIG: Final = 1
CTA_TUPLE_REPLY: Final = 2
CTA_ID: Final = 12

CTA_TUPLE_IP: Final = 1
CTA_TUPLE_PROTO: Final = 2

CTA_IP_V4_SRC: Final = 1
CTA_IP_V4_DST: Final = 2
CTA_IP_V6_SRC: Final = 3
CTA_IP_V6_DST: Final = 4

CTA_PROTO_NUM: Final = 1
CTA_PROTO_SRC_PORT: Final = 2
CTA_PROTO_DST_PORT: Final = 3

_ANY_FAMILY: Final = bytes(NFGENMSG_SIZE)

_ATTRIBUTE: Final = struct.Struct("=HH")


class ConnectionEnd(NamedTuple):
    """An address and a port; the port is None for protocols without ports."""

    address: int
    port: int | None


class TrackedConnection(NamedTuple):
    """A connection that the kernel tracks.

    `original` are the source and destination of its first packet as it was sent, and `reply` those of an answer. If no
    address or port is translated, `reply` is `original` in the other order.
    """

    identifier: int
    family: Family
    protocol: int
    original: tuple[ConnectionEnd, ConnectionEnd]
    reply: tuple[ConnectionEnd, ConnectionEnd]


class Opening(NamedTuple):
    """The source and the final destination of a tracked connection, after destination translation.

    Addresses, protocol and destination port are in network byte order. The port is None for protocols without ports.
    """

    source: bytes
    protocol: bytes
    destination: bytes
    port: bytes | None


def connection_entries(netlink: NetlinkSocket) -> Iterator[list[bytes]]:
    """The encoded entries of all tracked connections of the socket's network namespace, in pieces of some hundred.

    The socket cannot be used for anything else until the iteration ends. Entries that are added or removed in this time
    may be missing. Raises OSError if the kernel refuses.

    The kernel could filter the list by addresses (CTA_FILTER). But it handles no packets on this CPU while it fills a
    piece, and if few entries match, it scans the whole table for one piece (70 ms for 262,144 entries on Linux 6.18).
    """
    return netlink.dump_pieces(IPCTNL_MSG_CT_GET, _ANY_FAMILY)


def list_connections(netlink: NetlinkSocket) -> Iterator[TrackedConnection]:
    """All tracked connections of the socket's network namespace. Raises OSError if the kernel refuses."""
    return (read_connection(entry) for entries in connection_entries(netlink) for entry in entries)


# --- entries ----------------------------------------------------------------------------------------------------------


def read_opening(entry: bytes) -> Opening:
    """Decode who opened the connection of an entry."""
    if usual := _USUAL[entry[0]].match(entry, NFGENMSG_SIZE):
        return Opening(*usual.groups())
    settings = attributes(entry[NFGENMSG_SIZE:])
    (source, _), _ = _encoded_ends(settings[CTA_TUPLE_ORIG])
    # The source of the answers is where the packets really go. The original destination may be a Service's address.
    (destination, _), protocol = _encoded_ends(settings[CTA_TUPLE_REPLY])
    return Opening(source, protocol[CTA_PROTO_NUM], destination, protocol.get(CTA_PROTO_SRC_PORT))


def read_identifier(entry: bytes) -> bytes:
    """The identifier of an entry's connection, encoded as for `ct id` in rules. Raises ValueError without one."""
    # This does not decode the other attributes: it runs for each entry that a review finds affected.
    at, end = NFGENMSG_SIZE, len(entry)
    while at < end:
        length, type = _ATTRIBUTE.unpack_from(entry, at)
        if type == CTA_ID:
            return entry[at + _ATTRIBUTE.size : at + length]
        at += -(-length // 4) * 4
    raise ValueError("an entry without an identifier")


def read_connection(entry: bytes) -> TrackedConnection:
    """Decode a whole entry."""
    settings = attributes(entry[NFGENMSG_SIZE:])
    family = Family.IPV4 if entry[0] == socket.AF_INET else Family.IPV6
    protocol, original = _ends(settings[CTA_TUPLE_ORIG])
    _, reply = _ends(settings[CTA_TUPLE_REPLY])
    return TrackedConnection(int.from_bytes(settings[CTA_ID], "big"), family, protocol, original, reply)


def _ends(encoded: bytes) -> tuple[int, tuple[ConnectionEnd, ConnectionEnd]]:
    (source, destination), protocol = _encoded_ends(encoded)
    return protocol[CTA_PROTO_NUM][0], (
        ConnectionEnd(int.from_bytes(source, "big"), _port(protocol.get(CTA_PROTO_SRC_PORT))),
        ConnectionEnd(int.from_bytes(destination, "big"), _port(protocol.get(CTA_PROTO_DST_PORT))),
    )


def _encoded_ends(encoded: bytes) -> tuple[tuple[bytes, bytes], dict[int, bytes]]:
    """The source and destination of an encoded tuple, and the attributes of its protocol."""
    settings = attributes(encoded)
    addresses = attributes(settings[CTA_TUPLE_IP])
    source = addresses.get(CTA_IP_V4_SRC) or addresses[CTA_IP_V6_SRC]
    destination = addresses.get(CTA_IP_V4_DST) or addresses[CTA_IP_V6_DST]
    return (source, destination), attributes(settings[CTA_TUPLE_PROTO])


def _port(encoded: bytes | None) -> int | None:
    return None if encoded is None else int.from_bytes(encoded, "big")


# --- the usual form ---------------------------------------------------------------------------------------------------


class _Pattern(NamedTuple):
    """A regular expression for encoded attributes, and their size in bytes."""

    size: int
    expression: bytes


def _attribute(type: int, size: int, *, wanted: bool = False) -> _Pattern:
    """An attribute with a value of `size` bytes, which is a group of the expression if it is `wanted`."""
    value = b"(.{%d})" if wanted else b".{%d}"
    header = re.escape(_ATTRIBUTE.pack(_ATTRIBUTE.size + size, type))
    return _Pattern(_ATTRIBUTE.size + aligned(size), header + value % size + b".{%d}" % (-size % 4))


def _nested(type: int, *parts: _Pattern) -> _Pattern:
    size = _ATTRIBUTE.size + sum(part.size for part in parts)
    header = re.escape(_ATTRIBUTE.pack(size, type | NLA_F_NESTED))
    return _Pattern(size, header + b"".join(part.expression for part in parts))


def _opening(size: int, source: int, destination: int) -> re.Pattern[bytes]:
    """The two tuples of a protocol with ports, in the order in which the kernel writes them."""

    def tuple_of(type: int, *, answers: bool) -> _Pattern:
        addresses = _attribute(source, size, wanted=True), _attribute(destination, size)
        protocol = (
            _attribute(CTA_PROTO_NUM, 1, wanted=not answers),
            _attribute(CTA_PROTO_SRC_PORT, 2, wanted=answers),
            _attribute(CTA_PROTO_DST_PORT, 2),
        )
        return _nested(type, _nested(CTA_TUPLE_IP, *addresses), _nested(CTA_TUPLE_PROTO, *protocol))

    tuples = tuple_of(CTA_TUPLE_ORIG, answers=False), tuple_of(CTA_TUPLE_REPLY, answers=True)
    # With DOTALL, `.` also matches a byte of value 10, which begins all addresses in 10.0.0.0/8.
    return re.compile(b"".join(one.expression for one in tuples), re.DOTALL)


_USUAL: Final[dict[int, re.Pattern[bytes]]] = {
    socket.AF_INET: _opening(4, CTA_IP_V4_SRC, CTA_IP_V4_DST),
    socket.AF_INET6: _opening(16, CTA_IP_V6_SRC, CTA_IP_V6_DST),
}
"""The beginning of almost all entries. The groups are the fields of `Opening`. Matching is faster than decoding."""
