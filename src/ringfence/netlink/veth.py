"""Veth pairs with one end in this network namespace, and the interfaces at their far ends.

The kernel lists the addresses of interfaces in another namespace, given the identifier of that namespace in this one
(netnsid). It requires NET_ADMIN over the other network namespace, which root of the machine has over those of all pods.
No packets are involved, so none can forge the answer.

Source: rtnetlink(7); `<linux/if_link.h>` (IFLA_LINK_NETNSID); `<linux/if_addr.h>` (IFA_TARGET_NETNSID, Linux 5.0).
"""

import errno
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.netlink.addresses import addresses_of
from ringfence.netlink.codec import attribute, attributes, read_string, string
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import (
    IFINFOMSG,
    IFLA_ADDRESS,
    IFLA_GENEVE_PORT,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_VXLAN_LINK,
    IFLA_VXLAN_PORT,
    RTM_GETLINK,
)
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Family

IFLA_LINK: Final = 5
IFLA_LINK_NETNSID: Final = 37
IFLA_TARGET_NETNSID: Final = 46

Address = tuple[Family, int]

_GONE: Final = (errno.EINVAL, errno.ENODEV)
"""The errors for a namespace or an interface that no longer exists."""

_TUNNEL_PORTS: Final = {"vxlan": IFLA_VXLAN_PORT, "geneve": IFLA_GENEVE_PORT}
"""The kinds of tunnels over UDP, and the attribute with the UDP port on which the tunnel receives."""

_FORBIDDEN: Final = (errno.EACCES, errno.EPERM)


class RemoteInterface(NamedTuple):
    """The far end of a veth pair: the netnsid of its namespace, and its interface number there."""

    namespace: int
    interface: int


class Veth(NamedTuple):
    """The end of a veth pair in this namespace: the number and name of its interface.

    `bridge` is the number of the bridge to which it is attached as a port; 0 if there is none. Without `far_end`, the
    other end is in this namespace, too.
    """

    number: int
    name: str
    bridge: int
    far_end: RemoteInterface | None


class NodeLinks(NamedTuple):
    """The links of a network namespace: veths, the hardware addresses of bridges, and the addresses of interfaces.

    `bridges` and `addresses` refer to interfaces by number. `tunnels` are the UDP ports on which tunnels (VXLAN,
    Geneve) receive. `underlays` are the numbers of the interfaces to which VXLAN tunnels are bound: their datagrams are
    received and sent there.
    """

    veths: tuple[Veth, ...] = ()
    bridges: Mapping[int, bytes] = {}
    addresses: frozenset[tuple[int, Address]] = frozenset()
    tunnels: frozenset[int] = frozenset()
    underlays: frozenset[int] = frozenset()


class FarEnd(NamedTuple):
    """The interface at the far end of a veth pair."""

    addresses: frozenset[Address]
    hardware_address: bytes


class VethReader:
    """Reads the links of the network namespace of the thread that creates it."""

    def __init__(self) -> None:
        """Raises OSError if the kernel has no netlink."""
        # Without strict checks, the kernel ignores the filters of dump requests.
        self._netlink = NetlinkSocket(NETLINK_ROUTE, strict=True)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def links(self) -> NodeLinks:
        """Read the present links. Raises OSError if the kernel refuses."""
        own = frozenset((number, (family, address)) for number, family, address in addresses_of(self._netlink))
        bridges = {
            IFINFOMSG.unpack_from(body)[2]: attributes(body[IFINFOMSG.size :]).get(IFLA_ADDRESS, b"")
            for body in self._listed("bridge")
        }
        tunnels = [body for kind in _TUNNEL_PORTS for body in self._listed(kind)]
        ports = frozenset(port for body in tunnels for port in _ports(body))
        underlays = frozenset(number for body in tunnels for number in _underlay(body))
        return NodeLinks(tuple(map(_decoded, self._listed("veth"))), bridges, own, ports, underlays)

    def far_end(self, veth: Veth) -> FarEnd | None:
        """Read the far end; None if it no longer exists.

        Raises PermissionError if this process has no rights over the namespace of the far end, and OSError if the
        kernel refuses for another reason.
        """
        if veth.far_end is None:
            return None
        namespace, interface = veth.far_end
        target = attribute(IFLA_TARGET_NETNSID, struct.pack("=i", namespace))
        try:
            answer = self._netlink.ask(RTM_GETLINK, IFINFOMSG.pack(0, 0, interface, 0, 0) + target)
            listed = list(addresses_of(self._netlink, namespace))
        except OSError as error:
            if error.errno in _GONE:
                return None
            if error.errno in _FORBIDDEN:
                raise PermissionError(error.errno, error.strerror) from None
            raise
        own = frozenset((family, address) for number, family, address in listed if number == interface)
        return FarEnd(own, attributes(answer[IFINFOMSG.size :]).get(IFLA_ADDRESS, b""))

    def _listed(self, kind: str) -> list[bytes]:
        restriction = attribute(IFLA_LINKINFO, string(IFLA_INFO_KIND, kind))
        return self._netlink.dump(RTM_GETLINK, bytes(IFINFOMSG.size) + restriction)


def _decoded(body: bytes) -> Veth:
    settings = attributes(body[IFINFOMSG.size :])
    namespace = settings.get(IFLA_LINK_NETNSID)
    # Without the identifier, both ends are in this namespace (rtnl_fill_link_netnsid()).
    far_end = RemoteInterface(_number(namespace), _number(settings.get(IFLA_LINK, b""))) if namespace else None
    number, name = IFINFOMSG.unpack_from(body)[2], read_string(settings.get(IFLA_IFNAME, b""))
    return Veth(number, name, _number(settings.get(IFLA_MASTER, b"")), far_end)


def _ports(body: bytes) -> Iterator[int]:
    """The UDP port of a tunnel. If the kernel does not know a kind, it ignores the filter and lists all links."""
    link = attributes(attributes(body[IFINFOMSG.size :]).get(IFLA_LINKINFO, b""))
    kind = _TUNNEL_PORTS.get(read_string(link.get(IFLA_INFO_KIND, b"")))
    if kind is not None and (port := attributes(link.get(IFLA_INFO_DATA, b"")).get(kind)):
        yield int.from_bytes(port, "big")


def _underlay(body: bytes) -> Iterator[int]:
    """The interface to which a VXLAN tunnel is bound, unless the tunnel was made in another namespace."""
    settings = attributes(body[IFINFOMSG.size :])
    link = attributes(settings.get(IFLA_LINKINFO, b""))
    is_from_here = read_string(link.get(IFLA_INFO_KIND, b"")) == "vxlan" and IFLA_LINK_NETNSID not in settings
    if is_from_here and (bound := attributes(link.get(IFLA_INFO_DATA, b"")).get(IFLA_VXLAN_LINK)):
        yield _number(bound)


def _number(value: bytes) -> int:
    # Signed, because the kernel's identifiers are: -1 is that of a namespace without one (NETNSA_NSID_NOT_ASSIGNED).
    return int.from_bytes(value, sys.byteorder, signed=True)
