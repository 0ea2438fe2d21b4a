"""Tracked connections in the form in which the kernel lists them. Many can be added to its table or removed at once."""

import socket
from collections.abc import Iterable, Iterator
from itertools import islice

from ringfence.netlink.codec import attribute, encode_message, nested, uint32
from ringfence.netlink.conntrack import (
    CTA_ID,
    CTA_IP_V4_DST,
    CTA_IP_V4_SRC,
    CTA_IP_V6_DST,
    CTA_IP_V6_SRC,
    CTA_PROTO_DST_PORT,
    CTA_PROTO_NUM,
    CTA_PROTO_SRC_PORT,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    CTA_TUPLE_REPLY,
    IPCTNL_MSG_CT_GET,
)
from ringfence.netlink.conntrack_reversal import IPCTNL_MSG_CT_DELETE
from ringfence.netlink.constants import NETLINK_NETFILTER, NFGENMSG_SIZE, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST
from ringfence.netlink.socket import NetlinkSocket

_CREATE = IPCTNL_MSG_CT_GET - 1
"""IPCTNL_MSG_CT_NEW is 0, IPCTNL_MSG_CT_GET is 1."""

_CTA_TIMEOUT, _CTA_PROTOINFO, _CTA_PROTOINFO_TCP, _CTA_PROTOINFO_TCP_STATE = 7, 4, 1, 1
_ESTABLISHED = 3
_HOUR = 3_600
_AT_ONCE = 500

End = tuple[bytes, int | None]
"""An address, and a port if the protocol has any."""


def entry(source: End, destination: End, protocol: int, *more: bytes, answering: End | None = None) -> bytes:
    """The entry of a connection. `answering` is the address that the destination is translated to, and that answers."""
    family = socket.AF_INET if len(source[0]) == 4 else socket.AF_INET6
    tuples = (
        _tuple(CTA_TUPLE_ORIG, source, destination, protocol),
        _tuple(CTA_TUPLE_REPLY, answering or destination, source, protocol),
    )
    return bytes([family, 0, 0, 0]) + b"".join((*tuples, *more))


def listed(source: End, destination: End, protocol: int, *, identifier: int, answering: End | None = None) -> bytes:
    """A numbered entry in the form in which the kernel lists it."""
    return entry(source, destination, protocol, uint32(CTA_ID, identifier), answering=answering)


def _tuple(type: int, source: End, destination: End, protocol: int) -> bytes:
    numbers = (CTA_IP_V4_SRC, CTA_IP_V4_DST) if len(source[0]) == 4 else (CTA_IP_V6_SRC, CTA_IP_V6_DST)
    addresses = [attribute(number, end[0]) for number, end in zip(numbers, (source, destination), strict=True)]
    ports = [
        attribute(number, end[1].to_bytes(2, "big"))
        for number, end in ((CTA_PROTO_SRC_PORT, source), (CTA_PROTO_DST_PORT, destination))
        if end[1] is not None
    ]
    numbered = attribute(CTA_PROTO_NUM, bytes([protocol]))
    return nested(type, nested(CTA_TUPLE_IP, *addresses), nested(CTA_TUPLE_PROTO, numbered, *ports))


def track(entries: Iterable[bytes]) -> None:
    """Make the kernel of the present network track these TCP or UDP connections, as if they were open."""
    flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL
    requests = (encode_message(_CREATE, flags, number, one + _OPEN) for number, one in enumerate(entries, 1))
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        while some := b"".join(islice(requests, _AT_ONCE)):
            netlink.send(some)
        assert netlink.errors() == []


_OPEN = uint32(_CTA_TIMEOUT, _HOUR) + nested(
    _CTA_PROTOINFO, nested(_CTA_PROTOINFO_TCP, attribute(_CTA_PROTOINFO_TCP_STATE, bytes([_ESTABLISHED])))
)


def forget_connections() -> None:
    """Make the kernel of the present network forget all tracked connections."""
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        netlink.request(IPCTNL_MSG_CT_DELETE, 0, bytes(NFGENMSG_SIZE))


def clients_of(servers: Iterable[bytes], count: int, *, port: int = 80, protocol: int = 6) -> Iterator[bytes]:
    """Entries for this many connections from outside addresses, to each server in turn."""
    targets = list(servers)
    for number in range(count):
        source = (0x0B000000 + number // 50_000).to_bytes(4, "big"), 10_000 + number % 50_000
        yield entry(source, (targets[number % len(targets)], port), protocol)
