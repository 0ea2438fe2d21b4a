"""Nodes as the sources of connections: an ipBlock that contains one address of a node means the node.

What a node, or a hostNetwork pod on it, sends to a pod of another node comes from whichever address the node has on the
way there, such as that of a tunnel. The author of an ipBlock names one of them. So, for sources, a block contains all
of a node's addresses of a family or none: all if it contains one, none if an `except` contains the address by which
the cluster knows the node. For destinations, a block means exactly the addresses that are written.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

from ringfence.model.cidrs import AddressRange, cidr_range
from ringfence.model.node_addresses import internal_addresses, plugin_addresses
from ringfence.model.objects import IPBlock, Node
from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.intervals import Interval, Intervals

_FEW: Final = 30
"""Up to this number, ranges are looked up one by one; beyond, the intersection with all node addresses is faster."""

_REMEMBERED: Final = 50_000
"""The number of blocks for which the divided nodes are cached: more than a policy of 1.5 MB has."""


class _NodePeer(NamedTuple):
    """The addresses of a node in one family, and those of them by which the cluster knows it."""

    addresses: frozenset[int]
    internal: frozenset[int]


_Peers = dict[Family, _NodePeer]


class NodePeers:
    """The nodes with several addresses of one family."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Peers] = {}
        self._ordered: dict[Family, list[tuple[int, _NodePeer]]] = {}
        self._partly_inside: dict[AddressRange, list[_NodePeer]] = {}

    def replace(self, name: str, node: Node | None) -> Addresses:
        """Add, replace or remove (None) a node; returns the addresses whose blocks may now mean something else."""
        before, after = self._nodes.get(name, {}), _peers_of(node) if node else {}
        # Status updates of nodes come every few minutes each (kubelet, `nodeStatusReportFrequency`) and seldom change
        # addresses.
        if before == after:
            return NO_ADDRESSES
        self._nodes[name] = after
        if not after:
            del self._nodes[name]
        self._ordered.clear()
        self._partly_inside.clear()
        return Addresses(*(_singles(_addresses(before, family) | _addresses(after, family)) for family in FAMILIES))

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def are_in(self, addresses: Addresses) -> bool:
        """Whether some node has one of some addresses. A block without any means what is written."""
        return any(self._have_one_of(family, addresses.ranges(family)) for family in FAMILIES)

    def _have_one_of(self, family: Family, ranges: Intervals) -> bool:
        if len(ranges) < _FEW:
            return any(self._count(family, one) for one in ranges)
        numbers = _singles(number for number, _ in self._in_order(family))
        return bool(intervals.intersection(numbers, ranges))

    def affected_by(self, family: Family, interval: Interval, excepted: Intervals) -> Iterable[_NodePeer]:
        """The nodes of which a block may contain some addresses and not others.

        Those that have all of their addresses in the block are not among them: it means them as it is written. Seldom
        are there any others, while a policy can have 20,000 blocks that contain all nodes.
        """
        partly = self._having_part_in((family, interval))
        if not excepted:
            return partly
        hit = (peer for one in excepted for peer in self._inside(family, one))
        # A dict as an ordered set: results do not depend on hashes.
        return dict.fromkeys((*partly, *hit))

    def divided_by(self, block: IPBlock) -> int:
        """How many nodes have some of their addresses in a block and not others, or in its exceptions, at most."""
        if not self._nodes:
            return 0
        excepted = sum(self._count(family, interval) for family, interval in map(cidr_range, block.excepts))
        return len(self._having_part_in(cidr_range(block.cidr))) + excepted

    def _count(self, family: Family, interval: Interval) -> int:
        """How many addresses nodes have between two bounds, both included."""
        ordered = self._in_order(family)
        return bisect_right(ordered, interval[1], key=_number) - bisect_left(ordered, interval[0], key=_number)

    def _having_part_in(self, of: AddressRange) -> list[_NodePeer]:
        """The nodes that have addresses between two bounds, both included, and others."""
        if of not in self._partly_inside:
            if len(self._partly_inside) >= _REMEMBERED:
                self._partly_inside.clear()
            family, (low, high) = of
            inside = self._inside(family, (low, high))
            self._partly_inside[of] = [
                peer for peer in inside if not all(low <= number <= high for number in peer.addresses)
            ]
        return self._partly_inside[of]

    def _inside(self, family: Family, interval: Interval) -> Iterable[_NodePeer]:
        """The nodes that have an address between two bounds, both included."""
        ordered = self._in_order(family)
        first = bisect_left(ordered, interval[0], key=_number)
        return dict.fromkeys(peer for _, peer in ordered[first : bisect_right(ordered, interval[1], key=_number)])

    def _in_order(self, family: Family) -> list[tuple[int, _NodePeer]]:
        if family not in self._ordered:
            peers = (peers[family] for peers in self._nodes.values() if family in peers)
            pairs = ((number, peer) for peer in peers for number in peer.addresses)
            self._ordered[family] = sorted(pairs, key=_number)
        return self._ordered[family]


def block_of_sources(block: IPBlock, nodes: NodePeers) -> Addresses:
    """The addresses that an ipBlock means as sources of connections."""
    family, interval = cidr_range(block.cidr)
    excepted = Addresses.of_ranges(map(cidr_range, block.excepts)).ranges(family)
    written = intervals.difference((interval,), excepted)
    added: list[int] = []
    removed: list[int] = []
    for peer in nodes.affected_by(family, interval, excepted):
        # An exception of the known address wins over everything else, so that a node that the author excepts is never
        # let in by another address.
        if any(intervals.contains(excepted, number) for number in peer.internal):
            removed += peer.addresses
        elif any(intervals.contains(written, number) for number in peer.addresses):
            added += peer.addresses
    if added:
        written = intervals.union(written, _singles(added))
    if removed:
        written = intervals.difference(written, _singles(removed))
    return Addresses.in_family(family, written)


def _singles(numbers: Iterable[int]) -> intervals.Intervals:
    return intervals.normalise((number, number) for number in numbers)


def _number(pair: tuple[int, _NodePeer]) -> int:
    return pair[0]


def _peers_of(node: Node) -> _Peers:
    """A node as a peer, in the families in which it has more than one address."""
    internal, of_plugins = _by_family(internal_addresses(node)), _by_family(plugin_addresses(node))
    return {
        family: _NodePeer(frozenset(numbers), frozenset(internal[family]))
        for family in FAMILIES
        # A node with one address in a family is meant exactly as it is written, and needs no place in the index.
        if len(numbers := internal[family] | of_plugins[family]) > 1
    }


def _by_family(addresses: Iterable[tuple[Family, int]]) -> dict[Family, set[int]]:
    found: dict[Family, set[int]] = {family: set() for family in FAMILIES}
    for family, number in addresses:
        found[family].add(number)
    return found


def _addresses(peers: _Peers, family: Family) -> frozenset[int]:
    return peers[family].addresses if family in peers else frozenset()
