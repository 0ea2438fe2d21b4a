"""Addresses of network interfaces.

The node's own addresses distinguish the connections that it opens, which are subject to no policy, from those that it
forwards.

Source: rtnetlink(7); `<linux/if_addr.h>`.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final

from ringfence.netlink.codec import attribute, attributes
from ringfence.netlink.constants import NLM_F_CREATE, NLM_F_EXCL
from ringfence.netlink.requests import IPAddress, NetworkRequest, address_family
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets import intervals
from ringfence.sets.addresses import Addresses, Family

RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22

IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_FLAGS: Final = 8
IFA_TARGET_NETNSID: Final = 10
IFA_F_NODAD: Final = 0x02
IFA_F_NOPREFIXROUTE: Final = 0x200
RT_SCOPE_UNIVERSE: Final = 0

_IFADDRMSG: Final = struct.Struct("=BBBBI")
"""`struct ifaddrmsg`: family, length of the prefix, flags, scope, number of the interface."""

_FAMILIES: Final[dict[int, Family]] = {socket.AF_INET: Family.IPV4, socket.AF_INET6: Family.IPV6}


def add_address(
    index: int, ip: IPAddress, prefix_length: int | None = None, *, prefix_route: bool = True
) -> NetworkRequest:
    """Add an address to an interface. It can be used immediately (no duplicate address detection).

    Without `prefix_length` the address is the only one of its subnet. With it, the kernel adds a route to the subnet
    over the interface, unless `prefix_route` is false.
    """
    flags = IFA_F_NODAD | (0 if prefix_route else IFA_F_NOPREFIXROUTE)
    body = _address(index, ip, prefix_length) + attribute(IFA_FLAGS, struct.pack("=I", flags))
    return NetworkRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body, f"address {ip}")


def remove_address(index: int, ip: IPAddress, prefix_length: int | None = None) -> NetworkRequest:
    """Remove the address that `add_address` added."""
    return NetworkRequest(RTM_DELADDR, 0, _address(index, ip, prefix_length), f"address {ip} removed")


def addresses_of(netlink: NetlinkSocket, namespace: int | None = None) -> Iterator[tuple[int, Family, int]]:
    """The interface number, family and integer value of each address of a network namespace.

    This is the socket's namespace, or the one with the identifier `namespace` (netnsid) in it; the socket must be
    strict then. Raises OSError if the kernel refuses: EINVAL if there is no such namespace, EACCES without NET_ADMIN
    over it.
    """
    restriction = b"" if namespace is None else attribute(IFA_TARGET_NETNSID, struct.pack("=i", namespace))
    for body in netlink.dump(RTM_GETADDR, bytes(_IFADDRMSG.size) + restriction):
        settings = attributes(body[_IFADDRMSG.size :])
        # With a peer, IFA_ADDRESS is the address of the peer. An IPv6 address without a peer has only IFA_ADDRESS.
        address = settings.get(IFA_LOCAL) or settings.get(IFA_ADDRESS)
        family = _FAMILIES.get(body[0])
        if address and family is not None:
            yield _IFADDRMSG.unpack_from(body)[4], family, int.from_bytes(address, "big")


def list_addresses(netlink: NetlinkSocket) -> Addresses:
    """All addresses of all interfaces of the socket's network namespace. Raises OSError if the kernel refuses."""
    found: dict[Family, list[tuple[int, int]]] = {family: [] for family in Family}
    for _, family, number in addresses_of(netlink):
        found[family].append((number, number))
    return Addresses(intervals.normalise(found[Family.IPV4]), intervals.normalise(found[Family.IPV6]))


def _address(index: int, ip: IPAddress, prefix_length: int | None) -> bytes:
    length = ip.max_prefixlen if prefix_length is None else prefix_length
    header = _IFADDRMSG.pack(address_family(ip), length, 0, RT_SCOPE_UNIVERSE, index)
    return header + attribute(IFA_LOCAL, ip.packed) + attribute(IFA_ADDRESS, ip.packed)
