"""Links, addresses, routes and neighbours by rtnetlink: many requests in one conversation with the kernel.

The `ip` program would do the same with a process for each namespace. Interface numbers are chosen by the caller, so
that nothing has to be looked up between one request and the next.

Sources: netlink(7), rtnetlink(7), `<linux/rtnetlink.h>`, `<linux/if_link.h>`, `<linux/neighbour.h>`.
"""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import msgspec

IPAddress = IPv4Address | IPv6Address

LOOPBACK: Final = 1
"""The number of `lo` in every network namespace."""


class _Type(IntEnum):
    ERROR = 2
    DONE = 3
    NEW_LINK = 16
    DELETE_LINK = 17
    GET_LINK = 18
    NEW_ADDRESS = 20
    DELETE_ADDRESS = 21
    NEW_ROUTE = 24
    DELETE_ROUTE = 25
    NEW_NEIGHBOUR = 28


class _Flag(IntEnum):
    REQUEST = 0x1
    ACKNOWLEDGE = 0x4
    REPLACE = 0x100
    EXCLUSIVE = 0x200
    DUMP = 0x300
    CREATE = 0x400


_NEW: Final = _Flag.REQUEST | _Flag.CREATE | _Flag.EXCLUSIVE
_RENEW: Final = _Flag.REQUEST | _Flag.CREATE | _Flag.REPLACE
_HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR: Final = struct.Struct("=B3xiHBB")
_ERROR: Final = struct.Struct("=iIHHII")

_IFF_UP: Final = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_OPERSTATE, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 16, 18, 28
_OPERATIONAL: Final = bytes([6])
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_F_NODAD = 1, 2, 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_RT_TABLE_MAIN, _RTPROT_STATIC, _RTN_UNICAST, _RTNH_F_ONLINK = 254, 4, 1, 4
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK, _RT_SCOPE_NOWHERE = 0, 253, 255
_NDA_DST, _NDA_LLADDR, _NUD_PERMANENT = 1, 2, 0x80

_BATCH: Final = 64 * 1024
"""Bytes sent at once: well inside the send buffer of an unprivileged socket (212,992 bytes)."""


class NetworkRequest(msgspec.Struct, frozen=True):
    """One change to ask for, and how to name it when the kernel refuses."""

    type: int
    flags: int
    body: bytes
    meaning: str


class LinkEnd(msgspec.Struct, frozen=True):
    """One end of a link: its interface's name and number, and its hardware address."""

    name: str
    index: int
    hardware_address: bytes


def link(end: LinkEnd, far_end: LinkEnd, far_namespace: int) -> NetworkRequest:
    """A veth pair: `end`, already up, in the namespace of the conversation, `far_end` in `far_namespace`.

    The far end has to be brought up over there: a veth cannot be up before its peer exists.
    """
    far = _link_body(far_end, 0, _attribute(_IFLA_NET_NS_FD, struct.pack("=I", far_namespace)))
    data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, far))
    info = _attribute(_IFLA_LINKINFO, _attribute(_IFLA_INFO_KIND, b"veth") + data)
    return NetworkRequest(_Type.NEW_LINK, _NEW, _link_body(end, _IFF_UP, info), f"link {end.name} to {far_end.name}")


def bring_up(index: int) -> NetworkRequest:
    """Turn an interface on."""
    return NetworkRequest(
        _Type.NEW_LINK, _Flag.REQUEST, _LINK.pack(0, 0, index, _IFF_UP, _IFF_UP), f"interface {index} up"
    )


def remove_link(index: int) -> NetworkRequest:
    """Remove an interface, and with it the other end of the link."""
    return NetworkRequest(_Type.DELETE_LINK, _Flag.REQUEST, _LINK.pack(0, 0, index, 0, 0), f"interface {index} removed")


def address(index: int, ip: IPAddress) -> NetworkRequest:
    """Give an interface one address, alone in its subnet, and use it at once (no duplicate address detection)."""
    return NetworkRequest(_Type.NEW_ADDRESS, _NEW, _address_body(index, ip), f"address {ip}")


def remove_address(index: int, ip: IPAddress) -> NetworkRequest:
    """Take back what `address` gave."""
    return NetworkRequest(_Type.DELETE_ADDRESS, _Flag.REQUEST, _address_body(index, ip), f"address {ip} removed")


def route(index: int, destination: IPAddress, gateway: IPAddress | None = None) -> NetworkRequest:
    """Reach one address through an interface, directly or by way of `gateway` at the other end of the link."""
    to = _attribute(_RTA_DST, destination.packed)
    body = _route_body(destination, destination.max_prefixlen, index, gateway) + to
    return NetworkRequest(_Type.NEW_ROUTE, _NEW, body, f"route to {destination}")


def remove_route(index: int, destination: IPAddress) -> NetworkRequest:
    """Take back what `route` gave."""
    family, length = _family(destination), destination.max_prefixlen
    any_route = _ROUTE.pack(family, length, 0, 0, _RT_TABLE_MAIN, 0, _RT_SCOPE_NOWHERE, 0, 0)
    by = _attribute(_RTA_OIF, struct.pack("=I", index))
    body = any_route + _attribute(_RTA_DST, destination.packed) + by
    return NetworkRequest(_Type.DELETE_ROUTE, _Flag.REQUEST, body, f"route to {destination} removed")


def default_route(index: int, gateway: IPAddress) -> NetworkRequest:
    """Reach everything else by way of `gateway` at the other end of an interface's link.

    The kernel forgets it when an interface loses its last address.
    """
    return NetworkRequest(
        _Type.NEW_ROUTE, _RENEW, _route_body(gateway, 0, index, gateway), f"default route by {gateway}"
    )


def neighbour(index: int, ip: IPAddress, hardware_address: bytes) -> NetworkRequest:
    """Who has `ip` on a link, for ever.

    Nobody has to be asked then, and the entry does not count against the kernel's limit (1,024 by default for all
    namespaces of a machine together).
    """
    header = _NEIGHBOUR.pack(_family(ip), index, _NUD_PERMANENT, 0, 0)
    body = header + _attribute(_NDA_DST, ip.packed) + _attribute(_NDA_LLADDR, hardware_address)
    return NetworkRequest(_Type.NEW_NEIGHBOUR, _RENEW, body, f"neighbour {ip}")


def carry_out(requests: Iterable[NetworkRequest]) -> None:
    """Have the kernel carry out `requests`, in order, in the calling thread's network namespace.

    Raises OSError, naming the request, for the first one that was refused; those after it were tried nevertheless.
    """
    with _conversation() as conversation:
        for batch in _batches(requests):
            conversation.send(b"".join(_message(i, batch[i], last=i == len(batch) - 1) for i in range(len(batch))))
            _await_acknowledgement(conversation, batch)


def operational_links() -> set[int]:
    """The numbers of the interfaces of this network namespace that carry packets.

    An interface that is turned on before the other end of its link is drops packets until the kernel has found time to
    notice the other end.
    """
    operational: set[int] = set()
    with _conversation() as conversation:
        question = NetworkRequest(
            _Type.GET_LINK, _Flag.REQUEST | _Flag.DUMP, _LINK.pack(0, 0, 0, 0, 0), "list of links"
        )
        conversation.send(_message(0, question, last=False))
        while True:
            for kind, body in _received(conversation):
                if kind == _Type.DONE:
                    return operational
                if (_IFLA_OPERSTATE, _OPERATIONAL) in _attributes(body, _LINK.size):
                    operational.add(_LINK.unpack_from(body)[2])


def _conversation() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)


def _batches(requests: Iterable[NetworkRequest]) -> Iterator[list[NetworkRequest]]:
    batch: list[NetworkRequest] = []
    size = 0
    for request in requests:
        length = _HEADER.size + len(request.body)
        if batch and size + length > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += length
    if batch:
        yield batch


def _message(number: int, request: NetworkRequest, *, last: bool) -> bytes:
    """Refusals are always reported; only the last of a batch asks for an answer when all went well."""
    flags = request.flags | (_Flag.ACKNOWLEDGE if last else 0)
    return _HEADER.pack(_HEADER.size + len(request.body), request.type, flags, number, 0) + request.body


def _await_acknowledgement(conversation: socket.socket, batch: list[NetworkRequest]) -> None:
    refusal: OSError | None = None
    while True:
        for kind, body in _received(conversation):
            if kind != _Type.ERROR:
                continue
            negative, _, _, _, number, _ = _ERROR.unpack_from(body)
            if negative and refusal is None:
                refusal = OSError(-negative, f"{batch[number].meaning}: {os.strerror(-negative)}")
            if number == len(batch) - 1:
                if refusal:
                    raise refusal
                return


def _received(conversation: socket.socket) -> Iterator[tuple[int, bytes]]:
    """The messages of the next packet: their types and bodies."""
    packet = conversation.recv(_BATCH)
    at = 0
    while at < len(packet):
        length, kind, _, _, _ = _HEADER.unpack_from(packet, at)
        yield kind, packet[at + _HEADER.size : at + length]
        at += -(-length // 4) * 4


def _attributes(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The attributes of a message, which begin at a position of its body."""
    while at < len(body):
        length, key = struct.unpack_from("=HH", body, at)
        yield key, body[at + 4 : at + length]
        at += -(-length // 4) * 4


def _link_body(end: LinkEnd, flags: int, rest: bytes) -> bytes:
    return (
        _LINK.pack(0, 0, end.index, flags, flags)
        + _attribute(_IFLA_IFNAME, end.name.encode() + b"\0")
        + _attribute(_IFLA_ADDRESS, end.hardware_address)
        + rest
    )


def _address_body(index: int, ip: IPAddress) -> bytes:
    header = _ADDRESS.pack(_family(ip), ip.max_prefixlen, _IFA_F_NODAD, _RT_SCOPE_UNIVERSE, index)
    return header + _attribute(_IFA_LOCAL, ip.packed) + _attribute(_IFA_ADDRESS, ip.packed)


def _route_body(ip: IPAddress, prefix_length: int, index: int, gateway: IPAddress | None) -> bytes:
    scope = _RT_SCOPE_UNIVERSE if gateway or ip.version == 6 else _RT_SCOPE_LINK
    flags = _RTNH_F_ONLINK if gateway else 0
    header = _ROUTE.pack(_family(ip), prefix_length, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, scope, _RTN_UNICAST, flags)
    by = _attribute(_RTA_GATEWAY, gateway.packed) if gateway else b""
    return header + _attribute(_RTA_OIF, struct.pack("=I", index)) + by


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _family(ip: IPAddress) -> int:
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6
