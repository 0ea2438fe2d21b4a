"""The internet: the addresses that belong to no pod, node, Service or private range.

Sources: IANA IPv4 Special-Purpose Address Registry, the ranges that are not globally reachable. The ranges for
documentation count as internet, because examples use them in this role. RFC 4291, section 2.4, for IPv6.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import chain
from typing import Final

from ringfence.engine.state import State
from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, Addresses, Family, parse_address
from ringfence.sets.intervals import Interval

PRIVATE_RANGES: Final = {
    "0.0.0.0/8": "this network (RFC 791)",
    "10.0.0.0/8": "private use (RFC 1918)",
    "100.64.0.0/10": "shared address space of providers (RFC 6598)",
    "127.0.0.0/8": "loopback (RFC 1122)",
    "169.254.0.0/16": "link-local, with the metadata services of clouds (RFC 3927)",
    "172.16.0.0/12": "private use (RFC 1918)",
    "192.0.0.0/24": "protocol assignments (RFC 6890)",
    "192.168.0.0/16": "private use (RFC 1918)",
    "198.18.0.0/15": "benchmarking (RFC 2544)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "240.0.0.0/4": "reserved, with the broadcast address (RFC 1112)",
}
"""The IPv4 ranges that are not the internet, and what they are."""

GLOBAL_UNICAST: Final = "2000::/3"
"""The IPv6 range that is the internet: unique local, link-local and multicast addresses and loopback are outside it."""

_PUBLIC: Final = Addresses.of(ip_network("0.0.0.0/0"), ip_network(GLOBAL_UNICAST)) - Addresses.of(
    *map(ip_network, PRIVATE_RANGES)
)


def internet_addresses(state: State) -> Addresses:
    """The addresses of the internet, less those of pods, nodes and Services that are known."""
    # They are collected first and subtracted at once: one subtraction for each address would be quadratic.
    known: dict[Family, list[Interval]] = {family: [] for family in FAMILIES}
    for family, number in _known_addresses(state):
        # Most known addresses are private. Without them, the sets have few ranges and stay fast.
        if _PUBLIC.contains(family, number):
            known[family].append((number, number))
    return _PUBLIC - Addresses(*(intervals.normalise(known[family]) for family in FAMILIES))


def _known_addresses(state: State) -> Iterator[tuple[Family, int]]:
    """The addresses of pods, of the nodes on which they run, of nodes and of Services."""
    for member in state.members():
        yield from (*member.addresses, *member.host_addresses)
    of_nodes = (entry.address for node in state.nodes.values() for entry in node.status.addresses or ())
    of_services = (text for service in state.services.values() for text in service.rewritten_addresses())
    for text in chain(of_nodes, of_services):
        try:
            yield parse_address(text)
        except ValueError:  # the host name of a node
            continue
