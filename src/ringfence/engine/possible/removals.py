"""The meaning of a set of policies without some of its policies, rules, or parts of rules.

The cost of a removal depends on the size of what is removed, because the indexes of everything else are shared. So
thousands of removals can be tried.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ringfence.engine.policies import CompiledPolicy, CompiledRule
from ringfence.engine.possible.meaning import DirectionMeaning, IsolationTier, Meaning, OrderedTier
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.model.policies import Direction
from ringfence.sets.box_index import Boxes, BoxIndex, ChangedIndex
from ringfence.sets.boxes import Box, BoxKey, contains, key_of

Side = tuple[CompiledPolicy[Any], Direction]
"""A policy in one of the directions that it touches."""


class Removal(msgspec.Struct, frozen=True, eq=False):
    """What is removed: the isolation and all rules of some sides, and single rules, each with its remaining boxes."""

    sides: frozenset[Side] = frozenset()
    rules: Mapping[CompiledRule, tuple[Box, ...]] = {}


class Removals:
    """Computes meanings without parts of the policies."""

    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning
        self._places: dict[int, Mapping[object, list[int]]] = {}
        self._directions: dict[CompiledRule, Direction] = {}
        self._keys: dict[CompiledRule, Mapping[BoxKey, int]] = {}
        for direction in Direction:
            of = meaning.of(direction)
            for index in (of.admin.rules, of.isolation.rules, of.baseline.rules):
                # By `id`: `meaning` keeps the indexes alive, so that no id is used again.
                self._places[id(index)] = _places(index)
                self._directions |= dict.fromkeys((place.rule for _, place in index.entries), direction)
            self._places[id(of.isolation.subjects)] = _numbers(of.isolation.subjects)

    def without(self, removal: Removal, left: Meaning | None = None) -> Meaning:
        """The meaning after a removal; `left` is the meaning after earlier removals, if there were any."""
        before = left or self.meaning
        changed = {direction: self._side(before.of(direction), removal) for direction in self._touched_by(removal)}
        return before.with_directions(changed)

    def _touched_by(self, removal: Removal) -> set[Direction]:
        # A rule without boxes is in no index: it has no effect.
        of_rules = (self._directions[rule] for rule in removal.rules if rule in self._directions)
        return {direction for _, direction in removal.sides}.union(of_rules)

    def _side(self, before: DirectionMeaning, removal: Removal) -> DirectionMeaning:
        gone = [policy for policy, side in removal.sides if side is before.direction]
        subjects = self._less(before.isolation.subjects, gone, {})
        rules, admin, baseline = (
            self._less(index, gone, removal.rules)
            for index in (before.isolation.rules, before.admin.rules, before.baseline.rules)
        )
        is_isolation_same = subjects is before.isolation.subjects and rules is before.isolation.rules
        # An unchanged tier stays the same object, so it need not be compared.
        isolation = before.isolation if is_isolation_same else IsolationTier(subjects, rules)
        tiers = (
            before.admin if admin is before.admin.rules else OrderedTier(admin),
            isolation,
            before.baseline if baseline is before.baseline.rules else OrderedTier(baseline),
        )
        # The same object tells `side_allowed_only_by` that there is nothing to compare.
        if all(new is old for new, old in zip(tiers, before.tiers, strict=True)):
            return before
        return DirectionMeaning(before.direction, *tiers)

    def _less(
        self,
        index: Boxes[Any],
        policies: Iterable[CompiledPolicy[Any]],
        rules: Mapping[CompiledRule, tuple[Box, ...]],
    ) -> Boxes[Any]:
        """An index without the entries of some policies, and with other boxes for some rules."""
        base = index.base if isinstance(index, ChangedIndex) else index
        places = self._places[id(base)]
        left: dict[int, tuple[tuple[Box, Any], ...]] = {}
        for policy in policies:
            left |= dict.fromkeys(places.get(policy, ()), ())
        for rule, boxes in rules.items():
            left |= self._left_of(rule, base, places.get(rule, ()), boxes)
        changes = {number: entries for number, entries in left.items() if entries != index.at(number)}
        return ChangedIndex(index, changes) if changes else index

    def _left_of(
        self, rule: CompiledRule, base: BoxIndex[Any], numbers: Sequence[int], boxes: Iterable[Box]
    ) -> dict[int, tuple[tuple[Box, Any], ...]]:
        """The remaining boxes of a rule, each at the number of a box of the whole rule that contains it."""
        left: dict[int, tuple[tuple[Box, Any], ...]] = dict.fromkeys(numbers, ())
        if not numbers:
            return left
        if rule not in self._keys:
            self._keys[rule] = {key_of(base.entries[number][0]): number for number in numbers}
        # Most remaining boxes are boxes of the whole rule. They are looked up by key: a search would be quadratic.
        same = self._keys[rule]
        for box in boxes:
            # The others lie inside one of them, because port ranges and ipBlocks of a rule are joined.
            number = same.get(key_of(box))
            if number is None:
                number = next(number for number in numbers if contains(base.entries[number][0], box))
            left[number] = (*left[number], (box, base.entries[number][1]))
        return left


def _places(index: Boxes[RulePlace]) -> Mapping[object, list[int]]:
    """The numbers of the entries of each rule, and of each policy."""
    found: defaultdict[object, list[int]] = defaultdict(list)
    for number, (_, place) in enumerate(index.entries):
        found[place.rule].append(number)
        found[place.policy].append(number)
    return found


def _numbers(index: Boxes[CompiledPolicy[Any]]) -> Mapping[object, list[int]]:
    return {policy: [number] for number, (_, policy) in enumerate(index.entries)}
