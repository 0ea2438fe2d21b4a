"""Precedence: computes what is allowed by rules that allow, deny and pass, where the first matching rule decides.

Sets of numbers represent what a rule matches: protocols and ports for one peer, or addresses for one port. The borders
of all sets divide the numbers into cells. A set of cells is a bitset, so evaluating a rule takes a few bit operations
for any number of ranges.

Source: network-policy-api, "Evaluation order".
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from ringfence.engine.policies import Action
from ringfence.sets import intervals
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval, Intervals

_RUN: Final = re.compile("1+")


class Cells:
    """The cells into which the borders of sets divide the range `whole`. All numbers of a cell are in the same sets."""

    def __init__(self, sets: Iterable[Intervals], whole: Interval) -> None:
        borders = {border for numbers in sets for low, high in numbers for border in (low, high + 1)}
        self._borders = sorted(borders | {whole[0], whole[1] + 1})
        self._place = {border: place for place, border in enumerate(self._borders)}
        self.all: Bitset = (1 << len(self._borders) - 1) - 1
        """The set of all cells."""

    def __len__(self) -> int:
        return len(self._borders) - 1

    def of(self, numbers: Intervals) -> Bitset:
        """Return the cells of one of the sets."""
        # The difference of two powers of two has all bits between them. Ranges of a set are disjoint, so no carry
        # occurs.
        return sum((1 << self._place[high + 1]) - (1 << self._place[low]) for low, high in numbers)

    def numbers(self, cells: Bitset) -> Intervals:
        """Return the numbers in these cells."""
        # Search the runs in text: bit operations would copy the bitset for each run.
        runs = _RUN.finditer(f"{cells:b}"[::-1])
        return tuple((self._borders[run.start()], self._borders[run.end()] - 1) for run in runs)


class Ruling(NamedTuple):
    """A matching rule: the index of its profile in the stack, its action, and the numbers that it matches."""

    profile: int
    action: Action
    numbers: Intervals


class Decision(msgspec.Struct, frozen=True, cache_hash=True):
    """The numbers that the rules of one profile allow, and those that they pass. All other numbers are denied."""

    allowed: Intervals
    passed: Intervals


Matching = tuple[Action, Bitset]
"""The action of a rule, and the cells that it matches."""


def allowed(rulings: Sequence[Ruling], otherwise: Sequence[Action], whole: Interval) -> Intervals:
    """Return the numbers of `whole` that the rules allow. The rules are given in the order of their evaluation.

    Numbers that no rule of a profile matches get the profile's action in `otherwise`. Numbers that no profile decides
    are allowed.
    """
    cells = Cells((ruling.numbers for ruling in rulings), whole)
    matching = ((ruling.profile, (ruling.action, cells.of(ruling.numbers))) for ruling in rulings)
    return cells.numbers(allowed_cells(matching, otherwise, cells.all))


def allowed_cells(rulings: Iterable[tuple[int, Matching]], otherwise: Sequence[Action], undecided: Bitset) -> Bitset:
    """Return the allowed cells, like `allowed`. Each rule is given with the index of its profile."""
    of_profile: defaultdict[int, list[Matching]] = defaultdict(list)
    for profile, matching in rulings:
        of_profile[profile].append(matching)
    found: Bitset = 0
    for profile, last in enumerate(otherwise):
        allow, undecided = first_decides(of_profile[profile], last, undecided)
        found |= allow
    return found | undecided


def first_decides(rulings: Iterable[Matching], otherwise: Action, undecided: Bitset) -> tuple[Bitset, Bitset]:
    """Return the cells that the rules of a profile allow and those that they pass. The first matching rule decides."""
    allow, passed = 0, 0
    for action, cells in chain(rulings, ((otherwise, undecided),)):
        meant = undecided & cells
        if action is Action.ALLOW:
            allow |= meant
        elif action is Action.PASS:
            passed |= meant
        # Cells in `meant` are all undecided, so this removes them.
        undecided ^= meant
        if not undecided:
            break
    return allow, passed


def decided(rulings: Sequence[tuple[Action, Intervals]], otherwise: Action, whole: Interval) -> Decision:
    """Return the decision of one profile's rules, given in order. Unmatched numbers get the action `otherwise`."""
    cells = Cells((numbers for _, numbers in rulings), whole)
    matching: Iterator[Matching] = ((action, cells.of(numbers)) for action, numbers in rulings)
    allow, passed = first_decides(matching, otherwise, cells.all)
    return Decision(cells.numbers(allow), cells.numbers(passed))


def combined(decisions: Sequence[Decision], whole: Interval) -> Intervals:
    """Return the numbers of `whole` that the profiles allow, evaluated in order. Undecided numbers are allowed."""
    found: Intervals = (whole,)
    # What a profile passes is decided by the profiles after it, so these come first here.
    for decision in reversed(decisions):
        found = intervals.union_of([decision.allowed, intervals.intersection(decision.passed, found)])
    return found
