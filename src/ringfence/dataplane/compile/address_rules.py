"""Peers that are addresses: sets and maps of ranges, named after what they hold, which never change.

A few combinations of addresses and traffic are two sets each, both of which must match. Many are layers of classes
(`division`, `class_chains`), so that a packet costs the same however many there are.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from ringfence.dataplane.compile.allowances import Allowance, allowing
from ringfence.dataplane.compile.class_chains import by_classes
from ringfence.dataplane.compile.division import layers_of
from ringfence.dataplane.compile.traffic_rules import WITHOUT_PORTS, WITHOUT_PORTS_SETS, numbered, traffic_conditions
from ringfence.dataplane.program import ADDRESS, PEER, Collection, Lookup, RangeSet, address_key, digest_of_ranges
from ringfence.engine.policies import AddressRule
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.addresses import Family
from ringfence.sets.intervals import Intervals
from ringfence.sets.traffic import ALL_TRAFFIC

MOST_PAIRS: Final = 4
"""How many combinations of addresses and traffic are rules one after another: each costs a packet two lookups."""


def for_addresses(direction: Direction, family: Family, rules: Iterable[AddressRule]) -> list[Allowance]:
    """What rules, of which no two have the same traffic, allow with addresses of a family.

    Raises TooComplex.
    """
    meant = [(ranges, traffic) for addresses, traffic in rules if traffic and (ranges := addresses.ranges(family))]
    wholly = intervals.union_of(ranges for ranges, traffic in meant if traffic == ALL_TRAFFIC)
    portless = intervals.union_of(ranges for ranges, traffic in meant if traffic.other and traffic != ALL_TRAFFIC)
    partly = [(ranges, traffic) for ranges, traffic in meant if traffic != ALL_TRAFFIC]
    found: list[Allowance] = []
    if wholly:
        within, sets = _within(direction, family, wholly)
        found.append(Allowance(allowing(within), sets))
    if portless:
        within, sets = _within(direction, family, portless)
        found.append(Allowance(allowing(within, WITHOUT_PORTS), sets | WITHOUT_PORTS_SETS))
    if len(partly) > MOST_PAIRS:
        layers = layers_of((ranges, numbers) for ranges, traffic in partly if (numbers := numbered(traffic)))
        return [*found, *by_classes(direction, family, layers)]
    for ranges, traffic in partly:
        within, sets = _within(direction, family, ranges)
        for conditions, traffic_sets in traffic_conditions(msgspec.structs.replace(traffic, other=False)):
            found.append(Allowance(allowing(within, *conditions), sets | traffic_sets))
    return found


def _within(direction: Direction, family: Family, ranges: Intervals) -> tuple[Lookup, dict[str, Collection]]:
    """The condition that the peer's address is in the ranges, and the set that it looks into."""
    spans = frozenset((address_key(family, low), address_key(family, high)) for low, high in ranges)
    name = f"blocks{family:d}_{digest_of_ranges(spans)}"
    return Lookup((PEER[direction][family],), name), {name: RangeSet(ADDRESS[family], spans)}
