"""Virtual cables (veth) that end in this network namespace, and what is at their far ends.

The kernel lists the addresses of an interface in another namespace, by the number that this namespace has for that
one. It requires rights over the network of the other namespace (NET_ADMIN), which root of the machine has over those of
all pods. No packet is needed for this answer, and none can forge it.

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
"""What the kernel answers about a namespace, or an interface, that is no longer there."""

_TUNNEL_PORTS: Final = {"vxlan": IFLA_VXLAN_PORT, "geneve": IFLA_GENEVE_PORT}
"""The kinds of tunnels over UDP, and the attribute with the port at which one takes frames out of datagrams."""

_FORBIDDEN: Final = (errno.EACCES, errno.EPERM)


class RemoteInterface(NamedTuple):
    """Where a cable ends: the number that the kernel has here for the namespace, and that of the interface there."""

    namespace: int
    interface: int


class Veth(NamedTuple):
    """An end of a cable in this namespace, by the number and the name of its interface.

    `bridge` is the number of the bridge of which it is a port, 0 if of none. Without `far_end`, the other end is in
    this namespace, too.
    """

    number: int
    name: str
    bridge: int
    far_end: RemoteInterface | None


class NodeLinks(NamedTuple):
    """What a network namespace has: cables, the hardware addresses of bridges, and the addresses of interfaces.

    `tunnels` are the UDP ports at which tunnels (VXLAN, Geneve) take frames out of datagrams. `underlays` are the
    numbers of the interfaces to which VXLAN tunnels are bound: their datagrams come in and go out there.
    """

    veths: tuple[Veth, ...] = ()
    bridges: Mapping[int, bytes] = {}
    addresses: frozenset[tuple[int, Address]] = frozenset()
    tunnels: frozenset[int] = frozenset()
    underlays: frozenset[int] = frozenset()


class FarEnd(NamedTuple):
    """The interface at the far end of a cable."""

    addresses: frozenset[Address]
    hardware_address: bytes


class VethReader:
    """Reads the links of the network namespace in which the calling thread is when this is made."""

    def __init__(self) -> None:
        """Raises OSError where the kernel has no netlink."""
        # Only with strict checks does the kernel look at what a list is to be restricted to.
        self._netlink = NetlinkSocket(NETLINK_ROUTE, strict=True)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def links(self) -> NodeLinks:
        """What there is now. Raises OSError where the kernel refuses."""
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
        """What is at the far end; None if it cannot be known: it is gone, or this process has no rights over it."""
        if veth.far_end is None:
            return None
        namespace, interface = veth.far_end
        target = attribute(IFLA_TARGET_NETNSID, struct.pack("=i", namespace))
        try:
            answer = self._netlink.ask(RTM_GETLINK, IFINFOMSG.pack(0, 0, interface, 0, 0) + target)
            listed = list(addresses_of(self._netlink, namespace))
        except OSError as error:
            if error.errno not in (*_GONE, *_FORBIDDEN):
                raise
            return None
        own = frozenset((family, address) for number, family, address in listed if number == interface)
        return FarEnd(own, attributes(answer[IFINFOMSG.size :]).get(IFLA_ADDRESS, b""))

    def _listed(self, kind: str) -> list[bytes]:
        restriction = attribute(IFLA_LINKINFO, string(IFLA_INFO_KIND, kind))
        return self._netlink.dump(RTM_GETLINK, bytes(IFINFOMSG.size) + restriction)


def _decoded(body: bytes) -> Veth:
    settings = attributes(body[IFINFOMSG.size :])
    namespace = settings.get(IFLA_LINK_NETNSID)
    far_end = RemoteInterface(_number(namespace), _number(settings.get(IFLA_LINK, b""))) if namespace else None
    number, name = IFINFOMSG.unpack_from(body)[2], read_string(settings.get(IFLA_IFNAME, b""))
    return Veth(number, name, _number(settings.get(IFLA_MASTER, b"")), far_end)


def _ports(body: bytes) -> Iterator[int]:
    """The port of a tunnel. Where the kernel does not know a kind, it lists links of all kinds."""
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
    return int.from_bytes(value, sys.byteorder, signed=True)
