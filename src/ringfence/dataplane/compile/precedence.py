"""Precedence: what remains allowed where rules allow, deny and pass, and the first that matches decides.

Sets of numbers stand for what the rules are about: protocols and ports with one peer, or addresses on one port. The
borders of all sets cut the numbers into cells, and a set of cells is a bitset. So a rule costs a few bit operations,
however many ranges it has.

Source: network-policy-api, "Evaluation order".
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from ringfence.engine.policies import Action
from ringfence.sets import intervals
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval, Intervals

_RUN: Final = re.compile("1+")


class Cells:
    """The cells into which the borders of some sets cut a whole: all numbers of a cell are in the same sets."""

    def __init__(self, sets: Iterable[Intervals], whole: Interval) -> None:
        borders = {border for numbers in sets for low, high in numbers for border in (low, high + 1)}
        self._borders = sorted(borders | {whole[0], whole[1] + 1})
        self._place = {border: place for place, border in enumerate(self._borders)}
        self.all: Bitset = (1 << len(self._borders) - 1) - 1
        """All cells."""

    def __len__(self) -> int:
        return len(self._borders) - 1

    def of(self, numbers: Intervals) -> Bitset:
        """The cells of one of the sets."""
        return sum((1 << self._place[high + 1]) - (1 << self._place[low]) for low, high in numbers)

    def numbers(self, cells: Bitset) -> Intervals:
        """The numbers in some cells."""
        # As text, because a bitset would be copied for each run of its members.
        runs = _RUN.finditer(f"{cells:b}"[::-1])
        return tuple((self._borders[run.start()], self._borders[run.end()] - 1) for run in runs)


class Ruling(NamedTuple):
    """A rule that matches: the place of its profile in the stack, what it does, and the numbers that it is about."""

    profile: int
    action: Action
    numbers: Intervals


class Decision(msgspec.Struct, frozen=True, cache_hash=True):
    """What the rules of one profile decide about some numbers: those that they allow, and those that they pass on.

    All others are denied.
    """

    allowed: Intervals
    passed: Intervals


Matching = tuple[Action, Bitset]
"""What a rule does, and with which cells."""


def allowed(rulings: Sequence[Ruling], otherwise: Sequence[Action], whole: Interval) -> Intervals:
    """The numbers of `whole` that rules allow, which are given in order.

    What no rule of a profile matches gets its action of `otherwise`; what no profile decides is allowed.
    """
    cells = Cells((ruling.numbers for ruling in rulings), whole)
    matching = ((ruling.profile, (ruling.action, cells.of(ruling.numbers))) for ruling in rulings)
    return cells.numbers(allowed_cells(matching, otherwise, cells.all))


def allowed_cells(rulings: Iterable[tuple[int, Matching]], otherwise: Sequence[Action], undecided: Bitset) -> Bitset:
    """The cells that rules allow, each of which comes with the place of its profile: `allowed`, for a set of cells."""
    of_profile: defaultdict[int, list[Matching]] = defaultdict(list)
    for profile, matching in rulings:
        of_profile[profile].append(matching)
    found: Bitset = 0
    for profile, last in enumerate(otherwise):
        allow, undecided = first_decides(of_profile[profile], last, undecided)
        found |= allow
    return found | undecided


def first_decides(rulings: Iterable[Matching], otherwise: Action, undecided: Bitset) -> tuple[Bitset, Bitset]:
    """The cells that the rules of a profile allow, and those that they pass on; the first that matches decides."""
    found = dict.fromkeys(Action, 0)
    for action, cells in rulings:
        if meant := undecided & cells:
            found[action] |= meant
            undecided ^= meant
    found[otherwise] |= undecided
    return found[Action.ALLOW], found[Action.PASS]


def decided(rulings: Sequence[tuple[Action, Intervals]], otherwise: Action, whole: Interval) -> Decision:
    """What the rules of one profile decide, which are given in order; the rest gets the action `otherwise`."""
    cells = Cells((numbers for _, numbers in rulings), whole)
    matching: Iterator[Matching] = ((action, cells.of(numbers)) for action, numbers in rulings)
    allow, passed = first_decides(matching, otherwise, cells.all)
    return Decision(cells.numbers(allow), cells.numbers(passed))


def combined(decisions: Sequence[Decision], whole: Interval) -> Intervals:
    """The numbers of `whole` that profiles allow, one after another; what none of them decides is allowed."""
    found: Intervals = (whole,)
    for decision in reversed(decisions):
        found = intervals.union_of([decision.allowed, intervals.intersection(decision.passed, found)])
    return found
