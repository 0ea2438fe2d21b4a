"""The connections between workloads that are allowed in one of two clusters and not in the other.

Classes of sources are compared with classes of destinations, so the work does not grow with the number of pod pairs.
Two unchanged classes are skipped, so a change of one policy among many needs few comparisons.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_

import msgspec

from ringfence.analysis.differences.matched_workloads import (
    ClusterView,
    Matched,
    exempt_destinations,
    pods_by_node,
)
from ringfence.analysis.differences.sides import BeforeAfter, SideClass, class_of, side_classes
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class ChangedCell(msgspec.Struct, frozen=True):
    """The traffic allowed from each source to each destination, before and after, with the classes of both ends.

    `egress` and `ingress` are None where no policy applies: between a hostNetwork pod and the pods of its node.
    """

    sources: Bitset
    destinations: Bitset
    before: Traffic
    after: Traffic
    egress: SideClass | None
    ingress: SideClass | None


ChangedSides = Mapping[Direction, Sequence[SideClass]]
"""By direction, the classes of workloads whose side may have changed."""


def changed_sides(before: ClusterView, after: ClusterView, affected: Sequence[int]) -> ChangedSides:
    """The classes of the workloads that a change can affect: those that changed policies select, or all."""
    return {direction: side_classes(before, after, direction, affected) for direction in Direction}


def changed_connections(
    before: ClusterView, after: ClusterView, matched: Sequence[Matched], changed: ChangedSides
) -> Iterator[ChangedCell]:
    """The cells whose traffic has changed; no pair of workloads is in two of them."""
    egress = _with_counterparts(before, after, changed, Direction.EGRESS)
    ingress = _with_counterparts(before, after, changed, Direction.INGRESS)
    exempt = _exempt(before, after)
    single = bitsets.of(place for place, one in enumerate(matched) if not one.is_several)
    policed = (
        cell
        for source in egress
        for destination in ingress
        # If neither side has changed for the other class, neither has their intersection.
        if source.changed_peers & destination.members or destination.changed_peers & source.members
        for cell in _between(source, destination)
    )
    for cell in (*policed, *_exempt_cells(egress, ingress, exempt)):
        for part in _without_exempt(cell, exempt):
            yield from _without_self(part, single)


def _with_counterparts(
    before: ClusterView, after: ClusterView, changed: ChangedSides, direction: Direction
) -> Sequence[SideClass]:
    """The classes that may have changed, and those of the peers with which a side of the other direction has changed.

    Workloads with the same policies are one class, whether or not a changed policy selects some of them: the division
    of the result into rows must not depend on that.
    """
    other = direction.opposite
    here = changed[direction]
    members = reduce(or_, (one.members for one in here), 0)
    everyone = reduce(or_, (one.changed_peers for one in changed[other]), members)
    if everyone == members:
        return here
    return side_classes(before, after, direction, bitsets.members(everyone))


def _between(source: SideClass, destination: SideClass) -> Iterator[ChangedCell]:
    """The changed cells between two classes."""
    incoming = [(within, value) for peers, value in destination.cells if (within := peers & source.members)]
    for peers, (out_before, out_after) in source.cells:
        destinations = peers & destination.members
        if not destinations:
            continue
        for sources, (in_before, in_after) in incoming:
            was, now = out_before & in_before, out_after & in_after
            if was != now:
                yield ChangedCell(sources, destinations, was, now, source, destination)


Exempt = dict[int, tuple[Bitset, Bitset]]
"""By pod, the pods that it reaches regardless of policies (`exempt_destinations`), before and after."""


def _exempt(before: ClusterView, after: ClusterView) -> Exempt:
    old, new = pods_by_node(before), pods_by_node(after)
    found: Exempt = {}
    if not (old or new):
        return found
    for source in range(len(before.groups)):
        pair = exempt_destinations(before, source, old), exempt_destinations(after, source, new)
        if any(pair):
            found[source] = pair
    return found


def _without_exempt(cell: ChangedCell, exempt: Exempt) -> Iterator[ChangedCell]:
    """The cell without the pairs to which no policy applies."""
    if cell.egress is None:
        yield cell
        return
    sources = cell.sources
    # Exempt pairs are few (hostNetwork pods with the pods of their node): a cell is split only where it has one.
    for source, (old, new) in exempt.items():
        if sources >> source & 1 and cell.destinations & (old | new):
            sources &= ~(1 << source)
            if destinations := cell.destinations & ~(old | new):
                yield msgspec.structs.replace(cell, sources=1 << source, destinations=destinations)
    if sources:
        yield msgspec.structs.replace(cell, sources=sources)


def _exempt_cells(egress: Sequence[SideClass], ingress: Sequence[SideClass], exempt: Exempt) -> Iterator[ChangedCell]:
    """The pairs to which no policy applies in one of the clusters, because the pods are on one node there."""
    by_source, by_destination = class_of(egress), class_of(ingress)
    for source, (old, new) in exempt.items():
        for destination in bitsets.members(old ^ new):
            was, now = _both(by_source[source].with_peer(destination), by_destination[destination].with_peer(source))
            was, now = (ALL_TRAFFIC, now) if old >> destination & 1 else (was, ALL_TRAFFIC)
            if was != now:
                yield ChangedCell(1 << source, 1 << destination, was, now, None, None)


def _both(one: BeforeAfter, other: BeforeAfter) -> BeforeAfter:
    return one[0] & other[0], one[1] & other[1]


def _without_self(cell: ChangedCell, single: Bitset) -> Iterator[ChangedCell]:
    """The cell without single pods as their own peers: a pod always reaches itself.

    In a larger cell they remain. Readers of the cell leave them out (`ChangedConnections`).
    """
    sources, destinations = cell.sources, cell.destinations
    if destinations.bit_count() == 1 and destinations & single:
        sources &= ~destinations
    if sources.bit_count() == 1 and sources & single:
        destinations &= ~sources
    if sources and destinations:
        yield msgspec.structs.replace(cell, sources=sources, destinations=destinations)
