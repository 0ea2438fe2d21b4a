"""Tracked connections: the kernel's list of them.

Source: `<linux/netfilter/nfnetlink_conntrack.h>`; ctnetlink_fill_info() of the kernel, for what a listed entry holds.
"""

import socket
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from ringfence.netlink.codec import attributes
from ringfence.netlink.constants import NFGENMSG_SIZE, NFNL_SUBSYS_CTNETLINK
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

_MANY: Final = 100
"""More keys than that are not searched for: each costs a pass over every entry."""


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


def list_connections(netlink: NetlinkSocket, about: Collection[bytes] | None = None) -> Iterator[TrackedConnection]:
    """Tracked connections of the socket's network namespace. Raises OSError where the kernel refuses.

    With `about`, only those in whose encoded form one of these addresses or identifiers occurs, and maybe a few more:
    to decode an entry takes many times as long as to search its bytes.
    """
    if about is not None and not about:
        return
    needles = () if about is None or len(about) > _MANY else tuple(about)
    for body in netlink.dump(IPCTNL_MSG_CT_GET, _ANY_FAMILY):
        if not needles or any(needle in body for needle in needles):
            yield _decode(body)


def _decode(body: bytes) -> TrackedConnection:
    settings = attributes(body[NFGENMSG_SIZE:])
    family = Family.IPV4 if body[0] == socket.AF_INET else Family.IPV6
    protocol, original = _ends(settings[CTA_TUPLE_ORIG])
    _, reply = _ends(settings[CTA_TUPLE_REPLY])
    return TrackedConnection(int.from_bytes(settings[CTA_ID], "big"), family, protocol, original, reply)


def _ends(encoded: bytes) -> tuple[int, tuple[ConnectionEnd, ConnectionEnd]]:
    settings = attributes(encoded)
    addresses, protocol = attributes(settings[CTA_TUPLE_IP]), attributes(settings[CTA_TUPLE_PROTO])
    source = addresses.get(CTA_IP_V4_SRC) or addresses[CTA_IP_V6_SRC]
    destination = addresses.get(CTA_IP_V4_DST) or addresses[CTA_IP_V6_DST]
    return protocol[CTA_PROTO_NUM][0], (
        ConnectionEnd(int.from_bytes(source, "big"), _port(protocol.get(CTA_PROTO_SRC_PORT))),
        ConnectionEnd(int.from_bytes(destination, "big"), _port(protocol.get(CTA_PROTO_DST_PORT))),
    )


def _port(encoded: bytes | None) -> int | None:
    return None if encoded is None else int.from_bytes(encoded, "big")
