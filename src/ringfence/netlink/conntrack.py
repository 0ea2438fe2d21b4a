"""Tracked connections: the kernel's list of them.

A list can have hundreds of thousands of entries, so it comes in pieces, and of each entry only what is asked for is
decoded: how a connection was opened costs 1 us, a whole entry 16 us.

Source: `<linux/netfilter/nfnetlink_conntrack.h>`; ctnetlink_fill_info() of the kernel, for what a listed entry holds.
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
    """An address and a port; protocols without ports have none."""

    address: int
    port: int | None


class TrackedConnection(NamedTuple):
    """A connection that the kernel tracks.

    `original` are source and destination of its first packet as it was sent; `reply` are source and destination of an
    answer. They differ in more than their order where addresses were translated.
    """

    identifier: int
    family: Family
    protocol: int
    original: tuple[ConnectionEnd, ConnectionEnd]
    reply: tuple[ConnectionEnd, ConnectionEnd]


class Opening(NamedTuple):
    """Who opened a tracked connection, and to what: the end that answers, behind all translation.

    Numbers are in network byte order; a protocol without ports has none.
    """

    source: bytes
    protocol: bytes
    destination: bytes
    port: bytes | None


def connection_entries(netlink: NetlinkSocket) -> Iterator[list[bytes]]:
    """The encoded entries of all tracked connections of the socket's network namespace, in pieces of some hundred.

    The socket can be used for nothing else meanwhile. An entry that is added or removed meanwhile may be missing.
    Raises OSError where the kernel refuses.

    The kernel could filter the list by addresses (CTA_FILTER), but it handles no packets on this CPU while it puts a
    piece together: if only few entries match, that is for as long as a look at the whole table takes (70 ms for 262,144
    entries on Linux 6.18).
    """
    return netlink.dump_pieces(IPCTNL_MSG_CT_GET, _ANY_FAMILY)


def list_connections(netlink: NetlinkSocket) -> Iterator[TrackedConnection]:
    """All tracked connections of the socket's network namespace. Raises OSError where the kernel refuses."""
    return (read_connection(entry) for entries in connection_entries(netlink) for entry in entries)


# --- entries ----------------------------------------------------------------------------------------------------------


def read_opening(entry: bytes) -> Opening:
    """How the connection of an entry was opened."""
    if usual := _USUAL[entry[0]].match(entry, NFGENMSG_SIZE):
        return Opening(*usual.groups())
    settings = attributes(entry[NFGENMSG_SIZE:])
    (source, _), _ = _encoded_ends(settings[CTA_TUPLE_ORIG])
    (destination, _), protocol = _encoded_ends(settings[CTA_TUPLE_REPLY])
    return Opening(source, protocol[CTA_PROTO_NUM], destination, protocol.get(CTA_PROTO_SRC_PORT))


def read_identifier(entry: bytes) -> bytes:
    """The number of an entry's connection, as the kernel compares it with `ct id`."""
    at, end = NFGENMSG_SIZE, len(entry)
    while at < end:
        length, type = _ATTRIBUTE.unpack_from(entry, at)
        if type == CTA_ID:
            return entry[at + _ATTRIBUTE.size : at + length]
        at += -(-length // 4) * 4
    raise ValueError("an entry without a number")


def read_connection(entry: bytes) -> TrackedConnection:
    """The whole entry."""
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
    """Source and destination, and the settings of the protocol."""
    settings = attributes(encoded)
    addresses = attributes(settings[CTA_TUPLE_IP])
    source = addresses.get(CTA_IP_V4_SRC) or addresses[CTA_IP_V6_SRC]
    destination = addresses.get(CTA_IP_V4_DST) or addresses[CTA_IP_V6_DST]
    return (source, destination), attributes(settings[CTA_TUPLE_PROTO])


def _port(encoded: bytes | None) -> int | None:
    return None if encoded is None else int.from_bytes(encoded, "big")


# --- the usual form ---------------------------------------------------------------------------------------------------


class _Pattern(NamedTuple):
    """A regular expression for encoded attributes, and how many bytes these have."""

    size: int
    expression: bytes


def _attribute(type: int, size: int, *, wanted: bool = False) -> _Pattern:
    """An attribute of so many bytes; a group of the expression if it is `wanted`."""
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
    return re.compile(b"".join(one.expression for one in tuples), re.DOTALL)


_USUAL: Final[dict[int, re.Pattern[bytes]]] = {
    socket.AF_INET: _opening(4, CTA_IP_V4_SRC, CTA_IP_V4_DST),
    socket.AF_INET6: _opening(16, CTA_IP_V6_SRC, CTA_IP_V6_DST),
}
"""How entries begin nearly always. The groups of these expressions are the fields of `Opening`."""
