"""Peers that are addresses: sets and maps of ranges, named after what they hold, which never change.

A few combinations of addresses and traffic are two sets each, both of which must match. Many are layers of classes
(`division`, `class_chains`), so that a packet costs the same however many there are.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from ringfence.dataplane.compile.allowances import Allowance, allowing
from ringfence.dataplane.compile.class_chains import by_classes
from ringfence.dataplane.compile.division import Pair, layers_of
from ringfence.dataplane.compile.traffic_rules import (
    ALL_NUMBERS,
    OTHER_PROTOCOLS,
    WITHOUT_PORTS,
    WITHOUT_PORTS_SETS,
    numbered,
    traffic_conditions,
    without_others,
)
from ringfence.dataplane.program import ADDRESS, PEER, Collection, Lookup, RangeSet, address_key, digest_of_ranges
from ringfence.engine.policies import AddressRule
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.addresses import Family
from ringfence.sets.intervals import Intervals
from ringfence.steps import Steps

MOST_PAIRS: Final = 4
"""How many combinations of addresses and traffic are rules one after another: each costs a packet two lookups."""


_STEP: Final = 1_000
"""Rules that are numbered in one step."""


def address_pairs(rules: Sequence[AddressRule], family: Family) -> Steps[list[Pair]]:
    """Rules of which no two have the same traffic, as far as they are about addresses of a family."""
    found: list[Pair] = []
    for count, (addresses, traffic) in enumerate(rules, 1):
        if traffic and (ranges := addresses.ranges(family)):
            found.append((ranges, numbered(traffic)))
        if count % _STEP == 0:
            yield
    return found


def for_addresses(direction: Direction, family: Family, pairs: Iterable[Pair]) -> Steps[list[Allowance]]:
    """Rules that allow addresses of a family, each with its traffic. Raises TooComplex."""
    meant = list(pairs)
    wholly = intervals.union_of(ranges for ranges, numbers in meant if numbers == ALL_NUMBERS)
    partly = [(ranges, numbers) for ranges, numbers in meant if numbers != ALL_NUMBERS]
    yield
    portless = intervals.union_of(ranges for ranges, numbers in partly if _has_others(numbers))
    found: list[Allowance] = []
    if wholly:
        within, sets = yield from _within(direction, family, wholly)
        found.append(Allowance(allowing(within), sets))
    if portless:
        within, sets = yield from _within(direction, family, portless)
        found.append(Allowance(allowing(within, WITHOUT_PORTS), sets | WITHOUT_PORTS_SETS))
    with_ports = [(ranges, some) for ranges, numbers in partly if (some := without_others(numbers))]
    yield
    if len(with_ports) > MOST_PAIRS:
        layers = yield from layers_of(with_ports)
        return [*found, *(yield from by_classes(direction, family, layers))]
    for ranges, numbers in with_ports:
        within, sets = yield from _within(direction, family, ranges)
        yield
        for conditions, traffic_sets in traffic_conditions(numbers):
            found.append(Allowance(allowing(within, *conditions), sets | traffic_sets))
    return found


def _has_others(numbers: Intervals) -> bool:
    return intervals.contains(numbers, OTHER_PROTOCOLS[0])


def _within(direction: Direction, family: Family, ranges: Intervals) -> Steps[tuple[Lookup, dict[str, Collection]]]:
    """The condition that the peer's address is in the ranges, and the set that it looks into."""
    yield
    spans = [(address_key(family, low), address_key(family, high)) for low, high in ranges]
    yield
    name = f"blocks{family:d}_{digest_of_ranges(spans)}"
    return Lookup((PEER[direction][family],), name), {name: RangeSet(ADDRESS[family], frozenset(spans))}
