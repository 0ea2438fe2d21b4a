"""What a stack whose rules also deny or pass allows with addresses outside the cluster, as pairs without precedence.

Addresses that the same rules are about are decided once: each of these cells is allowed some traffic. Or the traffic
that the same rules are about is decided once: each of its cells is allowed with some addresses. Which of the two is
less work depends on the rules, as with layers (`division`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ringfence.dataplane.compile.division import FIRST, SECOND, Pair, TooComplex, cells_of, size_of
from ringfence.dataplane.compile.precedence import Cells, Matching, allowed_cells
from ringfence.dataplane.compile.traffic_rules import ALL_NUMBERS, NUMBERS, numbered
from ringfence.engine.policies import Action, OwnPorts, Stack
from ringfence.engine.state import State
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, WHOLE, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval
from ringfence.sets.traffic import ALL_TRAFFIC
from ringfence.steps import Steps

MOST_STEPS: Final = 1_000_000
"""The most rules that are looked at, for all cells together: that takes one to two seconds."""

_CELLS_OF_A_STEP: Final = 32_768
"""So many cells of the other side are looked at in one step; more take as many steps."""


class _Rule(NamedTuple):
    """A rule: the place of its profile in the stack, what it does, and the numbers of both sides that it is about."""

    profile: int
    action: Action
    sides: Pair


_STEP: Final = 500
"""Rules, or cells, that are looked at before others' changes are taken in."""


def pairs_with_precedence(state: State, stack: Stack, own: OwnPorts, family: Family) -> Steps[list[Pair]]:
    """Addresses of a family, and the traffic that is allowed with each of them. Raises TooComplex."""
    rules: list[_Rule] = []
    for count, rule in enumerate(_rules(state, stack, own, family), 1):
        rules.append(rule)
        if count % _STEP == 0:
            yield
    otherwise = [profile.otherwise for profile in stack]
    wholes = (WHOLE[family], NUMBERS)
    candidates: list[list[Pair]] = []
    for side in (FIRST, SECOND):
        decided = yield from _decided(rules, otherwise, wholes, side)
        if decided is not None:
            within = ((addresses, intervals.intersection(numbers, ALL_NUMBERS)) for addresses, numbers in decided)
            candidates.append([pair for pair in within if pair[1]])
            if size_of(candidates[-1]) <= 2 * size_of(rule.sides for rule in rules):
                break  # it cannot become much better
    if not candidates:
        raise TooComplex("too many of their rules overlap both in addresses and in ports")
    return min(candidates, key=size_of)


def _rules(state: State, stack: Stack, own: OwnPorts, family: Family) -> Iterator[_Rule]:
    """The rules that can decide something: none does behind one that decides about everything."""
    for place, profile in enumerate(stack):
        for rule in profile.rules:
            for addresses, traffic in state.tiers.address_traffic(rule, own):
                if ranges := addresses.ranges(family):
                    yield _Rule(place, rule.action, (ranges, numbered(traffic)))
                if addresses == ALL_ADDRESSES and traffic == ALL_TRAFFIC and rule.action is not Action.PASS:
                    return


def _decided(
    rules: Sequence[_Rule], otherwise: Sequence[Action], wholes: tuple[Interval, Interval], side: int
) -> Steps[list[Pair] | None]:
    """What is allowed with each cell of one side; None if that is too much work."""
    yield
    others = Cells((rule.sides[1 - side] for rule in rules), wholes[1 - side])
    matching: list[tuple[int, Matching]] = []
    for count, rule in enumerate(rules):
        if count % _STEP == 0:
            yield
        matching.append((rule.profile, (rule.action, others.of(rule.sides[1 - side]))))
    weight = 1 + len(others) // _CELLS_OF_A_STEP
    cells: defaultdict[tuple[int, ...], list[Interval]] = defaultdict(list)
    steps = 0
    everywhere = (wholes[side],)  # so that cells in which there is no rule are found, too
    yield
    for count, (cell, inside) in enumerate(cells_of([*(rule.sides[side] for rule in rules), everywhere])):
        if count % _STEP == 0:
            yield
        steps += len(inside) * weight
        if steps > MOST_STEPS:
            return None
        cells[tuple(sorted(inside - {len(rules)}))].append(cell)
    by_allowed: defaultdict[Bitset, list[Interval]] = defaultdict(list)
    for count, (order, some) in enumerate(cells.items()):
        if count % _STEP == 0:
            yield
        by_allowed[allowed_cells((matching[index] for index in order), otherwise, others.all)] += some
    found: list[Pair] = []
    for count, (meant, some) in enumerate(by_allowed.items()):
        if count % _STEP == 0:
            yield
        if meant:
            first, second = intervals.normalise(some), others.numbers(meant)
            found.append((first, second) if side == FIRST else (second, first))
    return found
