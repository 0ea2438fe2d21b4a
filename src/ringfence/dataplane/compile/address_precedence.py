"""Resolves rules that allow, deny and pass into pairs of addresses and traffic, for addresses outside the cluster.

The pairs say what the rules allow. They have no precedence: a packet is allowed if any pair contains it.

There are two ways to compute them. The first divides the addresses into cells of addresses that the same rules match,
and computes the allowed traffic for each cell. The second divides the traffic into cells, and computes the allowed
addresses for each cell. Which way takes less work depends on the rules, as it does for layers (`division`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.compile.division import FIRST, SECOND, Pair, TooComplex, cells_of, size_of
from ringfence.dataplane.compile.precedence import Cells, Matching, allowed_cells
from ringfence.dataplane.compile.traffic_rules import ALL_NUMBERS, NUMBERS, numbered
from ringfence.engine.policies import Action, OwnPorts, Profile
from ringfence.engine.state import State
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, WHOLE, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval
from ringfence.sets.traffic import ALL_TRAFFIC
from ringfence.steps import Steps

MOST_STEPS: Final = 1_000_000
"""The maximum number of rules evaluated, summed over all cells. Evaluating so many takes one to two seconds."""

_CELLS_OF_A_STEP: Final = 32_768
"""The number of cells of the other side that count as one step. More cells count as several steps."""


class _Rule(NamedTuple):
    """A rule: the index of its profile in the stack, its action, and the addresses and traffic that it matches."""

    profile: int
    action: Action
    sides: Pair


_STEP: Final = 500
"""The number of rules or cells processed between two yields. At a yield, the caller can process other changes."""


class ProfileRules(msgspec.Struct, frozen=True, cache_hash=True):
    """The rules of one profile about addresses of one family, in order: what each does, and what it matches.

    `decides_all` says that the last of them matches everything, so that no later profile is asked.
    """

    rules: tuple[tuple[Action, Pair], ...]
    decides_all: bool


class AddressRules(NamedTuple):
    """The rules of a stack about addresses of one family, by profile, and what each profile does with the rest.

    Stacks that differ only in rules about pods have equal values.
    """

    family: Family
    profiles: tuple[ProfileRules, ...]
    otherwise: tuple[Action, ...]


def profile_rules_of(state: State, profile: Profile, own: OwnPorts, family: Family) -> Steps[ProfileRules]:
    """Collect the rules of a profile about addresses of one family. Rules after one that matches everything are none.

    `own` are the subject's own ports.
    """
    found: list[tuple[Action, Pair]] = []
    for count, rule in enumerate(profile.rules, 1):
        is_about_addresses = rule.peers.everyone or rule.peers.block is not None
        for addresses, traffic in state.tiers.address_traffic(rule, own) if is_about_addresses else ():
            if ranges := addresses.ranges(family):
                found.append((rule.action, (ranges, numbered(traffic))))
            if addresses == ALL_ADDRESSES and traffic == ALL_TRAFFIC and rule.action is not Action.PASS:
                return ProfileRules(tuple(found), decides_all=True)
        if count % _STEP == 0:
            yield
    return ProfileRules(tuple(found), decides_all=False)


def pairs_with_precedence(given: AddressRules) -> Steps[list[Pair]]:
    """Return pairs of addresses and the traffic that is allowed with them. Raises TooComplex."""
    family, _, otherwise = given
    rules = list(_rules(given))
    wholes = (WHOLE[family], NUMBERS)
    candidates: list[list[Pair]] = []
    for side in (FIRST, SECOND):
        decided = yield from _decided(rules, otherwise, wholes, side)
        if decided is not None:
            within = ((addresses, intervals.intersection(numbers, ALL_NUMBERS)) for addresses, numbers in decided)
            candidates.append([pair for pair in within if pair[1]])
            if size_of(candidates[-1]) <= 2 * size_of(rule.sides for rule in rules):
                break  # the other side cannot give a much smaller result
    if not candidates:
        raise TooComplex("too many of their rules overlap both in addresses and in ports")
    return min(candidates, key=size_of)


def _rules(given: AddressRules) -> Iterator[_Rule]:
    """Yield the rules that can decide a packet. The rules after one that matches everything never do."""
    for place, profile in enumerate(given.profiles):
        for action, sides in profile.rules:
            yield _Rule(place, action, sides)
        if profile.decides_all:
            return


def _decided(
    rules: Sequence[_Rule], otherwise: Sequence[Action], wholes: tuple[Interval, Interval], side: int
) -> Steps[list[Pair] | None]:
    """Compute what is allowed for each cell of one side. Returns None if that takes more than `MOST_STEPS`."""
    yield
    others = Cells((rule.sides[1 - side] for rule in rules), wholes[1 - side])
    matching: list[tuple[int, Matching]] = []
    for count, rule in enumerate(rules):
        if count % _STEP == 0:
            yield
        matching.append((rule.profile, (rule.action, others.of(rule.sides[1 - side]))))
    weight = 1 + len(others) // _CELLS_OF_A_STEP
    cells: defaultdict[frozenset[int], list[Interval]] = defaultdict(list)
    steps = 0
    everywhere = (wholes[side],)  # so that `cells_of` also yields the cells that no rule matches
    yield
    for count, (cell, inside) in enumerate(cells_of([*(rule.sides[side] for rule in rules), everywhere])):
        if count % _STEP == 0:
            yield
        steps += len(inside) * weight
        if steps > MOST_STEPS:
            return None
        cells[inside].append(cell)
    by_allowed: defaultdict[Bitset, list[Interval]] = defaultdict(list)
    for count, (inside, some) in enumerate(cells.items()):
        if count % _STEP == 0:
            yield
        # The removed index is that of `everywhere`. The others are sorted, because their order is their precedence.
        order = sorted(inside - {len(rules)})
        by_allowed[allowed_cells((matching[index] for index in order), otherwise, others.all)] += some
    found: list[Pair] = []
    for count, (meant, some) in enumerate(by_allowed.items()):
        if count % _STEP == 0:
            yield
        if meant:
            first, second = intervals.normalise(some), others.numbers(meant)
            found.append((first, second) if side == FIRST else (second, first))
    return found
