"""What a set of policies means without some of its policies, rules, or parts of rules.

A removal costs as much as what is removed: the indexes of all others are shared. So thousands of removals can be tried.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ringfence.engine.policies import CompiledPolicy, CompiledRule
from ringfence.engine.possible.meaning import DirectionMeaning, IsolationTier, Meaning, OrderedTier
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.model.policies import Direction
from ringfence.sets.box_index import Boxes, BoxIndex, ChangedIndex
from ringfence.sets.boxes import Box

Side = tuple[CompiledPolicy[Any], Direction]
"""A policy in one of the directions that it touches."""


class Removal(msgspec.Struct, frozen=True, eq=False):
    """What is removed: the isolation and all rules of some sides of policies, and rules, of which boxes may be left."""

    sides: frozenset[Side] = frozenset()
    rules: Mapping[CompiledRule, tuple[Box, ...]] = {}

    def __or__(self, more: "Removal") -> "Removal":
        """Both at once. Of a rule of which both leave something, what `more` leaves."""
        return Removal(self.sides | more.sides, {**self.rules, **more.rules})


class Removals:
    """Finds what a meaning is without parts of its policies."""

    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning
        self._places: dict[int, Mapping[object, list[int]]] = {}
        for direction in Direction:
            of = meaning.of(direction)
            for index in (of.admin.rules, of.isolation.rules, of.baseline.rules):
                self._places[id(index)] = _places(index)
            self._places[id(of.isolation.subjects)] = _numbers(of.isolation.subjects)

    def without(self, removal: Removal) -> Meaning:
        """The meaning without what is removed."""
        return self.meaning.with_directions({direction: self._side(direction, removal) for direction in Direction})

    def _side(self, direction: Direction, removal: Removal) -> DirectionMeaning:
        before = self.meaning.of(direction)
        gone = [policy for policy, side in removal.sides if side is direction]
        admin, baseline, rules = (
            self._less(index, gone, removal)
            for index in (before.admin.rules, before.baseline.rules, before.isolation.rules)
        )
        subjects = self._less(before.isolation.subjects, gone, Removal())
        unchanged = (
            admin is before.admin.rules
            and baseline is before.baseline.rules
            and rules is before.isolation.rules
            and subjects is before.isolation.subjects
        )
        if unchanged:
            return before
        return DirectionMeaning(
            direction,
            before.admin if admin is before.admin.rules else OrderedTier(admin),
            IsolationTier(subjects, rules),
            before.baseline if baseline is before.baseline.rules else OrderedTier(baseline),
        )

    def _less(self, index: Boxes[Any], gone: Iterable[CompiledPolicy[Any]], removal: Removal) -> Boxes[Any]:
        assert isinstance(index, BoxIndex)
        places = self._places[id(index)]
        removed: set[int] = set()
        added: list[tuple[int, Box, Any]] = []
        for policy in gone:
            removed.update(places.get(policy, ()))
        for rule, left in removal.rules.items():
            numbers = places.get(rule, ())
            if numbers and numbers[0] not in removed:
                removed.update(numbers)
                added += ((numbers[0], box, index.entries[numbers[0]][1]) for box in left)
        return ChangedIndex(index, frozenset(removed), added) if removed else index


def _places(index: Boxes[RulePlace]) -> Mapping[object, list[int]]:
    """The numbers of the entries of each rule, and of each policy."""
    found: defaultdict[object, list[int]] = defaultdict(list)
    for number, (_, place) in enumerate(index.entries):
        found[place.rule].append(number)
        found[place.policy].append(number)
    return found


def _numbers(index: Boxes[CompiledPolicy[Any]]) -> Mapping[object, list[int]]:
    return {policy: [number] for number, (_, policy) in enumerate(index.entries)}
