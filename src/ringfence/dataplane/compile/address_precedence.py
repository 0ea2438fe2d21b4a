"""What a stack whose rules also deny or pass allows with addresses outside the cluster, as pairs without precedence.

Addresses that the same rules are about are decided once: each of these cells is allowed some traffic. Or the traffic
that the same rules are about is decided once: each of its cells is allowed with some addresses. Which of the two is
less work depends on the rules, as with layers (`division`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ringfence.dataplane.compile.division import FIRST, SECOND, Pair, TooComplex, cells_of, size_of
from ringfence.dataplane.compile.precedence import Ruling, allowed
from ringfence.dataplane.compile.traffic_rules import ALL_NUMBERS, NUMBERS, numbered
from ringfence.engine.policies import Action, OwnPorts, Stack
from ringfence.engine.state import State
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, WHOLE, Family
from ringfence.sets.intervals import Interval, Intervals
from ringfence.sets.traffic import ALL_TRAFFIC

MOST_STEPS: Final = 500_000
"""The most rules that are looked at, for all cells together: that takes about two seconds."""


class _Rule(NamedTuple):
    """A rule: the place of its profile in the stack, what it does, and the numbers of both sides that it is about."""

    profile: int
    action: Action
    sides: Pair


def pairs_with_precedence(state: State, stack: Stack, own: OwnPorts, family: Family) -> list[Pair]:
    """Addresses of a family, and the traffic that is allowed with each of them. Raises TooComplex."""
    rules = list(_rules(state, stack, own, family))
    otherwise = [profile.otherwise for profile in stack]
    wholes = (WHOLE[family], NUMBERS)
    candidates: list[list[Pair]] = []
    for side in (FIRST, SECOND):
        if (decided := _decided(rules, otherwise, wholes, side)) is not None:
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
) -> list[Pair] | None:
    """What is allowed with each cell of one side; None if that is too much work."""
    cells: defaultdict[tuple[int, ...], list[Interval]] = defaultdict(list)
    looked_at = 0
    everywhere = (wholes[side],)  # so that cells in which there is no rule are found, too
    for cell, inside in cells_of([*(rule.sides[side] for rule in rules), everywhere]):
        looked_at += len(inside)
        if looked_at > MOST_STEPS:
            return None
        cells[tuple(sorted(inside - {len(rules)}))].append(cell)
    by_allowed: defaultdict[Intervals, list[Interval]] = defaultdict(list)
    for order, some in cells.items():
        rulings = [Ruling(rules[index].profile, rules[index].action, rules[index].sides[1 - side]) for index in order]
        by_allowed[allowed(rulings, otherwise, wholes[1 - side])] += some
    pairs = ((intervals.normalise(some), numbers) for numbers, some in by_allowed.items() if numbers)
    return [pair if side == FIRST else (pair[1], pair[0]) for pair in pairs]
