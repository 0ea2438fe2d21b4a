"""Which addresses to give out, and which to use as hosts outside the cluster.

Both answers depend on how the ipBlocks of the policies divide the address space. Pods get addresses of a range in which
policies mean what they mean for a pod whose address is not known; so `lab run` finds what `can` says of the same
manifests. Outside, one host stands for all the addresses that no ipBlock tells apart.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from operator import or_
from typing import Final

from ringfence.engine.population import Block
from ringfence.engine.state import State
from ringfence.lab.network.topology import IPAddress
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.partitions import Partition, changed_within

IPNetwork = IPv4Network | IPv6Network

RANGES: Final[dict[Family, dict[str, tuple[str, ...]]]] = {
    Family.IPV4: {
        "pods": ("10.244.0.0/16", "10.245.0.0/16", "172.30.0.0/16", "100.64.0.0/16", "198.18.0.0/16"),
        "services": ("10.96.0.0/16", "10.97.0.0/16", "172.31.0.0/16", "100.65.0.0/16", "198.19.0.0/17"),
        "nodes": ("172.18.0.0/16", "172.19.0.0/16", "10.18.0.0/16", "100.66.0.0/16", "198.19.128.0/17"),
    },
    Family.IPV6: {
        "pods": ("fd00:10:244::/64", "fd00:10:245::/64", "fc00:10:244::/64", "3fff:10:244::/64"),
        "services": ("fd00:10:96::/112", "fd00:10:97::/112", "fc00:10:96::/112", "3fff:10:96::/112"),
        "nodes": ("fd00:172:18::/64", "fd00:172:19::/64", "fc00:172:18::/64", "3fff:172:18::/64"),
    },
}
"""Ranges to give addresses from, the usual ones of clusters first."""

_UNUSABLE: Final = Addresses.of(
    *map(ip_network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/16", "fe80::/10", "ff00::/8"))
)
_ELSEWHERE: Final = ("203.0.113.10", "2001:db8::10")
"""Addresses for documentation (RFC 5737, RFC 3849): they stand for the rest of the world where they can."""


class AddressPool:
    """Addresses of one range, handed out from its second one on; those that are taken are left out."""

    def __init__(self, candidates: Iterable[str], blocks: Iterable[Block], taken: set[IPAddress]) -> None:
        self._network = choose_range(candidates, blocks)
        self._taken = taken
        self._next = 1

    def take(self) -> IPAddress:
        """The next free address."""
        while (address := self._network[self._next]) in self._taken:
            self._next += 1
        self._taken.add(address)
        return address


def choose_range(candidates: Iterable[str], blocks: Iterable[Block]) -> IPNetwork:
    """The first candidate that every ipBlock treats as it treats a pod without a known address; else the first."""
    networks = [ip_network(candidate) for candidate in candidates]
    divisions = list(blocks)
    fitting = (network for network in networks if all(_is_unremarkable(network, block) for block in divisions))
    return next(fitting, networks[0])


def is_usable(address: IPAddress) -> bool:
    """Whether a host can have this address."""
    return not _UNUSABLE.contains(Family(address.version), int(address))


def blocks_of(state: State) -> list[Block]:
    """The address blocks of all policies in force."""
    return list(dict.fromkeys(block for policy in state.network_policies.all_policies() for block in policy.blocks()))


def outside_hosts(blocks: Iterable[Block], taken: Iterable[IPAddress], families: Iterable[Family]) -> list[IPAddress]:
    """One address for every way in which `blocks` tell addresses apart, but for those that are `taken`.

    None at all if there are no blocks: nothing then treats an address outside in a way of its own.
    """
    inhabited = reduce(or_, (Addresses.of(ip_network(address)) for address in taken), _UNUSABLE)
    divided: Partition[Addresses, frozenset[Block]] = [(ALL_ADDRESSES - inhabited, frozenset())]
    for block in dict.fromkeys(blocks):
        divided = changed_within(divided, block.addresses, frozenset((block,)).union)
    if len(divided) == 1 and not divided[0][1]:
        return []
    return [host for family in families for cell, _ in divided for host in _representative(cell, family)]


def _is_unremarkable(network: IPNetwork, block: Block) -> bool:
    """Whether all of a network is in a block that means pods whatever their address, and none of it in any other."""
    if not block.addresses.ranges(Family(network.version)):
        return True
    whole = Addresses.of(network)
    inside = whole & block.addresses
    return inside == whole if block.covers_family else not inside


def _representative(cell: Addresses, family: Family) -> Iterator[IPAddress]:
    """The address that stands for a cell, if it has any of this family: not the first one of a subnet, if possible."""
    ranges = cell.ranges(family)
    for elsewhere in map(ip_address, _ELSEWHERE):
        if elsewhere.version == family and cell.contains(family, int(elsewhere)):
            yield elsewhere
            return
    if ranges:
        low, high = ranges[0]
        number = low + 1 if high - low >= 2 else low
        yield ip_address(number.to_bytes(4 if family is Family.IPV4 else 16, "big"))
