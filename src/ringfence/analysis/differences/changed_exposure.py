"""Which pods that do not exist yet may connect with a workload since a change, or no longer may: by selectors of them.

Both clusters are compared in universes that share their regions, so equal regions are the same object, and what no
policy touches is never compared. Pods to come that have the labels of a workload in the input are left out: the rows
between workloads are about them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, reduce
from itertools import product
from operator import or_
from typing import Any, Final

import msgspec

from ringfence.analysis.differences.causes import (
    Cause,
    Change,
    ConnectionChange,
    Origins,
    PolicyKey,
    attributed_to,
    key_of,
)
from ringfence.analysis.differences.exposure_examples import ExposureClaim, explained_claims
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
"""Combinations of labels for which a workload in the input is looked for."""

_NO_POLICIES: Final = frozenset[PolicyKey]()

Names = frozenset[str | None]
"""Namespaces that exist, and with None all that may come."""


class ChangedExposure(msgspec.Struct, frozen=True):
    """Pods that do not exist yet, and the traffic that was opened or closed between each of them and some workloads.

    With ingress the pods open connections to the workloads, with egress the reverse. `example` is one of the pods, of
    which an ordinary engine says the same, before and after.
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
        """What has changed so that the exposure has: policies, workloads, namespaces."""
        return attributed_to(self.causes)

    @property
    def order(self) -> tuple[object, ...]:
        """What rows are sorted by: what was opened comes first, and by policies of the workloads themselves."""
        return (
            self.kind is ConnectionChange.CLOSED,
            all(cause.direction is not self.direction for cause in self.causes),
            self.workloads,
            self.direction is Direction.EGRESS,
            [one.order for one in self.pods],
        )


def exposure_rows(
    views: tuple[ClusterView, ClusterView],
    matched: tuple[Matched, ...],
    claims: Sequence[ExposureClaim],
    changed: Callable[[], AbstractContextManager[None]] = nullcontext,
    origins: Origins | None = None,
) -> tuple[ChangedExposure, ...]:
    """The rows of what is said, each with an example and the causes."""
    rows = (
        ChangedExposure(
            claim.kind,
            tuple(matched[place].reference for place in bitsets.members(claim.workloads)),
            claim.direction,
            claim.pods,
            claim.traffic,
            explained.example,
            explained.causes,
        )
        for claim, explained in explained_claims(views, matched, claims, changed, origins)
    )
    return tuple(sorted(rows, key=lambda row: row.order))


class _Claimed(msgspec.Struct, frozen=True):
    """What changes for a workload, and the policies that select it and differ: equal ones are one row."""

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
    """Compares what possible pods may before and after with each workload, once for all that are alike."""

    def __init__(self, before: ClusterView, after: State, policed: Sequence[str] | None = None) -> None:
        """Both clusters can be one state at two times: then `policed` are the namespaces of the policies that change.

        It is made at the earlier time.
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
        """What changes for all workloads, equal ones together. Raises Undecided where selectors overlap too much.

        No policy that has changed selects a workload that is not `affected`.
        """
        if self._undecided:
            raise self._undecided
        views = self._before, after
        touched = self._touched_by(views, unchanged) if self._touched is None else self._touched
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
                    if not (policies or relabelled or others_differ(*pair)):
                        continue
                    before_and_after = self._both(views, place, direction, touched)
                    if before_and_after[0] != before_and_after[1]:
                        for kind, traffic, pods in self._changed(*before_and_after):
                            if left := tuple(one for one in pods if traffic.by_name or not existing.cover(one, place)):
                                folded[_Claimed(kind, direction, left, traffic, policies)] |= 1 << place
        return [ExposureClaim(one.kind, one.direction, places, one.pods, one.traffic) for one, places in folded.items()]

    def _touched_by(self, views: tuple[ClusterView, ClusterView], unchanged: set[PolicyKey]) -> Names:
        """The namespaces whose pods to come may be selected by other policies, or allow other workloads something."""
        if is_relabelled(views):
            return self._everywhere
        policies = (policy for view in views for policy in view.policies)
        return self._namespaces(policy.namespace for policy in policies if key_of(policy) not in unchanged)

    def _namespaces(self, policed: Iterable[str]) -> Names:
        """The namespaces of policies; all, if one of them is a policy of the whole cluster."""
        names = frozenset(policed)
        return names if all(names) else self._everywhere

    def _both(
        self, views: tuple[ClusterView, ClusterView], place: int, direction: Direction, touched: Names
    ) -> list[ByTraffic]:
        """What passes before and after, of the namespaces in which it may differ."""
        sides = [
            (counterparts, view.identity(place), view.stack(place, direction))
            for counterparts, view in zip(self._counterparts[direction], views, strict=True)
        ]
        found = [counterparts.of(identity, touched, stack) for counterparts, identity, stack in sides]
        before, after = (counterparts.own_side(identity, stack) for counterparts, identity, stack in sides)
        if before == after or not (others := self._names(_differing(before, after)) - touched):
            return found
        # Pods to come of these namespaces allow the same as before: that is found out once.
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
        """The possible pods between which and a workload more passes than before, by what more passes."""
        found = self._changes.get((gaining, losing))
        if found is None:
            cells = merged((region, traffic) for region, traffic in _more(gaining, losing) if region and traffic)
            described = [
                (traffic, self._smallest.describe(region)) for region, traffic in by_labels(self._universe, cells)
            ]
            # Regions are sets in no order: what they are described by has one.
            found = self._changes[gaining, losing] = sorted(described, key=lambda one: [pods.order for pods in one[1]])
        return found


def _policies(
    views: tuple[ClusterView, ClusterView], place: int, direction: Direction, unchanged: set[PolicyKey]
) -> frozenset[PolicyKey]:
    """The policies that select a workload in one of the clusters, and differ."""
    selecting: Iterable[CompiledPolicy[Any]] = (
        policy for view in views for profile in view.profiles(place, direction) for policy in profile.policies
    )
    return frozenset(key for policy in selecting if (key := key_of(policy)) not in unchanged)


def _more(gaining: ByTraffic, losing: ByTraffic) -> Iterator[tuple[Region, Any]]:
    for region, traffic in gaining:
        left = region
        for other, less in losing:
            if common := left & other:
                yield common, traffic - less
                left ^= common
        yield left, traffic


def _differing(before: ByTraffic, after: ByTraffic) -> Region:
    """The pods about which two different partitions differ."""
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
        """Whether all possible pods have labels, and are in namespaces, that another pod than the workload's has, too.

        Only pods that are identified by labels which they have are covered, not "all others" of a namespace.
        """
        apart = ~(1 << workload) if self._single >> workload & 1 else ~0
        found = self._known.get(pods)
        if found is None:
            found = self._known[pods] = list(self._alike(pods))
        return bool(found) and all(places & apart for places in found)

    def _alike(self, pods: PossiblePods) -> Iterator[Bitset]:
        """The workloads that have each combination of the labels; none at all if there is no list of combinations."""
        terms = (*pods.namespaces.terms, *pods.pods.terms)
        names = [term for term in pods.namespaces.terms if term.key == NAME_LABEL]
        if len(names) != len(pods.namespaces.terms) or not names or not pods.pods.terms or not all(map(_lists, terms)):
            return
        values = [sorted(term.values) for term in (*names[:1], *pods.pods.terms)]
        if reduce(lambda number, some: number * len(some), values, 1) > _MOST_COMBINATIONS:
            return
        for name, *labels in product(*values):
            places = ~0
            for term, value in zip(pods.pods.terms, labels, strict=True):
                places &= self._having.get((name, term.key, value), 0)
            yield places


def _lists(term: Term) -> bool:
    return term.operator is Operator.IN
