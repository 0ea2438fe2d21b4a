"""Connections between workloads and addresses outside the cluster that are allowed only before or only after a change.

The addresses of both clusters are split at the same borders and joined again, so the same addresses written as other
blocks are not a difference.
"""

from collections.abc import Iterator

import msgspec

from ringfence.analysis.differences.changed_connections import ChangedSides
from ringfence.analysis.differences.matched_workloads import ClusterView
from ringfence.analysis.differences.sides import SideClass
from ringfence.engine.answers import exempt_addresses
from ringfence.engine.policies import own_ports
from ringfence.model.policies import Direction
from ringfence.plugins import UPSTREAM
from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class ChangedAddresses(msgspec.Struct, frozen=True):
    """The allowed traffic between workloads and addresses, before and after; `direction` is seen from the workloads."""

    direction: Direction
    workloads: Bitset
    addresses: Addresses
    before: Traffic
    after: Traffic
    side: SideClass


def changed_addresses(before: ClusterView, after: ClusterView, changed: ChangedSides) -> Iterator[ChangedAddresses]:
    """The addresses whose allowed traffic with a workload has changed; addresses with the same change are joined."""
    for direction in Direction:
        for one in changed[direction]:
            for workloads, node in _by_node(before, after, one):
                was = _allowed(before, one, node[0])
                now = _allowed(after, one, node[1])
                cells = [(both, (old, new)) for extent, old in was for other, new in now if (both := extent & other)]
                for addresses, (old, new) in merged(cells):
                    if old != new:
                        yield ChangedAddresses(direction, workloads, addresses, old, new, one)


def _by_node(
    before: ClusterView, after: ClusterView, one: SideClass
) -> Iterator[tuple[Bitset, tuple[Addresses, Addresses]]]:
    """The workloads of a class by the addresses of their nodes that no policy restricts, before and after."""
    # Upstream exempts a pod's node as a source only, so egress needs no look at single pods.
    if one.direction is Direction.EGRESS and all(view.state.traits is UPSTREAM for view in (before, after)):
        yield one.members, (NO_ADDRESSES, NO_ADDRESSES)
        return
    found: dict[tuple[Addresses, Addresses], Bitset] = {}
    for place in bitsets.members(one.members):
        nodes = _own_node(before, place, one.direction), _own_node(after, place, one.direction)
        found[nodes] = found.get(nodes, 0) | 1 << place
    for nodes, workloads in found.items():
        yield workloads, nodes


def _own_node(view: ClusterView, place: int, direction: Direction) -> Addresses:
    pod = view.groups[place].pod
    return exempt_addresses(view.state, pod, direction) if pod else NO_ADDRESSES


def _allowed(view: ClusterView, one: SideClass, node: Addresses) -> Partition[Addresses, Traffic]:
    stack = view.stack(one.example, one.direction)
    allowed = view.state.tiers.addresses_of(stack, own_ports(stack, view.identity(one.example)), ALL_ADDRESSES)
    return changed_within(allowed, node, lambda _: ALL_TRAFFIC) if node else allowed
