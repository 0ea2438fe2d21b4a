"""Links between namespaces.

Nodes and the hosts outside the cluster are linked to the fabric, and pods of a routed pod network to their nodes, by
routed links: point to point, without addresses of their own. The lower end has one or more addresses of full length
(/32, /128) and sends everything to the upper end; the upper end has one route to each of these addresses. Neighbour
entries are permanent: no probe waits for ARP or neighbour discovery, and they do not count against the kernel's limit
(1,024 by default for all namespaces of a machine together).
"""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Final

import msgspec

from ringfence.lab.network.kernel_settings import is_supported
from ringfence.lab.network.network_stack import NetworkStack
from ringfence.lab.network.topology import IPAddress
from ringfence.netlink.addresses import add_address
from ringfence.netlink.links import LOOPBACK, LinkEnd, add_link, announce, bring_up
from ringfence.netlink.requests import NetworkRequest
from ringfence.netlink.routes import add_route, set_default_route, set_neighbour

UPLINK: Final = 2
"""The number of a lower end: the first interface after `lo` in its namespace."""

LOWER_GATEWAY: Final[dict[int, IPAddress]] = {4: ip_address("169.254.1.2"), 6: ip_address("fe80::2")}
_UPPER_GATEWAY: Final[dict[int, IPAddress]] = {4: ip_address("169.254.1.1"), 6: ip_address("fe80::1")}
"""The ends of a link as routes name them. Neither end has such an address: it only exists as a neighbour entry."""

# Every routed link has the same two hardware addresses: a point-to-point link has no third end that could conflict.
_UPPER_HARDWARE: Final = bytes.fromhex("020000000001")
_LOWER_HARDWARE: Final = bytes.fromhex("020000000002")


class LowerEnd(msgspec.Struct, frozen=True):
    """A namespace to link to an upper one, with the addresses that it gets."""

    name: str
    stack: NetworkStack
    addresses: tuple[IPAddress, ...] = ()


class Link(msgspec.Struct, frozen=True):
    """A link: its two ends, and what has to be set up in both namespaces once their interfaces are up.

    The lower end of a link that `announces` itself tells its neighbours its addresses once the link carries packets:
    they may know another namespace that had these addresses before.
    """

    upper_end: LinkEnd
    lower_end: LinkEnd
    in_upper: tuple[NetworkRequest, ...]
    in_lower: tuple[NetworkRequest, ...]
    announces: bool = False


LinkKind = Callable[[int, LowerEnd], Link]
"""How a lower end is linked: called with the number that the upper end gets, and the lower end."""


def attach(upper: NetworkStack, lower_ends: list[LowerEnd], kind: LinkKind) -> dict[str, int]:
    """Link namespaces to an upper one and wait until packets reach them; the links' numbers there, by name."""
    links = {lower.name: kind(upper.new_link_number(), lower) for lower in lower_ends}
    upper.send(
        add_link(links[lower.name].upper_end, links[lower.name].lower_end, lower.stack.descriptor)
        for lower in lower_ends
    )
    for lower in lower_ends:
        lower.stack.send([bring_up(LOOPBACK), bring_up(UPLINK), *links[lower.name].in_lower])
    for link in links.values():
        upper.send(link.in_upper)
    numbers = {name: link.upper_end.index for name, link in links.items()}
    upper.wait_for_links(set(numbers.values()))
    for lower in lower_ends:
        lower.stack.wait_for_addresses(lower.addresses)
        if links[lower.name].announces:
            lower.stack.send([announce(links[lower.name].lower_end)])
    return numbers


def routed_link(number: int, lower: LowerEnd) -> Link:
    """A link without addresses of its own, as described at the top of this module."""
    return Link(
        LinkEnd(f"link{number}", number, _UPPER_HARDWARE),
        LinkEnd("eth0", UPLINK, _LOWER_HARDWARE),
        # The gateway is for routes to addresses behind the lower end.
        in_upper=(
            *(set_neighbour(number, gateway, _LOWER_HARDWARE) for gateway in _supported(LOWER_GATEWAY)),
            *add_routes_down(number, lower.addresses),
        ),
        in_lower=(*(add_address(UPLINK, ip) for ip in lower.addresses), *add_routes_up()),
    )


def add_routes_up() -> Iterator[NetworkRequest]:
    """The way out of a lower end: everything goes to the upper end."""
    for gateway in _supported(_UPPER_GATEWAY):
        yield set_neighbour(UPLINK, gateway, _UPPER_HARDWARE)
        yield set_default_route(UPLINK, gateway)


def add_routes_down(link: int, addresses: Iterable[IPAddress]) -> Iterator[NetworkRequest]:
    """The way from an upper end to each address of the lower end."""
    for ip in addresses:
        yield set_neighbour(link, ip, _LOWER_HARDWARE)
        yield add_route(link, ip)


def _supported(gateways: dict[int, IPAddress]) -> list[IPAddress]:
    return [ip for version, ip in gateways.items() if is_supported(version)]
