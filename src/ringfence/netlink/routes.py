"""Routes, neighbour entries, and the remote ends of tunnels.

Source: rtnetlink(7); `<linux/rtnetlink.h>`, `<linux/neighbour.h>`.
"""

import errno
import socket
import struct
from ipaddress import ip_network
from typing import Final

from ringfence.netlink.codec import attribute
from ringfence.netlink.constants import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from ringfence.netlink.requests import IPAddress, IPNetwork, NetworkRequest, address_family
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26
RTM_NEWNEIGH: Final = 28

RTA_DST: Final = 1
RTA_OIF: Final = 4
RTA_GATEWAY: Final = 5
RT_TABLE_MAIN: Final = 254
RTPROT_STATIC: Final = 4
RTN_UNICAST: Final = 1
RTN_LOCAL: Final = 2
RTNH_F_ONLINK: Final = 4
RT_SCOPE_UNIVERSE: Final = 0
RT_SCOPE_LINK: Final = 253
RT_SCOPE_NOWHERE: Final = 255

NDA_DST: Final = 1
NDA_LLADDR: Final = 2
NUD_PERMANENT: Final = 0x80
NTF_SELF: Final = 0x02

_RTMSG: Final = struct.Struct("=BBBBBBBBI")
"""`struct rtmsg`: family, prefix lengths of destination and source, TOS, table, protocol, scope, type, flags."""

_NDMSG: Final = struct.Struct("=B3xiHBB")
"""`struct ndmsg`: family, number of the interface, state, flags, type."""


def add_route(index: int, destination: IPAddress | IPNetwork, gateway: IPAddress | None = None) -> NetworkRequest:
    """Add a route to an address or network over an interface, directly or via a `gateway` at the link's other end."""
    network = ip_network(destination)
    first = network.network_address
    body = _route(first, network.prefixlen, index, gateway) + attribute(RTA_DST, first.packed)
    return NetworkRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body, f"route to {destination}")


def remove_route(index: int, destination: IPAddress | IPNetwork) -> NetworkRequest:
    """Remove the route that `add_route` added."""
    network = ip_network(destination)
    first = network.network_address
    # Protocol 0, type 0 and the scope "nowhere" match every route.
    any_route = _RTMSG.pack(address_family(first), network.prefixlen, 0, 0, RT_TABLE_MAIN, 0, RT_SCOPE_NOWHERE, 0, 0)
    body = any_route + attribute(RTA_DST, first.packed) + attribute(RTA_OIF, struct.pack("=I", index))
    return NetworkRequest(RTM_DELROUTE, 0, body, f"route to {destination} removed")


def set_default_route(index: int, gateway: IPAddress) -> NetworkRequest:
    """Set the default route via `gateway` at the other end of an interface's link.

    The kernel removes the route when the interface loses its last address.
    """
    body = _route(gateway, 0, index, gateway)
    return NetworkRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, f"default route by {gateway}")


def delivers_here(netlink: NetlinkSocket, ip: IPAddress) -> bool:
    """Whether packets to `ip` are for the socket's network namespace. Raises OSError if the kernel refuses.

    The kernel adds the route to an IPv6 address some time after the address. A work item adds it, which waits for link
    changes of all network namespaces (addrconf_dad_work() of net/ipv6/addrconf.c). Until then, packets to the address
    are dropped.
    """
    destination = _RTMSG.pack(address_family(ip), ip.max_prefixlen, 0, 0, 0, 0, 0, 0, 0) + attribute(RTA_DST, ip.packed)
    try:
        answer = netlink.ask(RTM_GETROUTE, destination)
    except NetlinkError as error:
        if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            raise
        return False
    kind: int = _RTMSG.unpack_from(answer)[7]
    return kind == RTN_LOCAL


def set_neighbour(index: int, ip: IPAddress, hardware_address: bytes) -> NetworkRequest:
    """Set the permanent hardware address of `ip` on a link.

    Then the kernel sends no neighbour solicitations for it, and the entry does not count towards the limit of the
    neighbour table (1,024 by default for all namespaces of a machine together).
    """
    header = _NDMSG.pack(address_family(ip), index, NUD_PERMANENT, 0, 0)
    body = header + attribute(NDA_DST, ip.packed) + attribute(NDA_LLADDR, hardware_address)
    return NetworkRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, f"neighbour {ip}")


def set_tunnel_end(index: int, hardware_address: bytes, ip: IPAddress) -> NetworkRequest:
    """Send a tunnel's frames for a hardware address to the host with the address `ip`.

    It adds a permanent entry to the tunnel's forwarding database, which `bridge fdb` shows.
    """
    header = _NDMSG.pack(socket.AF_BRIDGE, index, NUD_PERMANENT, NTF_SELF, 0)
    body = header + attribute(NDA_DST, ip.packed) + attribute(NDA_LLADDR, hardware_address)
    return NetworkRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, f"tunnel to {ip}")


def _route(ip: IPAddress, prefix_length: int, index: int, gateway: IPAddress | None) -> bytes:
    scope = RT_SCOPE_UNIVERSE if gateway or ip.version == 6 else RT_SCOPE_LINK
    # "onlink": the gateway is in no subnet of this link, so the kernel must not check that it is reachable.
    flags = RTNH_F_ONLINK if gateway else 0
    family = address_family(ip)
    header = _RTMSG.pack(family, prefix_length, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, flags)
    via = attribute(RTA_GATEWAY, gateway.packed) if gateway else b""
    return header + attribute(RTA_OIF, struct.pack("=I", index)) + via
