"""What a change does to a cluster: what it opens and closes, for whom, and because of which policies and labels.

Two clusters are compared exactly: all traffic between every two workloads that both have, and between these and all
addresses outside. Pods that do not exist yet are covered by a proof: whether the policies of both mean the same in any
cluster that could be (`analysis.possible`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.analysis.differences.causes import (
    Cause,
    Causes,
    Change,
    ConnectionChange,
    Origins,
    PolicyKey,
    attributed_to,
    key_of,
)
from ringfence.analysis.differences.changed_addresses import ChangedAddresses, changed_addresses
from ringfence.analysis.differences.changed_assumptions import (
    ChangedAssumptions,
    assumed,
    assumed_of,
    changed_assumptions,
    common_names,
    counterpart_assumptions,
)
from ringfence.analysis.differences.changed_connections import (
    ChangedCell,
    ChangedSides,
    changed_connections,
    changed_sides,
)
from ringfence.analysis.differences.changed_exposure import (
    ChangedExposure,
    ExposureComparison,
    exposure_rows,
    is_relabelled,
)
from ringfence.analysis.differences.changed_services import ChangedService, changed_services
from ringfence.analysis.differences.exposure_examples import ExposureClaim
from ringfence.analysis.differences.folding import FoldedCell, fold
from ringfence.analysis.differences.matched_workloads import (
    ClusterView,
    Matched,
    MatchedWorkloads,
    RenamedWorkload,
    former_policies,
    match,
    match_alone,
)
from ringfence.analysis.differences.relabelling import Relabelling
from ringfence.analysis.differences.sides import SideClass
from ringfence.analysis.differences.unread_changes import UnreadChange, unread_changes
from ringfence.analysis.possible import Comparison, Counterexample, Outcome, Relation, compare, set_of_policies
from ringfence.engine.policies import Action, CompiledPolicy
from ringfence.engine.population import Reference
from ringfence.engine.possible import Meaning, Undecided
from ringfence.engine.state import State
from ringfence.model.objects import Policy
from ringfence.model.origin import Origin, Place
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

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
        return attributed_to(self.causes)

    @property
    def order(self) -> tuple[object, ...]:
        """What changes are sorted by: the dangerous ones first, then those from and to the first workloads by name."""
        return self.kind is ConnectionChange.CLOSED, _order(self.sources), _order(self.destinations), str(self.traffic)


class ReviewedChange(msgspec.Struct, frozen=True):
    """A row that is allowed to be there: of each entry that says so the reason, the last day, and the place."""

    change: ChangedConnections
    entries: tuple[tuple[str, date, Place], ...]


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

    `common` is how many workloads both have; None where both have the same files, which were then not read.
    `exposure` is about pods that do not exist yet, and workloads that do; `exposure_undecided` says why it may not be
    complete, and `namespaces` are those that exist now. `meaning` compares the policies for all pods that could exist;
    None where both have the same policies. `unknown` are the assumptions on which answers depend only since the change,
    `known` those on which they no longer do. `reviewed` are rows that were reviewed and do not count. `renamed`
    workloads are no difference: they are compared as one, under their present names. `services` lead elsewhere.
    `unread` are policies that are not read and differ: what they change is not known.
    """

    connections: tuple[ChangedConnections, ...]
    isolation: tuple[ChangedIsolation, ...]
    added: tuple[Reference, ...]
    removed: tuple[Reference, ...]
    common: int | None
    policies: PolicyCount
    meaning: Comparison | None
    unknown: tuple[str, ...]
    known: tuple[str, ...]
    unread: tuple[UnreadChange, ...]
    assumptions: tuple[str, ...]
    exposure: tuple[ChangedExposure, ...] = ()
    exposure_undecided: str = ""
    namespaces: tuple[str, ...] = ()
    reviewed: tuple[ReviewedChange, ...] = ()
    renamed: tuple[RenamedWorkload, ...] = ()
    services: tuple[ChangedService, ...] = ()

    def of(self, kind: ConnectionChange) -> list[ChangedConnections]:
        """The connections that were opened, or closed."""
        return [one for one in self.connections if one.kind is kind]

    @property
    def opened_services(self) -> list[ChangedService]:
        """The Services by which some workload reaches something, and reached nothing before."""
        return [one for one in self.services if one.opened]

    @property
    def exposure_changed(self) -> bool:
        """Whether something else is allowed for pods that could exist, beyond what the connections say."""
        return bool(self.exposure) or self.example is not None

    @property
    def example(self) -> Counterexample | None:
        """A connection that could exist and is allowed on one side only, where no other row shows a change."""
        if self.connections or self.reviewed or self.exposure or self.meaning is None:
            return None
        return self.meaning.counterexample if self.meaning.outcome is Outcome.FAILS else None

    @property
    def is_undecided(self) -> bool:
        """Whether it is not known if the policies allow the same for pods that could exist."""
        return bool(self.exposure_undecided) or (self.meaning is not None and self.meaning.outcome is Outcome.UNKNOWN)

    def __bool__(self) -> bool:
        return bool(
            self.connections
            or self.isolation
            or self.added
            or self.removed
            or self.services
            or self.exposure_changed
            or self.unknown
            or self.known
        )


class PolicyChange(NamedTuple):
    """A policy as it was and as it is; None where it is missing. `origin` is where it is read now."""

    before: Policy | None
    after: Policy | None
    origin: Origin | None


SAME_FILES: Final = ClusterDifference((), (), (), (), None, PolicyCount(0, 0, 0), None, (), (), (), ())
"""The difference between two clusters that are read from the same files, whatever is in these."""


def difference(before: State, after: State, names: tuple[str, str] = ("A", "B")) -> ClusterDifference:
    """What the change from one cluster to another does. `names` are what texts call the two sets of policies."""
    workloads = match(before, after)
    views = (
        ClusterView(before, [one.before for one in workloads.common]),
        ClusterView(after, [one.after for one in workloads.common]),
    )
    everyone = range(len(workloads.common))
    found = changed_assumptions(assumed(before), assumed(after), common_names(before, after, workloads.renamed))
    unread = unread_changes(before.doubts, after.doubts)
    compared = _Compared(views, workloads, everyone, changed_sides(*views, everyone), names, found, unread)
    difference, claims = _compared(compared, ExposureComparison(views[0], after))
    return msgspec.structs.replace(
        difference,
        exposure=exposure_rows(views, workloads.common, claims),
        services=changed_services(views, workloads.common, workloads.renamed),
    )


def difference_in_policies(
    state: State, changes: Sequence[PolicyChange], names: tuple[str, str] = ("A", "B"), origins: Origins | None = None
) -> ClusterDifference:
    """What a change of policies alone does to a cluster: as `difference`, which takes as long as reading all objects.

    The policies are changed in the state itself, and only the pods that they select are looked at. `origins` are where
    the policies are read after the change.
    """
    policies = [policy for change in changes for policy in (change.before, change.after) if policy]
    with state.telling_apart(policies) as affected:
        former = former_policies(state, affected)
        workloads = match_alone(state)
        groups = [one.before for one in workloads.common]
        before = ClusterView(state, groups, former)
        exposure = ExposureComparison(before, state, [policy.metadata.namespace for policy in policies])
        # Policies never apply to hostNetwork pods; which of them would select one is assumed.
        hosts, subjects = list(state.host_network_members()), [pod for one in affected for pod in one.pods()]
        of_hosts, old = assumed(state, hosts), assumed_of(state, subjects)

        @contextmanager
        def changed() -> Iterator[None]:
            with state.supposing() as suppose:
                for change in changes:
                    if change.after:
                        suppose(change.after, change.origin)
                    elif change.before:
                        suppose.without(change.before)
                yield

        with changed():
            views = before, ClusterView(state, groups)
            places = [place for place, group in enumerate(groups) if group.identity in affected]
            sides = changed_sides(*views, places)
            # Whether an answer depends on what is assumed is a question to the policies of all peers, too: they are
            # asked only if the policies that have changed assume something else of any pair.
            new = assumed_of(state, subjects)
            differs = old.facts != new.facts or any(counterpart_assumptions(views[1], sides))
            today = assumed(state) if differs else assumed(state, hosts)
        then = assumed(state) if differs else of_hosts
        found = changed_assumptions(then, today, (state.workload, state.workload))
        if not differs:
            found = found.with_unchanged((*old.sentences, *new.sentences))

        with changed():
            compared = _Compared(views, workloads, places, sides, names, found, (), origins)
            difference, claims = _compared(compared, exposure)
        rows = exposure_rows(views, workloads.common, claims, changed, origins)
        return msgspec.structs.replace(difference, exposure=rows)


class _Compared(NamedTuple):
    """Two clusters that are compared; `affected` are the workloads that the change can concern at all."""

    views: tuple[ClusterView, ClusterView]
    workloads: MatchedWorkloads
    affected: Sequence[int]
    changed: ChangedSides
    names: tuple[str, str]
    assumptions: ChangedAssumptions
    unread: tuple[UnreadChange, ...]
    origins: Origins | None = None


def _compared(compared: _Compared, exposure: ExposureComparison) -> tuple[ClusterDifference, Sequence[ExposureClaim]]:
    """All that differs but the exposure, and what is said about that: it is tried and explained in both clusters."""
    views, workloads = compared.views, compared.workloads
    causes = Causes(*views, Relabelling(*views, workloads.common), compared.origins)
    meaning = _meaning(views, causes.unchanged, compared.names)
    assumptions = compared.assumptions
    if meaning is not None and meaning.outcome is Outcome.HOLDS:
        # Assumptions name the blocks and selectors of rules: here these are only written in another way.
        assumptions = ChangedAssumptions(assumptions.all, (), ())
    claims, undecided = _claims(compared, causes.unchanged, meaning, exposure)
    difference = ClusterDifference(
        tuple(sorted(_connections(compared, causes), key=lambda one: one.order)),
        tuple(_isolation(compared, causes)),
        workloads.added,
        workloads.removed,
        len(workloads.common),
        _policy_count(views, causes.unchanged),
        meaning,
        # They are found in the order of the input, which must not matter.
        tuple(sorted(assumptions.added)),
        tuple(sorted(assumptions.gone)),
        compared.unread,
        tuple(sorted(assumptions.all)),
        exposure_undecided=undecided,
        renamed=workloads.renamed,
        namespaces=tuple(views[1].state.namespaces.names()),
    )
    return difference, claims


def _connections(compared: _Compared, causes: Causes) -> Iterator[ChangedConnections]:
    views, matched = compared.views, compared.workloads.common
    cells = (part for cell in changed_connections(*views, matched, compared.changed) for part in _divided(cell, causes))
    for folded in fold(cells):
        yield _row(folded, _references(matched, folded.sources), _references(matched, folded.destinations))
    outside = (part for one in changed_addresses(*views, compared.changed) for part in _divided_outside(one, causes))
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


def _isolation(compared: _Compared, causes: Causes) -> Iterator[ChangedIsolation]:
    for direction in Direction:
        alike: dict[tuple[tuple[CompiledPolicy[Any], ...], tuple[CompiledPolicy[Any], ...]], Bitset] = {}
        for place in compared.affected:
            old, new = (_isolating(view, place, direction) for view in compared.views)
            if bool(old) != bool(new):
                alike[old, new] = alike.get((old, new), 0) | 1 << place
        for (old, new), workloads in alike.items():
            why = causes.of_isolation(old, new, direction, workloads)
            yield ChangedIsolation(_references(compared.workloads.common, workloads), direction, bool(new), why)


def _isolating(view: ClusterView, place: int, direction: Direction) -> tuple[CompiledPolicy[Any], ...]:
    profiles = view.profiles(place, direction)
    return tuple(policy for one in profiles if one.otherwise is Action.DENY for policy in one.policies)


def _meaning(
    views: tuple[ClusterView, ClusterView], unchanged: set[PolicyKey], names: tuple[str, str]
) -> Comparison | None:
    """Whether the policies mean the same in any cluster, those that are not read apart: they are named on their own."""
    old, new = (view.policies for view in views)
    if all(key_of(policy) in unchanged for policy in (*old, *new)):
        return None
    first, second = (set_of_policies(name, view.policies) for name, view in zip(names, views, strict=True))
    touched = {one for policy in (*old, *new) if key_of(policy) not in unchanged for one in policy.rules}
    mine = first.meaning
    # A direction that no changed policy is about is the same in both: nothing of it is compared.
    same = {direction: mine.of(direction) for direction in Direction if direction not in touched}
    return compare(first, second, Relation.EQUIVALENT, meanings=(mine, Meaning(second.policies, same)))


def _claims(
    compared: _Compared,
    unchanged: set[PolicyKey],
    meaning: Comparison | None,
    exposure: ExposureComparison,
) -> tuple[Sequence[ExposureClaim], str]:
    """What is said about the exposure of workloads, or why it is not decided."""
    if meaning is not None and meaning.outcome is Outcome.HOLDS and not is_relabelled(compared.views):
        return (), ""
    try:
        return exposure.claims(compared.views[1], compared.workloads.common, unchanged, compared.affected), ""
    except Undecided as error:
        return (), str(error)


def _policy_count(views: tuple[ClusterView, ClusterView], unchanged: set[PolicyKey]) -> PolicyCount:
    old, new = ({key_of(policy) for policy in view.policies} for view in views)
    return PolicyCount(len(new - old), len(old - new), len((old & new) - unchanged))


def _references(matched: tuple[Matched, ...], workloads: Bitset) -> tuple[Reference, ...]:
    return tuple(matched[place].reference for place in bitsets.members(workloads))


def _order(ends: Ends) -> tuple[object, ...]:
    """Workloads by name, and addresses after them."""
    return (1, str(ends)) if isinstance(ends, Addresses) else (0, [str(end) for end in ends])
