"""Compiles peers that are addresses into sets and maps of ranges.

Each set or map is named after its elements and never changes.

Up to `MOST_PAIRS` combinations of addresses and traffic become one rule or more each, which looks the packet up in a
set of addresses and in a set of ports. More combinations become layers of classes (`division`, `class_chains`), so the
number of lookups for a packet does not depend on the number of combinations.
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
"""The maximum number of combinations of addresses and traffic that become separate rules.

Each of these rules costs a packet two lookups.
"""


_STEP: Final = 1_000
"""The number of rules whose traffic is numbered in one step."""


def address_pairs(rules: Sequence[AddressRule], family: Family) -> Steps[list[Pair]]:
    """Return the rules as pairs of addresses and traffic, for the addresses of one family.

    The given rules are joined by traffic: no two of them have the same traffic.
    """
    found: list[Pair] = []
    for count, (addresses, traffic) in enumerate(rules, 1):
        if traffic and (ranges := addresses.ranges(family)):
            found.append((ranges, numbered(traffic)))
        if count % _STEP == 0:
            yield
    return found


def for_addresses(direction: Direction, family: Family, pairs: Iterable[Pair]) -> Steps[list[Allowance]]:
    """Return the rules that allow these pairs of addresses and traffic. Raises TooComplex."""
    meant = list(pairs)
    wholly = intervals.union_of(ranges for ranges, numbers in meant if numbers == ALL_NUMBERS)
    partly = [(ranges, numbers) for ranges, numbers in meant if numbers != ALL_NUMBERS]
    yield
    # Packets of protocols without ports have no port to look up, so these get a rule of their own.
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
    """Return the condition that the peer's address is in the ranges, and the set that this condition uses."""
    yield
    spans = [(address_key(family, low), address_key(family, high)) for low, high in ranges]
    yield
    name = f"blocks{family:d}_{digest_of_ranges(spans)}"
    return Lookup((PEER[direction][family],), name), {name: RangeSet(ADDRESS[family], frozenset(spans))}
