"""The possible pods for which a change opens or closes traffic with a workload, described by selectors.

Both clusters are compared in universes that share their regions, so equal regions are the same object, and regions that
no policy distinguishes are never compared. Possible pods with the labels of a workload in the input are left out: the
rows between workloads cover them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property, reduce
from itertools import product
from operator import or_
from typing import Any, Final

import msgspec

from ringfence.analysis.differences.causes import (
    Cause,
    Change,
    ConnectionChange,
    PolicyKey,
    attributed_to,
    key_of,
)
from ringfence.analysis.differences.exposure_examples import ComparedViews, ExposureClaim, explained_claims
from ringfence.analysis.differences.matched_workloads import ClusterView, Matched
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.population import NAME_LABEL, Reference
from ringfence.engine.possible import (
    NAME,
    Budget,
    ByTraffic,
    Counterparts,
    ExamplePod,
    PossiblePods,
    PossibleTraffic,
    Smallest,
    Undecided,
    Universe,
    by_labels,
)
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.model.selectors import Operator, Term
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import merged
from ringfence.sets.regions import OTHER, Region, Regions

MOST_STEPS: Final = 1_000_000
"""Up to ten seconds. A change of one policy among 10,000 takes a fiftieth of it."""

_MOST_COMBINATIONS: Final = 16
"""The most combinations of labels for which workloads of the input are looked up."""

_NO_POLICIES: Final = frozenset[PolicyKey]()

Names = frozenset[str | None]
"""Names of existing namespaces; None means all namespaces that do not exist yet."""


class ChangedExposure(msgspec.Struct, frozen=True):
    """Pods that do not exist yet, and the traffic that was opened or closed between each of them and some workloads.

    With ingress the pods open connections to the workloads, with egress the reverse. `example` is one of the pods; the
    engine for existing pods was asked about it and says the same.
    """

    kind: ConnectionChange
    workloads: tuple[Reference, ...]
    direction: Direction
    pods: tuple[PossiblePods, ...]
    traffic: PossibleTraffic
    example: ExamplePod
    causes: tuple[Cause, ...]

    @property
    def attributed_to(self) -> tuple[Change, ...]:
        """The kinds of objects whose change caused this: policies, workloads, namespaces."""
        return attributed_to(self.causes)

    @property
    def order(self) -> tuple[object, ...]:
        """The sort key of rows: opened before closed, and changes by the workloads' own policies before others."""
        return (
            self.kind is ConnectionChange.CLOSED,
            all(cause.direction is not self.direction for cause in self.causes),
            self.workloads,
            self.direction is Direction.EGRESS,
            [one.order for one in self.pods],
        )


def exposure_rows(compared: ComparedViews, claims: Sequence[ExposureClaim]) -> tuple[ChangedExposure, ...]:
    """The claims as rows, each with an example and the causes."""
    rows = (
        ChangedExposure(
            claim.kind,
            tuple(compared.matched[place].reference for place in bitsets.members(claim.workloads)),
            claim.direction,
            claim.pods,
            claim.traffic,
            explained.example,
            explained.causes,
        )
        for claim, explained in explained_claims(compared, claims)
    )
    return tuple(sorted(rows, key=lambda row: row.order))


class _Claimed(msgspec.Struct, frozen=True):
    """What changes for a workload, and the changed policies that select it. Workloads with equal values are one row."""

    kind: ConnectionChange
    direction: Direction
    pods: tuple[PossiblePods, ...]
    traffic: PossibleTraffic
    policies: frozenset[PolicyKey]


def is_relabelled(views: tuple[ClusterView, ClusterView]) -> bool:
    """Whether an unchanged policy may select other pods, or the same ones with other addresses or ports."""
    old, new = (view.state.namespaces for view in views)
    return any(old.exists(name) and old.labels(name) != new.labels(name) for name in new.names()) or any(
        one is not other
        and (one.labels, one.named_ports, one.addresses, one.host_network)
        != (other.labels, other.named_ports, other.addresses, other.host_network)
        for one, other in zip(views[0].members, views[1].members, strict=True)
    )


class ExposureComparison:
    """Compares the traffic of possible pods with each workload before and after; equal workloads are compared once."""

    def __init__(self, before: ClusterView, after: State, policed: Sequence[str] | None = None) -> None:
        """Both clusters can be one state at two times: then `policed` are the namespaces of the policies that change.

        In that case, create the comparison at the earlier time.
        """
        self._before = before
        self._budget = Budget(MOST_STEPS)
        old, new = before.state.namespaces, after.namespaces
        regions = Regions(self._budget.step)
        mentioned = [name for name in policed or () if name]  # only by a policy that is added or removed
        former, self._universe = (
            Universe(
                one, self._budget.step, {name: other.labels(name) for name in (*other.names(), *mentioned)}, regions
            )
            for one, other in ((old, new), (new, old))
        )
        self._everywhere: Names = frozenset((*self._universe.existing, None))
        self._smallest = Smallest(self._universe)
        self._counterparts = {
            direction: (
                Counterparts(before.state.tiers, before.state.population, former, direction, self._budget),
                Counterparts(after.tiers, after.population, self._universe, direction, self._budget),
            )
            for direction in Direction
        }
        self._touched: Names | None = None
        self._undecided: Undecided | None = None
        if policed is not None:
            self._touched = self._namespaces(policed)
            try:
                with self._budget.deciding():
                    for counterparts, _ in self._counterparts.values():
                        counterparts.look_at(self._touched)
            except Undecided as error:
                self._undecided = error
        self._changes: dict[tuple[ByTraffic, ByTraffic], list[tuple[PossibleTraffic, tuple[PossiblePods, ...]]]] = {}

    def claims(
        self, after: ClusterView, matched: Sequence[Matched], unchanged: set[PolicyKey], affected: Collection[int]
    ) -> list[ExposureClaim]:
        """The changes of all workloads, equal ones as one claim. Raises Undecided if selectors overlap in too many
        ways.

        `affected` must contain every workload that a changed policy selects.
        """
        if self._undecided:
            raise self._undecided
        views = self._before, after
        touched = self._touched_by(views, unchanged) if self._touched is None else self._touched
        # Without a changed policy or label no possible pod is treated differently.
        if not touched or not matched:
            return []
        identities = [(one.before.identity, one.after.identity) for one in matched]
        relabelled = is_relabelled(views)
        folded: defaultdict[_Claimed, Bitset] = defaultdict(int)
        existing, selected = _ExistingPods(after, matched), frozenset(affected)
        with self._budget.deciding():
            for direction in Direction:
                former, present = self._counterparts[direction]
                others_differ = former.differ_from(present, touched)
                for place, pair in enumerate(identities):
                    policies = _policies(views, place, direction, unchanged) if place in selected else _NO_POLICIES
                    # Three reasons why a workload may differ: its own policies, labels, or what possible pods allow
                    # with it. Most have none, and nothing is computed for them.
                    if not (policies or relabelled or others_differ(*pair)):
                        continue
                    before_and_after = self._both(views, place, direction, touched)
                    if before_and_after[0] != before_and_after[1]:
                        for kind, traffic, pods in self._changed(*before_and_after):
                            if left := tuple(one for one in pods if traffic.by_name or not existing.cover(one, place)):
                                folded[_Claimed(kind, direction, left, traffic, policies)] |= 1 << place
        return [ExposureClaim(one.kind, one.direction, places, one.pods, one.traffic) for one, places in folded.items()]

    def _touched_by(self, views: tuple[ClusterView, ClusterView], unchanged: set[PolicyKey]) -> Names:
        """The namespaces whose possible pods may be selected by other policies than before, or allow something else."""
        if is_relabelled(views):
            return self._everywhere
        policies = (policy for view in views for policy in view.policies)
        return self._namespaces(policy.namespace for policy in policies if key_of(policy) not in unchanged)

    def _namespaces(self, policed: Iterable[str]) -> Names:
        """The namespaces of policies; everywhere if one of them is cluster-scoped."""
        names = frozenset(policed)
        return names if all(names) else self._everywhere

    def _both(
        self, views: tuple[ClusterView, ClusterView], place: int, direction: Direction, touched: Names
    ) -> list[ByTraffic]:
        """The traffic with possible pods before and after, for the namespaces in which it may differ."""
        sides = [
            (counterparts, view.identity(place), view.stack(place, direction))
            for counterparts, view in zip(self._counterparts[direction], views, strict=True)
        ]
        found = [counterparts.of(identity, touched, stack) for counterparts, identity, stack in sides]
        before, after = (counterparts.own_side(identity, stack) for counterparts, identity, stack in sides)
        if before == after or not (others := self._names(_differing(before, after)) - touched):
            return found
        # Possible pods of these namespaces allow the same as before, so one side's value serves both.
        counterparts, identity, _ = sides[1]
        return [
            frozenset(merged([*cells, *counterparts.of(identity, others, stack)]))
            for cells, (_, _, stack) in zip(found, sides, strict=True)
        ]

    def _changed(
        self, before: ByTraffic, after: ByTraffic
    ) -> Iterator[tuple[ConnectionChange, PossibleTraffic, tuple[PossiblePods, ...]]]:
        for traffic, pods in self._gained(after, before):
            yield ConnectionChange.OPENED, traffic, pods
        for traffic, pods in self._gained(before, after):
            yield ConnectionChange.CLOSED, traffic, pods

    def _names(self, region: Region) -> Names:
        existing = self._universe.existing
        if region.axis != NAME or region.at(OTHER):
            return self._everywhere
        to_come = [None] if any(name not in existing for name in region.listed) else []
        return frozenset((*(name for name, pods in region.listed.items() if pods and name in existing), *to_come))

    def _gained(self, gaining: ByTraffic, losing: ByTraffic) -> list[tuple[PossibleTraffic, tuple[PossiblePods, ...]]]:
        """The possible pods that gain traffic with a workload, by the traffic that they gain."""
        found = self._changes.get((gaining, losing))
        if found is None:
            cells = merged((region, traffic) for region, traffic in _more(gaining, losing) if region and traffic)
            described = [
                (traffic, self._smallest.describe(region)) for region, traffic in by_labels(self._universe, cells)
            ]
            # Regions have no order. Their descriptions have.
            found = self._changes[gaining, losing] = sorted(described, key=lambda one: [pods.order for pods in one[1]])
        return found


def _policies(
    views: tuple[ClusterView, ClusterView], place: int, direction: Direction, unchanged: set[PolicyKey]
) -> frozenset[PolicyKey]:
    """The changed policies that select a workload in one of the clusters."""
    selecting: Iterable[CompiledPolicy[Any]] = (
        policy for view in views for profile in view.profiles(place, direction) for policy in profile.policies
    )
    return frozenset(key for policy in selecting if (key := key_of(policy)) not in unchanged)


def _more(gaining: ByTraffic, losing: ByTraffic) -> Iterator[tuple[Region, Any]]:
    """The regions of `gaining`, split where `losing` differs, each with the traffic that only `gaining` has there."""
    for region, traffic in gaining:
        left = region
        for other, less in losing:
            if common := left & other:
                yield common, traffic - less
                left ^= common
        yield left, traffic


def _differing(before: ByTraffic, after: ByTraffic) -> Region:
    """The possible pods to which two partitions assign different traffic."""
    sides = (before, after), (after, before)
    return reduce(or_, (region for one, other in sides for region, more in _more(one, other) if region and more))


class _ExistingPods:
    """The labels of the workloads that both clusters have."""

    def __init__(self, view: ClusterView, matched: Sequence[Matched]) -> None:
        self._view = view
        self._matched = matched
        self._known: dict[PossiblePods, list[Bitset]] = {}

    @cached_property
    def _single(self) -> Bitset:
        return bitsets.of(place for place, one in enumerate(self._matched) if not one.is_several)

    @cached_property
    def _having(self) -> dict[tuple[str, str, str], Bitset]:
        """The workloads of each namespace that have each label."""
        found: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        for place, member in enumerate(self._view.members):
            if not member.host_network:
                for key, value in member.labels.items():
                    found[member.namespace, key, value].append(place)
        return {label: bitsets.of(places) for label, places in found.items()}

    def cover(self, pods: PossiblePods, workload: int) -> bool:
        """Whether for each of the possible pods, another workload of the input has its labels in its namespace.

        This covers only descriptions that list values for each label, not "all others" of a namespace.
        """
        apart = ~(1 << workload) if self._single >> workload & 1 else ~0
        found = self._known.get(pods)
        if found is None:
            found = self._known[pods] = list(self._alike(pods))
        return bool(found) and all(places & apart for places in found)

    def _alike(self, pods: PossiblePods) -> Iterator[Bitset]:
        """The workloads with each combination of the labels; nothing if the description does not list values."""
        terms = (*pods.namespaces.terms, *pods.pods.terms)
        names = [term for term in pods.namespaces.terms if term.key == NAME_LABEL]
        if len(names) != len(pods.namespaces.terms) or not names or not pods.pods.terms or not all(map(_lists, terms)):
            return
        values = [sorted(term.values) for term in (*names[:1], *pods.pods.terms)]
        # To leave a description in the list is safe: it is only less short.
        if reduce(lambda number, some: number * len(some), values, 1) > _MOST_COMBINATIONS:
            return
        for name, *labels in product(*values):
            # All workloads: -1 as a bitset.
            places = ~0
            for term, value in zip(pods.pods.terms, labels, strict=True):
                places &= self._having.get((name, term.key, value), 0)
            yield places


def _lists(term: Term) -> bool:
    return term.operator is Operator.IN
