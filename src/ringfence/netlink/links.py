"""Network interfaces and the virtual cables (veth) between network namespaces.

Source: rtnetlink(7); `<linux/rtnetlink.h>`, `<linux/if.h>`, `<linux/if_link.h>`, `<linux/veth.h>`.
"""

import struct
from typing import Final

import msgspec

from ringfence.netlink.codec import attribute, each_attribute, string
from ringfence.netlink.constants import NETLINK_ROUTE, NLM_F_CREATE, NLM_F_EXCL
from ringfence.netlink.requests import NetworkRequest
from ringfence.netlink.socket import NetlinkSocket

LOOPBACK: Final = 1
"""The number of `lo` in every network namespace."""

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18

IFF_UP: Final = 0x1

IFLA_ADDRESS: Final = 1
IFLA_IFNAME: Final = 3
IFLA_OPERSTATE: Final = 16
IFLA_LINKINFO: Final = 18
IFLA_NET_NS_FD: Final = 28
IFLA_INFO_KIND: Final = 1
IFLA_INFO_DATA: Final = 2
VETH_INFO_PEER: Final = 1

IF_OPER_UP: Final = 6

_IFINFOMSG: Final = struct.Struct("=BxHiII")
"""`struct ifinfomsg`: family, type, number of the interface, flags, and which flags to change."""


class LinkEnd(msgspec.Struct, frozen=True):
    """One end of a link: its interface's name and number, and its hardware address."""

    name: str
    index: int
    hardware_address: bytes


def add_link(end: LinkEnd, far_end: LinkEnd, far_namespace: int) -> NetworkRequest:
    """Make a veth pair: `end`, already up, in the namespace of the socket, `far_end` in that of a file descriptor.

    The far end has to be brought up over there: a veth cannot be up before its peer exists.
    """
    far = _link(far_end, 0, attribute(IFLA_NET_NS_FD, struct.pack("=I", far_namespace)))
    data = attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, far))
    near = _link(end, IFF_UP, attribute(IFLA_LINKINFO, string(IFLA_INFO_KIND, "veth") + data))
    return NetworkRequest(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, near, f"link {end.name} to {far_end.name}")


def bring_up(index: int) -> NetworkRequest:
    """Turn an interface on."""
    return NetworkRequest(RTM_NEWLINK, 0, _IFINFOMSG.pack(0, 0, index, IFF_UP, IFF_UP), f"interface {index} up")


def remove_link(index: int) -> NetworkRequest:
    """Remove an interface, and with it the other end of the link."""
    return NetworkRequest(RTM_DELLINK, 0, _IFINFOMSG.pack(0, 0, index, 0, 0), f"interface {index} removed")


def operational_links() -> set[int]:
    """The numbers of the interfaces of the calling thread's network namespace that carry packets.

    An interface that is turned on before the other end of its link drops packets until the kernel has noticed that the
    other end is up, which happens a little later.
    """
    operational: set[int] = set()
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        for body in netlink.dump(RTM_GETLINK, _IFINFOMSG.pack(0, 0, 0, 0, 0)):
            if (IFLA_OPERSTATE, bytes([IF_OPER_UP])) in each_attribute(body[_IFINFOMSG.size :]):
                operational.add(_IFINFOMSG.unpack_from(body)[2])
    return operational


def _link(end: LinkEnd, flags: int, rest: bytes) -> bytes:
    name, address = string(IFLA_IFNAME, end.name), attribute(IFLA_ADDRESS, end.hardware_address)
    return _IFINFOMSG.pack(0, 0, end.index, flags, flags) + name + address + rest
