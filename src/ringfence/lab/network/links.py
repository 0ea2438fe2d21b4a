"""Links between namespaces.

All links are alike, as in a cluster with a routed pod network: point to point, without addresses of their own. The
lower end has one or more addresses of full length (/32, /128) and sends everything to the upper end; the upper end has
one route to each of these addresses. Neighbour entries are permanent: no probe waits for ARP or neighbour discovery,
and they do not count against the kernel's limit (1,024 by default for all namespaces of a machine together).
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

import msgspec

from ringfence.lab.network.network_stack import NetworkStack, is_supported
from ringfence.lab.network.topology import IPAddress
from ringfence.netlink.addresses import add_address
from ringfence.netlink.links import LOOPBACK, LinkEnd, add_link, bring_up
from ringfence.netlink.requests import NetworkRequest
from ringfence.netlink.routes import add_route, set_default_route, set_neighbour

UPLINK: Final = 2
"""The number of a lower end: the first interface after `lo` in its namespace."""

LOWER_GATEWAY: Final[dict[int, IPAddress]] = {4: ip_address("169.254.1.2"), 6: ip_address("fe80::2")}
_UPPER_GATEWAY: Final[dict[int, IPAddress]] = {4: ip_address("169.254.1.1"), 6: ip_address("fe80::1")}
"""The ends of a link as routes name them. Neither end has such an address: it only exists as a neighbour entry."""

# Every link has the same two hardware addresses: it has no other ends that could be confused with them.
_UPPER_HARDWARE: Final = bytes.fromhex("020000000001")
_LOWER_HARDWARE: Final = bytes.fromhex("020000000002")


class LowerEnd(msgspec.Struct, frozen=True):
    """A namespace to link to an upper one, with the addresses that it gets."""

    name: str
    stack: NetworkStack
    addresses: tuple[IPAddress, ...] = ()


def attach(upper: NetworkStack, lower_ends: list[LowerEnd]) -> dict[str, int]:
    """Link namespaces to an upper one and wait until the links carry packets; the links' numbers there, by name."""
    numbers = {end.name: upper.new_link_number() for end in lower_ends}
    upper.send(
        add_link(
            LinkEnd(f"link{numbers[end.name]}", numbers[end.name], _UPPER_HARDWARE),
            LinkEnd("eth0", UPLINK, _LOWER_HARDWARE),
            end.stack.descriptor,
        )
        for end in lower_ends
    )
    for end in lower_ends:
        end.stack.send(_set_up_lower_end(end.addresses))
    for end in lower_ends:
        upper.send(_set_up_upper_end(numbers[end.name], end.addresses))
    upper.wait_for_links(set(numbers.values()))
    return numbers


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


def _set_up_lower_end(addresses: tuple[IPAddress, ...]) -> Iterator[NetworkRequest]:
    yield bring_up(LOOPBACK)
    yield bring_up(UPLINK)
    for ip in addresses:
        yield add_address(UPLINK, ip)
    yield from add_routes_up()


def _set_up_upper_end(link: int, addresses: Iterable[IPAddress]) -> Iterator[NetworkRequest]:
    # For routes to addresses behind the lower end, which name it as their gateway.
    for gateway in _supported(LOWER_GATEWAY):
        yield set_neighbour(link, gateway, _LOWER_HARDWARE)
    yield from add_routes_down(link, addresses)


def _supported(gateways: dict[int, IPAddress]) -> list[IPAddress]:
    return [ip for version, ip in gateways.items() if is_supported(version)]
