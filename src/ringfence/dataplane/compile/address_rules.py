"""Peers that are addresses: sets of ranges, named after what they hold, which never change."""

from collections.abc import Iterator
from typing import Final

from ringfence.dataplane.compile.allowances import Allowance, allowing
from ringfence.dataplane.compile.peers import PROTOCOL_NUMBERS
from ringfence.dataplane.compile.traffic_rules import WITHOUT_PORTS, WITHOUT_PORTS_SETS
from ringfence.dataplane.program import ADDRESS, FLOW, PEER, Field, Lookup, RangeSet, address_key, digest, flow_key
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.intervals import Intervals
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, PROTOCOLS, Traffic

_ANY_PORT: Final[Intervals] = ((0, 65535),)
"""All ports as the kernel counts them: from 0."""


def for_addresses(direction: Direction, family: Family, cells: Partition[Addresses, Traffic]) -> Iterator[Allowance]:
    """Rules that allow what `cells` say of addresses: one lookup for all traffic, one for some ports."""
    peer = PEER[direction][family]
    wholly: Intervals = intervals.NOTHING
    portless: Intervals = intervals.NOTHING
    flows: list[tuple[bytes, bytes]] = []
    for addresses, traffic in cells:
        ranges = addresses.ranges(family)
        if traffic == ALL_TRAFFIC:
            wholly = intervals.union(wholly, ranges)
            continue
        flows += _boxes(family, ranges, traffic)
        if traffic.other:
            portless = intervals.union(portless, ranges)
    if wholly:
        yield _within(f"blocks{family:d}", (peer,), _address_ranges(family, wholly))
    if flows:
        yield _within(f"flowblocks{family:d}", (peer, *_FLOW), RangeSet(FLOW[family], frozenset(flows)))
    if portless:
        rule, fixed, _ = _within(f"blocks{family:d}", (peer,), _address_ranges(family, portless))
        yield Allowance(allowing(*rule.conditions, WITHOUT_PORTS), {**fixed, **WITHOUT_PORTS_SETS}, {})


def _address_ranges(family: Family, ranges: Intervals) -> RangeSet:
    spans = frozenset((address_key(family, low), address_key(family, high)) for low, high in ranges)
    return RangeSet(ADDRESS[family], spans)


_FLOW: Final = (Field.PROTOCOL, Field.PORT)


def _boxes(family: Family, ranges: Intervals, traffic: Traffic) -> Iterator[tuple[bytes, bytes]]:
    for protocol in PROTOCOLS:
        number = PROTOCOL_NUMBERS[protocol]
        for first, last in _in_kernel(traffic.ports(protocol)):
            for low, high in ranges:
                yield (
                    flow_key(address_key(family, low), number, first),
                    flow_key(address_key(family, high), number, last),
                )


def _within(word: str, fields: tuple[Field, ...], ranges: RangeSet) -> Allowance:
    name = f"{word}_{digest(ranges.elements)}"
    return Allowance(allowing(Lookup(fields, name)), {name: ranges}, {})


def _in_kernel(ports: Intervals) -> Intervals:
    return _ANY_PORT if ports == ALL_PORTS else ports
