"""Precedence: what remains allowed where rules allow, deny and pass, and the first that matches decides.

Sets of numbers stand for what the rules are about: protocols and ports with one peer, or addresses on one port.

Source: network-policy-api, "Evaluation order".
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from ringfence.engine.policies import Action
from ringfence.sets import intervals
from ringfence.sets.intervals import Interval, Intervals


class Ruling(NamedTuple):
    """A rule that matches: the place of its profile in the stack, what it does, and the numbers that it is about."""

    profile: int
    action: Action
    numbers: Intervals


class Decision(msgspec.Struct, frozen=True, eq=False):
    """What the rules of one profile decide about some numbers: those that they allow, and those that they pass on.

    All others are denied.
    """

    allowed: Intervals
    passed: Intervals


def allowed(rulings: Sequence[Ruling], otherwise: Sequence[Action], whole: Interval) -> Intervals:
    """The numbers of `whole` that rules allow, which are given in order.

    What no rule of a profile matches gets its action of `otherwise`; what no profile decides is allowed.
    """
    of_profile: defaultdict[int, list[Ruling]] = defaultdict(list)
    for ruling in rulings:
        of_profile[ruling.profile].append(ruling)
    return combined([decided(of_profile[profile], last, whole) for profile, last in enumerate(otherwise)], whole)


def combined(decisions: Sequence[Decision], whole: Interval) -> Intervals:
    """The numbers of `whole` that profiles allow, one after another; what none of them decides is allowed."""
    found: Intervals = (whole,)
    for decision in reversed(decisions):
        found = intervals.union_of([decision.allowed, intervals.intersection(decision.passed, found)])
    return found


def decided(rulings: Sequence[Ruling], otherwise: Action, whole: Interval) -> Decision:
    """What the rules of one profile decide, which are given in order; the rest gets the action `otherwise`."""
    borders = sorted(
        {whole[0], whole[1] + 1}
        | {border for ruling in rulings for low, high in ruling.numbers for border in (low, high + 1)}
    )
    first = _first_actions(rulings, {border: index for index, border in enumerate(borders)})
    found: defaultdict[Action, list[Interval]] = defaultdict(list)
    for cell, (low, behind) in enumerate(pairwise(borders)):
        found[first.get(cell, otherwise)].append((low, behind - 1))
    return Decision(intervals.normalise(found[Action.ALLOW]), intervals.normalise(found[Action.PASS]))


def _first_actions(rulings: Sequence[Ruling], place: dict[int, int]) -> dict[int, Action]:
    """The action of the first ruling that is about each cell; each cell is looked at once."""
    found: dict[int, Action] = {}
    free = _FreeCells(len(place))
    for ruling in rulings:
        for low, high in ruling.numbers:
            for cell in free.take(place[low], place[high + 1]):
                found[cell] = ruling.action
    return found


class _FreeCells:
    """Cells in order: those that are still free are found without looking at those that are taken."""

    def __init__(self, count: int) -> None:
        # From each cell that is taken, the way leads to the next one; ways get shorter when they are gone.
        self._next = list(range(count))

    def take(self, first: int, behind: int) -> Iterator[int]:
        """Take all that are free from the first on up to the one behind."""
        cell = self._find(first)
        while cell < behind:
            self._next[cell] = cell + 1
            yield cell
            cell = self._find(cell)

    def _find(self, cell: int) -> int:
        way = []
        while cell < len(self._next) and self._next[cell] != cell:
            way.append(cell)
            cell = self._next[cell]
        for passed in way:
            self._next[passed] = cell
        return cell
