"""Network interfaces: veth pairs between network namespaces, bridges, and VXLAN tunnels.

Source: rtnetlink(7); `<linux/rtnetlink.h>`, `<linux/if.h>`, `<linux/if_link.h>`, `<linux/veth.h>`.
"""

import struct
from collections import Counter
from typing import Final

import msgspec

from ringfence.netlink.codec import attribute, attributes, each_attribute, read_string, string
from ringfence.netlink.constants import NETLINK_ROUTE, NLM_F_CREATE, NLM_F_EXCL
from ringfence.netlink.requests import IPAddress, NetworkRequest
from ringfence.netlink.socket import NetlinkSocket

LOOPBACK: Final = 1
"""The interface number of `lo` in each network namespace."""

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18

IFF_UP: Final = 0x1

IFLA_ADDRESS: Final = 1
IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
IFLA_MASTER: Final = 10
IFLA_OPERSTATE: Final = 16
IFLA_LINKINFO: Final = 18
IFLA_NET_NS_FD: Final = 28
IFLA_INFO_KIND: Final = 1
IFLA_INFO_DATA: Final = 2
IFLA_INFO_SLAVE_KIND: Final = 4
IFLA_INFO_SLAVE_DATA: Final = 5
VETH_INFO_PEER: Final = 1
IFLA_BRPORT_MODE: Final = 4
IFLA_BR_NF_CALL_IPTABLES: Final = 36
IFLA_BR_NF_CALL_IP6TABLES: Final = 37
IFLA_VXLAN_ID: Final = 1
IFLA_VXLAN_LINK: Final = 3
IFLA_VXLAN_LOCAL: Final = 4
IFLA_VXLAN_LEARNING: Final = 7
IFLA_VXLAN_PORT: Final = 15
IFLA_VXLAN_LOCAL6: Final = 17
IFLA_GENEVE_PORT: Final = 5

IF_OPER_UP: Final = 6

IFINFOMSG: Final = struct.Struct("=BxHiII")
"""`struct ifinfomsg`: family, type, number of the interface, flags, and which flags to change."""


class BridgeState(msgspec.Struct, frozen=True):
    """A bridge, the number of its ports, and whether its own settings pass IPv4 and IPv6 packets to packet filters."""

    name: str
    ports: int
    filters_ipv4: bool
    filters_ipv6: bool


class LinkEnd(msgspec.Struct, frozen=True):
    """One end of a link: the name, number and hardware address of its interface, and its MTU (0: the kernel's default).

    `bridge` is the number of the bridge to which the interface is attached as a port; 0 if there is none.
    """

    name: str
    index: int
    hardware_address: bytes
    mtu: int = 0
    bridge: int = 0


def add_link(end: LinkEnd, far_end: LinkEnd, far_namespace: int) -> NetworkRequest:
    """Create a veth pair: `end` in the namespace of the socket, `far_end` in that of the descriptor `far_namespace`.

    `end` is created up. The far end has to be brought up in its own namespace, because a veth cannot be up before its
    peer exists.
    """
    far = _link(far_end, 0, attribute(IFLA_NET_NS_FD, struct.pack("=I", far_namespace)))
    return _add(end, "veth", attribute(VETH_INFO_PEER, far), f"link {end.name} to {far_end.name}")


def add_bridge(end: LinkEnd) -> NetworkRequest:
    """Create a bridge, which is up. `end` is the interface of the bridge itself."""
    return _add(end, "bridge", b"", f"bridge {end.name}")


def set_hairpin(index: int) -> NetworkRequest:
    """Let a bridge send frames back through the port on which they arrived (hairpin mode).

    A pod needs this to reach itself through a Service.
    """
    data = attribute(IFLA_INFO_SLAVE_DATA, attribute(IFLA_BRPORT_MODE, b"\1"))
    info = attribute(IFLA_LINKINFO, string(IFLA_INFO_SLAVE_KIND, "bridge") + data)
    return NetworkRequest(RTM_NEWLINK, 0, IFINFOMSG.pack(0, 0, index, 0, 0) + info, f"hairpin mode of port {index}")


def add_vxlan(end: LinkEnd, network: int, port: int, local: IPAddress, underlay: int) -> NetworkRequest:
    """Create a VXLAN tunnel, which is up. It learns no addresses: the destination of each frame has to be configured.

    `network` is the VXLAN network identifier. Packets are sent from the address `local`, over the interface `underlay`,
    to the UDP `port`.
    """
    local_type = IFLA_VXLAN_LOCAL if local.version == 4 else IFLA_VXLAN_LOCAL6
    settings = (
        attribute(IFLA_VXLAN_ID, struct.pack("=I", network)),
        attribute(IFLA_VXLAN_LINK, struct.pack("=I", underlay)),
        attribute(local_type, local.packed),
        # The only big-endian number here, as in UDP headers. The port has to be set: the kernel's default is 8472, not
        # 4789.
        attribute(IFLA_VXLAN_PORT, struct.pack(">H", port)),
        attribute(IFLA_VXLAN_LEARNING, b"\0"),
    )
    return _add(end, "vxlan", b"".join(settings), f"tunnel {end.name}")


def bring_up(index: int) -> NetworkRequest:
    """Bring an interface up."""
    return NetworkRequest(RTM_NEWLINK, 0, IFINFOMSG.pack(0, 0, index, IFF_UP, IFF_UP), f"interface {index} up")


def announce(end: LinkEnd) -> NetworkRequest:
    """Have an interface announce the hardware address of each of its addresses to its neighbours.

    The kernel does so when a hardware address is set, even to the same value, if `arp_notify` and `ndisc_notify` are
    on. It also deletes the neighbour entries of the interface, including permanent ones.
    """
    body = IFINFOMSG.pack(0, 0, end.index, 0, 0) + attribute(IFLA_ADDRESS, end.hardware_address)
    return NetworkRequest(RTM_NEWLINK, 0, body, f"announcement of {end.name}")


def remove_link(index: int) -> NetworkRequest:
    """Remove an interface, and its peer."""
    return NetworkRequest(RTM_DELLINK, 0, IFINFOMSG.pack(0, 0, index, 0, 0), f"interface {index} removed")


def operational_links() -> set[int]:
    """The numbers of the interfaces of the calling thread's network namespace that are operational.

    An interface that is brought up before its peer drops packets until the kernel has noticed that the peer is up,
    which takes some time.
    """
    operational: set[int] = set()
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        for body in netlink.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0)):
            # IFF_UP would not do: it is set when the interface is brought up, before the link works.
            if (IFLA_OPERSTATE, bytes([IF_OPER_UP])) in each_attribute(body[IFINFOMSG.size :]):
                operational.add(IFINFOMSG.unpack_from(body)[2])
    return operational


def list_bridges(netlink: NetlinkSocket) -> list[BridgeState]:
    """The bridges of the socket's network namespace. Raises OSError if the kernel refuses."""
    ports: Counter[int] = Counter()
    names: dict[int, str] = {}
    found: dict[int, dict[int, bytes]] = {}
    for body in netlink.dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0)):
        settings = attributes(body[IFINFOMSG.size :])
        if IFLA_MASTER in settings:
            # The master may be a bond or a VRF instead. Only the numbers of bridges are looked up below.
            ports[struct.unpack("=I", settings[IFLA_MASTER])[0]] += 1
        info = attributes(settings.get(IFLA_LINKINFO, b""))
        if read_string(info.get(IFLA_INFO_KIND, b"")) == "bridge":
            found[IFINFOMSG.unpack_from(body)[2]] = attributes(info.get(IFLA_INFO_DATA, b""))
            names[IFINFOMSG.unpack_from(body)[2]] = read_string(settings[IFLA_IFNAME])
    return [
        BridgeState(
            names[index],
            ports[index],
            settings.get(IFLA_BR_NF_CALL_IPTABLES) == b"\1",
            settings.get(IFLA_BR_NF_CALL_IP6TABLES) == b"\1",
        )
        for index, settings in found.items()
    ]


def _add(end: LinkEnd, kind: str, data: bytes, meaning: str) -> NetworkRequest:
    info = attribute(IFLA_LINKINFO, string(IFLA_INFO_KIND, kind) + attribute(IFLA_INFO_DATA, data))
    return NetworkRequest(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, _link(end, IFF_UP, info), meaning)


def _link(end: LinkEnd, flags: int, rest: bytes) -> bytes:
    settings = string(IFLA_IFNAME, end.name) + attribute(IFLA_ADDRESS, end.hardware_address)
    if end.mtu:
        settings += attribute(IFLA_MTU, struct.pack("=I", end.mtu))
    if end.bridge:
        settings += attribute(IFLA_MASTER, struct.pack("=I", end.bridge))
    return IFINFOMSG.pack(0, 0, end.index, flags, flags) + settings + rest
