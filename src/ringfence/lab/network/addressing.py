"""Addresses: which ones pods, Services and nodes get, and which ones represent the world outside the cluster.

Both depend on how the ipBlocks of the policies divide the address space. Pods get addresses of a range that the
policies treat as they treat a pod without a known address, so that `lab run` has the same results as `can` for the same
manifests. Outside the cluster, one host represents all addresses that are in exactly the same ipBlocks.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from ringfence.engine.population import Block
from ringfence.engine.state import State
from ringfence.errors import LaboratoryError
from ringfence.lab.network.topology import IPAddress, IPNetwork
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.partitions import Partition, changed_within

# The first candidates are those that kind uses. The others are for clusters whose policies name those: more private
# ranges, then shared (RFC 6598), benchmarking (RFC 2544) and documentation (RFC 9637) addresses.
ADDRESS_RANGES: Final[dict[Family, dict[str, tuple[str, ...]]]] = {
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
"""The ranges to choose from, by family and use, in the order of preference."""

# "This network", loopback, link-local, multicast and reserved addresses: the kernel does not accept them on an
# interface, or does not route them.
_UNUSABLE: Final = Addresses.of(
    *map(ip_network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/16", "fe80::/10", "ff00::/8"))
)
_DOCUMENTATION_HOSTS: Final = ("203.0.113.10", "2001:db8::10")
"""Addresses for documentation (RFC 5737, RFC 3849). If possible, they represent all addresses outside the cluster."""


class AddressPool:
    """The addresses of one range, from its second one on, except those that are taken."""

    def __init__(self, network: IPNetwork, taken: set[IPAddress]) -> None:
        """`taken` is shared between pools, which add to it what they give."""
        self._network = network
        self._taken = taken
        self._next = 1

    def take(self) -> IPAddress:
        """The next free address. Raises LaboratoryError if there is none left."""
        while self._next < self._network.num_addresses:
            address = self._network[self._next]
            self._next += 1
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise LaboratoryError(f"all addresses of {self._network} are taken: the laboratory is too large")


def choose_range(candidates: Iterable[str], blocks: Iterable[Block]) -> IPNetwork:
    """The first candidate that every ipBlock treats as it treats a pod without a known address; else the first."""
    networks = [ip_network(candidate) for candidate in candidates]
    all_blocks = list(blocks)
    for network in networks:
        if all(_treats_as_unknown(network, block) for block in all_blocks):
            return network
    return networks[0]


def is_usable(address: IPAddress) -> bool:
    """Whether a host can have this address."""
    return not _UNUSABLE.contains(Family(address.version), int(address))


def blocks_of(state: State) -> list[Block]:
    """The address blocks of all policies in force."""
    return list(dict.fromkeys(block for policy in state.tiers.policies() for block in policy.blocks))


def outside_hosts(
    blocks: Iterable[Block], taken: Iterable[IPAddress | IPNetwork], families: Iterable[Family]
) -> list[IPAddress]:
    """One address for each way in which `blocks` distinguish addresses, of each family, except those that are `taken`.

    Without blocks there is none: then policies treat all addresses outside the cluster alike.
    """
    cells = _cells(ALL_ADDRESSES, blocks, taken)
    if len(cells) == 1 and not cells[0][1]:
        return []
    return list(_representatives(cells, families))


def hosts_within(
    addresses: Addresses,
    blocks: Iterable[Block],
    taken: Iterable[IPAddress | IPNetwork],
    families: Iterable[Family],
) -> list[IPAddress]:
    """One of `addresses` for each way in which `blocks` distinguish them, of each family, except those `taken`.

    There is none if all of them are taken, or if no host can have them.
    """
    return list(_representatives(_cells(addresses, blocks, taken), families))


def _cells(
    within: Addresses, blocks: Iterable[Block], taken: Iterable[IPAddress | IPNetwork]
) -> Partition[Addresses, frozenset[Block]]:
    """The addresses that a host can have, divided into those that lie in exactly the same blocks."""
    excluded = Addresses.union_of([_UNUSABLE, *(Addresses.of(ip_network(one)) for one in taken)])
    cells: Partition[Addresses, frozenset[Block]] = [(within - excluded, frozenset())]
    for block in dict.fromkeys(blocks):
        cells = changed_within(cells, block.addresses, frozenset((block,)).union)
    return cells


def _representatives(cells: Partition[Addresses, frozenset[Block]], families: Iterable[Family]) -> Iterator[IPAddress]:
    for family in families:
        for cell, _ in cells:
            yield from _representative(cell, family)


def _treats_as_unknown(network: IPNetwork, block: Block) -> bool:
    """Whether a block treats all of a network as it treats a pod without a known address.

    A block of all addresses, less its exceptions, matches such a pod; every other block does not.
    """
    if not block.addresses.ranges(Family(network.version)):
        return True
    whole = Addresses.of(network)
    inside = whole & block.addresses
    return inside == whole if block.covers_family else not inside


def _representative(cell: Addresses, family: Family) -> Iterator[IPAddress]:
    """The address that represents a cell, if the cell has any of this family."""
    for host in map(ip_address, _DOCUMENTATION_HOSTS):
        if host.version == family and cell.contains(family, int(host)):
            yield host
            return
    ranges = cell.ranges(family)
    if ranges:
        low, high = ranges[0]
        # The first address of a subnet is its network address, which readers would take for a mistake.
        number = low + 1 if high - low >= 2 else low
        yield ip_address(number.to_bytes(4 if family is Family.IPV4 else 16, "big"))
