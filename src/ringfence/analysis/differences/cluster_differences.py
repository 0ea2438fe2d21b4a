"""What a change does to a cluster: what it opens and closes, for whom, and because of which policies and labels.

Two clusters are compared exactly: all traffic between every two workloads that both have, and between these and all
addresses outside. Pods that do not exist yet are covered by a proof: whether the policies of both mean the same in any
cluster that could be (`analysis.possible`).
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from ringfence.analysis.differences.causes import Cause, Causes, Change, PolicyKey, key_of
from ringfence.analysis.differences.changed_addresses import ChangedAddresses, changed_addresses
from ringfence.analysis.differences.changed_connections import ChangedCell, changed_connections
from ringfence.analysis.differences.folding import FoldedCell, fold
from ringfence.analysis.differences.matched_workloads import ClusterView, Matched, match
from ringfence.analysis.differences.relabelling import Relabelling
from ringfence.analysis.differences.sides import SideClass
from ringfence.analysis.differences.unread_changes import UnreadChange, assumptions_of_both, unread_changes
from ringfence.analysis.possible import Comparison, Outcome, PolicySet, Relation, compare, policy_set
from ringfence.engine.policies import Action, CompiledPolicy
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic


class ConnectionChange(StrEnum):
    """Whether connections were opened or closed: the value is the word in the documents."""

    OPENED = "opened"
    CLOSED = "closed"


Ends = tuple[Reference, ...] | Addresses


class ChangedConnections(msgspec.Struct, frozen=True):
    """Traffic that was opened or closed from each of some sources to each of some destinations.

    `before` and `after` are all that passes, `traffic` is the difference. A workload among both is about two different
    pods of it; one that has a single pod is not about itself.
    """

    kind: ConnectionChange
    sources: Ends
    destinations: Ends
    traffic: Traffic
    before: Traffic
    after: Traffic
    causes: tuple[Cause, ...]

    @property
    def attributed_to(self) -> tuple[Change, ...]:
        """What has changed so that the connections have: policies, workloads, namespaces."""
        return tuple(sorted({cause.what for cause in self.causes if cause.what}))

    @property
    def order(self) -> tuple[object, ...]:
        """What changes are sorted by: the dangerous ones first, then those from and to the first workloads by name."""
        return self.kind is ConnectionChange.CLOSED, _order(self.sources), _order(self.destinations), str(self.traffic)


class ChangedIsolation(msgspec.Struct, frozen=True):
    """Workloads that some policy isolates for a direction now and none did before, or the reverse."""

    workloads: tuple[Reference, ...]
    direction: Direction
    is_isolated: bool
    causes: tuple[Cause, ...]


class PolicyCount(msgspec.Struct, frozen=True):
    """How many policies were added, removed or written differently, by kind, namespace and name."""

    added: int
    removed: int
    changed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


class ClusterDifference(msgspec.Struct, frozen=True):
    """All that differs between two clusters. False if nothing does.

    `meaning` compares the policies for pods that do not exist yet; None where both have the same policies. `unknown`
    are the assumptions on which answers depend only since the change, `known` those on which they no longer do.
    `unread` are policies that are not read and differ: what they change is not known.
    """

    connections: tuple[ChangedConnections, ...]
    isolation: tuple[ChangedIsolation, ...]
    added: tuple[Reference, ...]
    removed: tuple[Reference, ...]
    common: int
    policies: PolicyCount
    meaning: Comparison | None
    unknown: tuple[str, ...]
    known: tuple[str, ...]
    unread: tuple[UnreadChange, ...]
    assumptions: tuple[str, ...]

    def of(self, kind: ConnectionChange) -> list[ChangedConnections]:
        """The connections that were opened, or closed."""
        return [one for one in self.connections if one.kind is kind]

    @property
    def exposure_changed(self) -> bool:
        """Whether the policies allow something else for pods that could exist."""
        return self.meaning is not None and self.meaning.outcome is Outcome.FAILS

    @property
    def is_undecided(self) -> bool:
        """Whether it is not known if the policies allow the same for pods that could exist."""
        return self.meaning is not None and self.meaning.outcome is Outcome.UNKNOWN

    def __bool__(self) -> bool:
        return bool(
            self.connections
            or self.isolation
            or self.added
            or self.removed
            or self.exposure_changed
            or self.unknown
            or self.known
        )


def difference(before: State, after: State, names: tuple[str, str] = ("A", "B")) -> ClusterDifference:
    """What the change from one cluster to another does. `names` are what texts call the two sets of policies."""
    workloads = match(before, after)
    views = (
        ClusterView(before, [one.before for one in workloads.common]),
        ClusterView(after, [one.after for one in workloads.common]),
    )
    causes = Causes(*views, Relabelling(*views, workloads.common))
    meaning = _meaning(before, after, causes.unchanged, names)
    assumptions, unknown, known = assumptions_of_both(before, after)
    if meaning is not None and meaning.outcome is Outcome.HOLDS:
        # Assumptions name the blocks and selectors of rules: here these are only written in another way.
        unknown = known = ()
    return ClusterDifference(
        tuple(sorted(_connections(views, workloads.common, causes), key=lambda one: one.order)),
        tuple(_isolation(views, workloads.common, causes)),
        workloads.added,
        workloads.removed,
        len(workloads.common),
        _policy_count(before, after, causes.unchanged),
        meaning,
        unknown,
        known,
        unread_changes(before, after),
        assumptions,
    )


def _connections(
    views: tuple[ClusterView, ClusterView], matched: tuple[Matched, ...], causes: Causes
) -> Iterator[ChangedConnections]:
    cells = (part for cell in changed_connections(*views, matched) for part in _divided(cell, causes))
    for folded in fold(cells):
        yield _row(folded, _references(matched, folded.sources), _references(matched, folded.destinations))
    outside = (part for one in changed_addresses(*views) for part in _divided_outside(one, causes))
    for (direction, key), by_addresses in _joined(outside).items():
        for addresses, workloads in by_addresses.items():
            ends = _references(matched, workloads)
            sources, destinations = (ends, addresses) if direction is Direction.EGRESS else (addresses, ends)
            yield _row(key, sources, destinations)


def _divided(cell: ChangedCell, causes: Causes) -> Iterator[FoldedCell]:
    """What was opened and what was closed in a cell, each with its causes."""
    for kind, traffic in _gains(cell.before, cell.after):
        sides: list[tuple[SideClass, Bitset, Traffic]] = []
        if cell.egress and cell.ingress:
            for side, peers in ((cell.egress, cell.destinations), (cell.ingress, cell.sources)):
                sides += [(side, part, stopped) for part, stopped in _stopped(side, peers, traffic, kind)]
        why = causes.of(sides, cell.sources, cell.destinations, opened=kind is ConnectionChange.OPENED)
        yield FoldedCell(kind.value, traffic, cell.before, cell.after, why, cell.sources, cell.destinations)


def _stopped(
    side: SideClass, peers: Bitset, traffic: Traffic, kind: ConnectionChange
) -> Iterator[tuple[Bitset, Traffic]]:
    """What of the traffic the side itself stopped before it was opened, or stops now that it is closed."""
    for within, (was, now) in side.cells:
        part = within & peers
        if part and (stopped := traffic - (was if kind is ConnectionChange.OPENED else now)):
            yield part, stopped


def _divided_outside(one: ChangedAddresses, causes: Causes) -> Iterator[tuple[Direction, FoldedCell, Addresses]]:
    for kind, traffic in _gains(one.before, one.after):
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


def _gains(before: Traffic, after: Traffic) -> Iterator[tuple[ConnectionChange, Traffic]]:
    if opened := after - before:
        yield ConnectionChange.OPENED, opened
    if closed := before - after:
        yield ConnectionChange.CLOSED, closed


def _row(cell: FoldedCell, sources: Ends, destinations: Ends) -> ChangedConnections:
    return ChangedConnections(
        ConnectionChange(cell.kind), sources, destinations, cell.traffic, cell.before, cell.after, cell.causes
    )


def _isolation(
    views: tuple[ClusterView, ClusterView], matched: tuple[Matched, ...], causes: Causes
) -> Iterator[ChangedIsolation]:
    for direction in Direction:
        alike: dict[tuple[tuple[CompiledPolicy[Any], ...], tuple[CompiledPolicy[Any], ...]], Bitset] = {}
        for place in range(len(matched)):
            old, new = (_isolating(view, place, direction) for view in views)
            if bool(old) != bool(new):
                alike[old, new] = alike.get((old, new), 0) | 1 << place
        for (old, new), workloads in alike.items():
            why = causes.of_isolation(old, new, direction, workloads)
            yield ChangedIsolation(_references(matched, workloads), direction, bool(new), why)


def _isolating(view: ClusterView, place: int, direction: Direction) -> tuple[CompiledPolicy[Any], ...]:
    profiles = view.state.tiers.profiles(view.identity(place), direction)
    return tuple(policy for one in profiles if one.otherwise is Action.DENY for policy in one.policies)


def _meaning(before: State, after: State, unchanged: set[PolicyKey], names: tuple[str, str]) -> Comparison | None:
    """Whether the policies mean the same in any cluster, those that are not read apart: they are named on their own."""
    old, new = (policy_set(name, state) for name, state in zip(names, (before, after), strict=True))
    if all(key_of(policy) in unchanged for policy in (*old.policies, *new.policies)):
        return None
    return compare(_read(old), _read(new), Relation.EQUIVALENT)


def _read(policies: PolicySet) -> PolicySet:
    return msgspec.structs.replace(policies, unread=())


def _policy_count(before: State, after: State, unchanged: set[PolicyKey]) -> PolicyCount:
    old, new = ({key_of(policy) for policy in state.tiers.policies()} for state in (before, after))
    return PolicyCount(len(new - old), len(old - new), len((old & new) - unchanged))


def _references(matched: tuple[Matched, ...], workloads: Bitset) -> tuple[Reference, ...]:
    return tuple(matched[place].reference for place in bitsets.members(workloads))


def _order(ends: Ends) -> tuple[object, ...]:
    """Workloads by name, and addresses after them."""
    return (1, str(ends)) if isinstance(ends, Addresses) else (0, [str(end) for end in ends])
