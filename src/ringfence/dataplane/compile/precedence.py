"""Precedence: what remains allowed where rules allow, deny and pass, and the first that matches decides.

Sets of numbers stand for what the rules are about: protocols and ports with one peer, or addresses on one port.

Source: network-policy-api, "Evaluation order".
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ringfence.engine.policies import Action
from ringfence.sets import intervals
from ringfence.sets.intervals import Interval, Intervals


class Ruling(NamedTuple):
    """A rule that matches: the place of its profile in the stack, what it does, and the numbers that it is about."""

    profile: int
    action: Action
    numbers: Intervals


def allowed(rulings: Sequence[Ruling], otherwise: Sequence[Action], whole: Interval) -> Intervals:
    """The numbers of `whole` that rules allow, which are given in order.

    What no rule of a profile matches gets its action of `otherwise`; what no profile decides is allowed.
    """
    borders = sorted(
        {whole[0], whole[1] + 1}
        | {border for ruling in rulings for low, high in ruling.numbers for border in (low, high + 1)}
    )
    place = {border: index for index, border in enumerate(borders)}
    cells = len(borders) - 1
    undecided = list(range(cells))
    is_allowed = [True] * cells
    of_profile: defaultdict[int, list[Ruling]] = defaultdict(list)
    for ruling in rulings:
        of_profile[ruling.profile].append(ruling)
    for profile, last in enumerate(otherwise):
        decided = _first_actions(of_profile[profile], place, undecided)
        for cell in undecided:
            is_allowed[cell] = decided.get(cell, last) is not Action.DENY
        undecided = [cell for cell in undecided if decided.get(cell, last) is Action.PASS]
    return intervals.normalise(
        (low, behind - 1) for (low, behind), yes in zip(pairwise(borders), is_allowed, strict=True) if yes
    )


def _first_actions(rulings: Sequence[Ruling], place: dict[int, int], undecided: Sequence[int]) -> dict[int, Action]:
    """The action of the first ruling that is about each of the undecided cells; each cell is looked at once."""
    found: dict[int, Action] = {}
    free = _FreeCells(len(place), undecided)
    for ruling in rulings:
        for low, high in ruling.numbers:
            for cell in free.take(place[low], place[high + 1]):
                found[cell] = ruling.action
    return found


class _FreeCells:
    """Cells in order, of which some are free, and are found without looking at those that are taken."""

    def __init__(self, count: int, free: Sequence[int]) -> None:
        # From each cell that is taken, the way leads to the next one; ways get shorter when they are gone.
        self._next = list(range(1, count + 2))
        for cell in free:
            self._next[cell] = cell

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
