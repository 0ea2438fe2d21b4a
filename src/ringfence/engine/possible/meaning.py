"""The meaning of a set of policies for all possible connections: for each direction, the tiers as boxes.

The order of evaluation is that of `engine.policies.tiers`: Admin, where the first matching rule decides; NetworkPolicy,
which for isolated pods denies everything that no rule allows; Baseline, like Admin; and everything that no tier decides
is allowed. A connection between two pods needs both directions; an end outside the cluster has no policies, so it
allows its direction.

All methods take a box and yield boxes inside it lazily: a caller that needs one box computes no others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Any

import msgspec

from ringfence.engine.policies import Action, CompiledPolicy
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.policy_boxes import RulePlace, rule_boxes, subject_box
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.cluster_rules import tier_of
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction
from ringfence.sets.box_index import Boxes, BoxIndex, ChangedIndex
from ringfence.sets.boxes import (
    EVERYTHING,
    Axis,
    Box,
    BoxKey,
    difference,
    intersection,
    key_of,
    overlaps,
    steps_of,
    uncovered,
)

Constraint = Callable[[Box, Budget], Iterator[Box]]
"""Yields the boxes inside a box in which a condition holds. They may overlap; together they are all of it."""


def narrowed(box: Box, constraints: Sequence[Constraint], budget: Budget) -> Iterator[Box]:
    """The boxes inside a box in which all constraints hold."""
    if not constraints:
        yield box
        return
    first, *others = constraints
    for inside in first(box, budget):
        yield from narrowed(inside, others, budget)


class IsolationTier(msgspec.Struct, frozen=True, eq=False):
    """NetworkPolicies, for one direction: subjects are isolated, and rules allow."""

    subjects: Boxes[CompiledPolicy[Any]]
    rules: Boxes[RulePlace]

    @property
    def is_empty(self) -> bool:
        """Whether no policy isolates anything, so that everything is passed on."""
        return not self.subjects

    def is_same(self, other: "IsolationTier") -> bool:
        """Whether another tier is known to have the same meaning, because it consists of the same boxes."""
        pairs = ((self.subjects, other.subjects), (self.rules, other.rules))
        # A tier with changes is not compared box by box, because it nearly always differs.
        return all(
            mine is theirs
            or (not (isinstance(mine, ChangedIndex) or isinstance(theirs, ChangedIndex)) and mine.keys == theirs.keys)
            for mine, theirs in pairs
        )

    def where(self, action: Action) -> Constraint:
        """The constraint that this tier allows, denies, or passes on because the subject is not isolated."""
        match action:
            case Action.ALLOW:
                return inside_any(self.rules)
            case Action.PASS:
                return outside_all(self.subjects)
            case Action.DENY:
                return self._denied

    def _denied(self, box: Box, budget: Budget) -> Iterator[Box]:
        # Subjects first: there are fewer of them than rules, and a connection of a pod that is not isolated needs no
        # look at rules.
        for isolated in inside_any(self.subjects)(box, budget):
            yield from outside_all(self.rules)(isolated, budget)

    def with_changes(
        self,
        gone: Set[CompiledPolicy[Any]],
        added: Iterable[CompiledPolicy[NetworkPolicy]],
        direction: Direction,
    ) -> "IsolationTier":
        """The tier without the policies `gone` and with `added`; the same object if this changes nothing.

        It shares the index of the unchanged policies.
        """
        subjects, rules = _isolation_boxes(added, direction)
        without = (
            {number: () for number, (_, policy) in enumerate(self.subjects.entries) if policy in gone},
            {number: () for number, (_, place) in enumerate(self.rules.entries) if place.policy in gone},
        )
        if not (subjects or without[0]):
            return self
        return IsolationTier(
            ChangedIndex(self.subjects, without[0], subjects), ChangedIndex(self.rules, without[1], rules)
        )


_IsolationBoxes = tuple[list[tuple[Box, CompiledPolicy[Any]]], list[tuple[Box, RulePlace]]]
"""The boxes of subjects and those of rules."""


def isolation_tier(policies: Iterable[CompiledPolicy[NetworkPolicy]], direction: Direction) -> IsolationTier:
    """The tier of some NetworkPolicies."""
    subjects, rules = _isolation_boxes(policies, direction)
    return IsolationTier(BoxIndex(subjects), BoxIndex(rules))


def _isolation_boxes(policies: Iterable[CompiledPolicy[NetworkPolicy]], direction: Direction) -> _IsolationBoxes:
    subjects: list[tuple[Box, CompiledPolicy[Any]]] = []
    rules: list[tuple[Box, RulePlace]] = []
    for policy in policies:
        box = subject_box(policy, direction) if direction in policy.rules else None
        if box is None:
            continue
        subjects.append((box, policy))
        for rule in policy.rules[direction]:
            place = RulePlace(policy, direction, rule)
            rules += ((matched, place) for matched in rule_boxes(policy, direction, rule))
    return subjects, rules


class OrderedTier(msgspec.Struct, frozen=True, eq=False):
    """The administrators' policies of one tier, for one direction: the first rule that matches decides."""

    rules: Boxes[RulePlace]
    """The boxes of all rules, in the order of evaluation."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no rule, so that everything is passed on."""
        return not self.rules

    def is_same(self, other: "OrderedTier") -> bool:
        """Whether another tier consists of the same boxes in the same order, and therefore has the same meaning."""
        if self.rules is other.rules:
            return True
        # A tier with a removal is not compared rule by rule, because it nearly always differs.
        is_changed = isinstance(self.rules, ChangedIndex) or isinstance(other.rules, ChangedIndex)
        return not is_changed and self._sequence() == other._sequence()

    def _sequence(self) -> list[tuple[Box, Action]]:
        return [(box, place.rule.action) for box, place in self.rules.entries]

    def where(self, action: Action) -> Constraint:
        """The constraint that this tier allows, denies, or passes on; what no rule matches is passed on, too."""

        def decided(box: Box, budget: Budget) -> Iterator[Box]:
            yield from _first_match(box, self.rules.near(box), action, budget)

        return decided

    def with_changes(
        self, gone: Set[CompiledPolicy[Any]], added: Iterable[CompiledPolicy[Any]], direction: Direction
    ) -> "OrderedTier":
        """The tier without the policies `gone` and with `added`; the same object if this changes nothing."""
        entries = self.rules.entries
        kept = [entry for entry in entries if entry[1].policy not in gone]
        more = list(_ordered_boxes(added, direction))
        if not more and len(kept) == len(entries):
            return self
        # A new index: in an ordered tier, an added policy may stand between others, where `ChangedIndex` has no place
        # for it. `sorted` is stable, so the rules of a policy keep their order.
        return OrderedTier(BoxIndex(sorted([*kept, *more], key=lambda entry: entry[1].policy.order)))


def ordered_tier(policies: Iterable[CompiledPolicy[Any]], direction: Direction) -> OrderedTier:
    """The tier of some policies of administrators."""
    return OrderedTier(BoxIndex(_ordered_boxes(policies, direction)))


def _ordered_boxes(policies: Iterable[CompiledPolicy[Any]], direction: Direction) -> Iterator[tuple[Box, RulePlace]]:
    """The boxes of all rules, in the order of evaluation."""
    ordered = sorted((one for one in policies if direction in one.rules), key=lambda one: one.order)
    return (
        (box, RulePlace(policy, direction, rule))
        for policy in ordered
        for rule in policy.rules[direction]
        for box in rule_boxes(policy, direction, rule)
    )


def _first_match(box: Box, rules: Sequence[tuple[Box, RulePlace]], action: Action, budget: Budget) -> Iterator[Box]:
    """The boxes inside a box in which the first matching rule has an action; without a matching rule it is PASS."""
    # A stack instead of recursion, because tiers can have more rules than Python has frames.
    waiting = [(box, 0)]
    while waiting:
        left, number = waiting.pop()
        budget.step(steps_of(left) * (1 + len(rules) - number))
        while number < len(rules) and not overlaps(rules[number][0], left):
            number += 1
        if number == len(rules):
            if action is Action.PASS:
                yield left
            continue
        matched, place = rules[number]
        budget.place = place
        waiting += [(outside, number + 1) for outside in difference(left, matched)]
        if place.rule.action is action and (inside := intersection(left, matched)) is not None:
            yield inside


Tier = OrderedTier | IsolationTier


def is_same_tier(mine: Tier, theirs: Tier) -> bool:
    """Whether two tiers at the same position, which have the same type, consist of the same boxes."""
    return mine.is_same(theirs)  # type: ignore[arg-type]


class DirectionMeaning(msgspec.Struct, frozen=True, eq=False):
    """The decisions of a set of policies in one direction, regardless of the other direction."""

    direction: Direction
    admin: OrderedTier
    isolation: IsolationTier
    baseline: OrderedTier

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The tiers in the order of evaluation."""
        return self.admin, self.isolation, self.baseline

    def with_changes(self, gone: Set[CompiledPolicy[Any]], added: Iterable[CompiledPolicy[Any]]) -> "DirectionMeaning":
        """The meaning without the policies `gone` and with `added`."""
        by_tier = _by_tier(added)
        return DirectionMeaning(
            self.direction,
            self.admin.with_changes(gone, by_tier[PolicyTier.ADMIN], self.direction),
            self.isolation.with_changes(gone, by_tier[None], self.direction),
            self.baseline.with_changes(gone, by_tier[PolicyTier.BASELINE], self.direction),
        )

    def allowed(self, within: Box = EVERYTHING, budget: Budget | None = None) -> Iterator[Box]:
        """The boxes inside `within` that this direction allows. They may overlap."""
        budget = budget or Budget()
        tiers = self._deciding
        # Connections that no policy decides come first: a caller that needs one box then rarely has to look at rules.
        yield from narrowed(within, [tier.where(Action.PASS) for tier in tiers], budget)
        for number in range(len(tiers)):
            yield from self._decided_by(tiers, number, Action.ALLOW, within, budget)

    def denied(self, within: Box = EVERYTHING, budget: Budget | None = None) -> Iterator[Box]:
        """The boxes inside `within` that this direction denies. They may overlap."""
        budget = budget or Budget()
        tiers = self._deciding
        for number in range(len(tiers)):
            yield from self._decided_by(tiers, number, Action.DENY, within, budget)

    @property
    def _deciding(self) -> list[Tier]:
        """The tiers that decide anything."""
        return [tier for tier in self.tiers if not tier.is_empty]

    def _decided_by(
        self, tiers: Sequence[Tier], number: int, action: Action, within: Box, budget: Budget
    ) -> Iterator[Box]:
        """The boxes in which one tier decides, because those before it pass."""
        before = [tier.where(Action.PASS) for tier in tiers[:number]]
        # The deciding tier comes first: few boxes match a rule, while nearly everything passes the tiers before it.
        return narrowed(within, [tiers[number].where(action), *before], budget)


def direction_meaning(policies: Iterable[CompiledPolicy[Any]], direction: Direction) -> DirectionMeaning:
    """The meaning of some policies in one direction."""
    by_tier = _by_tier(policies)
    return DirectionMeaning(
        direction,
        ordered_tier(by_tier[PolicyTier.ADMIN], direction),
        isolation_tier(by_tier[None], direction),
        ordered_tier(by_tier[PolicyTier.BASELINE], direction),
    )


def _by_tier(policies: Iterable[CompiledPolicy[Any]]) -> dict[PolicyTier | None, list[CompiledPolicy[Any]]]:
    """The policies of each tier of administrators, and under None the NetworkPolicies."""
    by_tier: dict[PolicyTier | None, list[CompiledPolicy[Any]]] = {None: [], **{tier: [] for tier in PolicyTier}}
    for policy in policies:
        is_namespaced = isinstance(policy.policy, NetworkPolicy)
        by_tier[None if is_namespaced else tier_of(policy.policy)].append(policy)
    return by_tier


class Meaning:
    """The meaning of a set of policies in any cluster, for both directions."""

    def __init__(self, policies: Iterable[CompiledPolicy[Any]]) -> None:
        """The meaning of policies that were compiled by `compile_in_any_cluster`.

        Other objects are not needed: pods, labels of namespaces, nodes and the numbers of named ports may be any.
        """
        listed = tuple(policies)
        self._directions: Mapping[Direction, DirectionMeaning] = {
            direction: direction_meaning(listed, direction) for direction in Direction
        }

    def with_changes(self, removed: Sequence[CompiledPolicy[Any]], added: Sequence[CompiledPolicy[Any]]) -> "Meaning":
        """The meaning without the policies `removed` and with `added`.

        Unchanged parts are the same objects, so they need not be compared. A direction of none of the policies does not
        change.
        """
        touched = {direction for policy in (*removed, *added) for direction in policy.rules}
        return self.with_directions({one: self.of(one).with_changes(frozenset(removed), added) for one in touched})

    def with_directions(self, directions: Mapping[Direction, DirectionMeaning]) -> "Meaning":
        """The meaning of the same policies after changes of some directions."""
        # Without `__init__`, which would compute the boxes of all policies again.
        changed = Meaning.__new__(Meaning)
        changed._directions = {**self._directions, **directions}
        return changed

    def of(self, direction: Direction) -> DirectionMeaning:
        """The meaning of the policies in one direction."""
        return self._directions[direction]

    @cached_property
    def axes(self) -> frozenset[Axis]:
        """The axes that the policies read."""
        return frozenset(
            axis
            for direction in self._directions.values()
            for boxes in (
                direction.admin.rules,
                direction.isolation.subjects,
                direction.isolation.rules,
                direction.baseline.rules,
            )
            for box, _ in boxes.entries
            for axis in box
        )

    def allowed(self, within: Box = EVERYTHING, budget: Budget | None = None) -> Iterator[Box]:
        """The boxes inside `within` of connections that both directions allow. They may overlap."""
        budget = budget or Budget()
        egress, ingress = self.of(Direction.EGRESS), self.of(Direction.INGRESS)
        return narrowed(within, [egress.allowed, ingress.allowed], budget)

    def denied(self, within: Box = EVERYTHING, budget: Budget | None = None) -> Iterator[Box]:
        """The boxes inside `within` of connections that some direction denies. They may overlap."""
        budget = budget or Budget()
        for direction in Direction:
            yield from self.of(direction).denied(within, budget)


def inside_any(index: Boxes[Any]) -> Constraint:
    """The constraint to lie in some box of an index."""

    def inside(box: Box, budget: Budget) -> Iterator[Box]:
        seen: set[BoxKey] = set()
        work = steps_of(box)
        for other, place in index.near(box):
            budget.step(work)
            if isinstance(place, RulePlace):
                budget.place = place
            both = intersection(box, other)
            if both is not None and (key := key_of(both)) not in seen:
                seen.add(key)
                yield both
                # The rest of the index can add nothing to the whole box.
                if len(both) == len(box) and both == box:
                    return

    return inside


def outside_all(index: Boxes[Any]) -> Constraint:
    """The constraint to lie in no box of an index."""

    def outside(box: Box, budget: Budget) -> Iterator[Box]:
        for part in index.parts(box):
            yield from uncovered(part, [other for other, _ in index.near(part)], budget.step)

    return outside
