"""The rows of a difference: connections that were opened and closed, and changed isolation, with their causes."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ringfence.analysis.differences.causes import Causes, ConnectionChange
from ringfence.analysis.differences.changed_addresses import ChangedAddresses, changed_addresses
from ringfence.analysis.differences.changed_connections import ChangedCell, ChangedSides, changed_connections
from ringfence.analysis.differences.folding import FoldedCell, fold
from ringfence.analysis.differences.matched_workloads import ClusterView, Matched
from ringfence.analysis.differences.sides import SideClass
from ringfence.analysis.differences.what_changed import ChangedConnections, ChangedIsolation, Ends, changed_traffic
from ringfence.engine.policies import Action, CompiledPolicy
from ringfence.engine.population import Reference
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

Views = tuple[ClusterView, ClusterView]


def connection_rows(
    views: Views, matched: tuple[Matched, ...], changed: ChangedSides, causes: Causes
) -> Iterator[ChangedConnections]:
    """The connections that were opened or closed, in no particular order."""
    cells = (part for cell in changed_connections(*views, matched, changed) for part in _divided(cell, causes))
    for folded in fold(cells):
        yield _row(folded, _references(matched, folded.sources), _references(matched, folded.destinations))
    outside = (part for one in changed_addresses(*views, changed) for part in _divided_outside(one, causes))
    for (direction, key), by_addresses in _joined(outside).items():
        for addresses, workloads in by_addresses.items():
            ends = _references(matched, workloads)
            sources, destinations = (ends, addresses) if direction is Direction.EGRESS else (addresses, ends)
            yield _row(key, sources, destinations)


def _divided(cell: ChangedCell, causes: Causes) -> Iterator[FoldedCell]:
    """What was opened and what was closed in a cell, each with its causes."""
    for kind, traffic in changed_traffic(cell.before, cell.after):
        sides: list[tuple[SideClass, Bitset, Traffic]] = []
        if cell.egress and cell.ingress:
            for side, peers in ((cell.egress, cell.destinations), (cell.ingress, cell.sources)):
                sides += [(side, part, stopped) for part, stopped in _stopped(side, peers, traffic, kind)]
        why = causes.of(sides, cell.sources, cell.destinations, opened=kind is ConnectionChange.OPENED)
        yield FoldedCell(kind.value, traffic, cell.before, cell.after, why, cell.sources, cell.destinations)


def _stopped(
    side: SideClass, peers: Bitset, traffic: Traffic, kind: ConnectionChange
) -> Iterator[tuple[Bitset, Traffic]]:
    """The part of the traffic that this side itself denied before it was opened, or denies after it was closed."""
    for within, (was, now) in side.cells:
        part = within & peers
        if part and (stopped := traffic - (was if kind is ConnectionChange.OPENED else now)):
            yield part, stopped


def _divided_outside(one: ChangedAddresses, causes: Causes) -> Iterator[tuple[Direction, FoldedCell, Addresses]]:
    for kind, traffic in changed_traffic(one.before, one.after):
        opened = kind is ConnectionChange.OPENED
        why = causes.of([(one.side, one.addresses, traffic)], one.workloads, 0, opened=opened)
        yield (
            one.direction,
            FoldedCell(kind.value, traffic, one.before, one.after, why, one.workloads, 0),
            one.addresses,
        )


def _joined(
    found: Iterator[tuple[Direction, FoldedCell, Addresses]],
) -> dict[tuple[Direction, FoldedCell], dict[Addresses, Bitset]]:
    """The workloads for which the same was opened or closed with the same addresses, for the same reasons."""
    joined: dict[tuple[Direction, FoldedCell], dict[Addresses, Bitset]] = {}
    for direction, cell, addresses in found:
        by_addresses = joined.setdefault((direction, msgspec.structs.replace(cell, sources=0)), {})
        by_addresses[addresses] = by_addresses.get(addresses, 0) | cell.sources
    return joined


def _row(cell: FoldedCell, sources: Ends, destinations: Ends) -> ChangedConnections:
    return ChangedConnections(
        ConnectionChange(cell.kind), sources, destinations, cell.traffic, cell.before, cell.after, cell.causes
    )


def isolation_rows(
    views: Views, matched: tuple[Matched, ...], affected: Sequence[int], causes: Causes
) -> Iterator[ChangedIsolation]:
    """The `affected` workloads that policies isolate only after, or only before, the change."""
    for direction in Direction:
        alike: dict[tuple[tuple[CompiledPolicy[Any], ...], tuple[CompiledPolicy[Any], ...]], Bitset] = {}
        for place in affected:
            old, new = (_isolating(view, place, direction) for view in views)
            if bool(old) != bool(new):
                alike[old, new] = alike.get((old, new), 0) | 1 << place
        for (old, new), workloads in alike.items():
            why = causes.of_isolation(old, new, direction, workloads)
            yield ChangedIsolation(_references(matched, workloads), direction, bool(new), why)


def _isolating(view: ClusterView, place: int, direction: Direction) -> tuple[CompiledPolicy[Any], ...]:
    profiles = view.profiles(place, direction)
    return tuple(policy for one in profiles if one.otherwise is Action.DENY for policy in one.policies)


def _references(matched: tuple[Matched, ...], workloads: Bitset) -> tuple[Reference, ...]:
    return tuple(matched[place].reference for place in bitsets.members(workloads))
