"""Nodes as the sources of connections: an ipBlock that contains one address of a node means the node.

What a node, or a hostNetwork pod on it, sends to a pod of another node comes from whichever address the node has on the
way there, such as that of a tunnel. Who writes an ipBlock names one of them. So, for sources, a block contains all of a
node's addresses of a family or none: all if it contains one, none if an `except` contains the address by which the
cluster knows the node. As destinations, addresses are what is written: each of them is somewhere to connect to.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from ringfence.model.cidrs import cidr_range
from ringfence.model.node_addresses import internal_addresses, plugin_addresses
from ringfence.model.objects import IPBlock, Node
from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.intervals import Interval


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

    def replace(self, name: str, node: Node | None) -> Addresses:
        """Note a node, or that it is gone; returns the addresses about which blocks may say something else now."""
        before, after = self._nodes.get(name, {}), _peers_of(node) if node else {}
        if before == after:
            return NO_ADDRESSES
        self._nodes[name] = after
        if not after:
            del self._nodes[name]
        self._ordered.clear()
        return Addresses.of_ranges(
            (family, (number, number))
            for peers in (before, after)
            for family, peer in peers.items()
            for number in peer.addresses
        )

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def inside(self, family: Family, interval: Interval) -> Iterable[_NodePeer]:
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
    for peer in nodes.inside(family, interval):
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
    internal = frozenset(internal_addresses(node))
    every = internal.union(plugin_addresses(node))
    return {
        family: _NodePeer(numbers, _of(internal, family))
        for family in FAMILIES
        if len(numbers := _of(every, family)) > 1
    }


def _of(addresses: Iterable[tuple[Family, int]], family: Family) -> frozenset[int]:
    return frozenset(number for one, number in addresses if one is family)
