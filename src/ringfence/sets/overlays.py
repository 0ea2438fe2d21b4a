"""Overlays: the union of pieces, each an extent with traffic, as a partition by traffic.

Where extents overlap, the traffic of all of them is meant. A cell can lie in thousands of pieces, and there can be as
many cells, so traffic is not united cell by cell. The borders of all port ranges cut the ports into elementary ranges;
inside an overlay, traffic is a set of these, as a bitset.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval, Intervals
from ringfence.sets.partitions import E, Partition, changed_within, merged
from ringfence.sets.traffic import NO_TRAFFIC, PROTOCOLS, Traffic


def overlay_of_members(pieces: Sequence[tuple[E, Traffic]], whole: E) -> Partition[E, Traffic]:
    """The traffic of `pieces` at each member of `whole`: a set of any kind, such as a bitset."""
    if not whole:
        return []
    if len(pieces) < _FEW:
        united: Partition[E, Traffic] = [(whole, NO_TRAFFIC)]
        for extent, traffic in pieces:
            united = changed_within(united, extent, traffic.__or__)
        return merged(united)
    ports = _ElementaryPorts(traffic for _, traffic in pieces)
    cells: Partition[E, Bitset] = [(whole, 0)]
    for extent, traffic in pieces:
        cells = changed_within(cells, extent, ports.bits(traffic).__or__)
    return [(cell, ports.traffic(bits)) for cell, bits in merged(cells)]


def overlay_of_addresses(
    pieces: Sequence[tuple[Addresses, Traffic]], whole: Addresses
) -> Partition[Addresses, Traffic]:
    """The traffic of `pieces` at each address of `whole`: by the first address, and the cell without traffic last."""
    ports = _ElementaryPorts(traffic for _, traffic in pieces)
    layers = [(addresses, ports.bits(traffic)) for addresses, traffic in pieces]
    found: dict[Bitset, dict[Family, Intervals]] = {}
    for family in FAMILIES:
        cells = _overlay([(addresses.ranges(family), bits) for addresses, bits in layers], whole.ranges(family))
        for bits, ranges in cells.items():
            found.setdefault(bits, {})[family] = ranges
    joined = (
        (Addresses(ranges.get(Family.IPV4, ()), ranges.get(Family.IPV6, ())), bits) for bits, ranges in found.items()
    )
    ordered = sorted(joined, key=lambda cell: (not cell[1], not cell[0].v4, cell[0].v4[:1], cell[0].v6[:1]))
    return [(addresses, ports.traffic(bits)) for addresses, bits in ordered]


_FEW: Final = 16
"""The number of pieces from which on elementary ranges are worth the time that it takes to find them."""


class _ElementaryPorts:
    """The ports of each protocol, cut wherever a range of some traffic begins or ends."""

    def __init__(self, traffics: Iterable[Traffic]) -> None:
        borders: dict[str, set[int]] = {protocol: set() for protocol in PROTOCOLS}
        for traffic in traffics:
            for protocol in PROTOCOLS:
                for low, high in traffic.ports(protocol):
                    # The end of a range is the start of the next elementary range, so one number for each border is
                    # enough.
                    borders[protocol].update((low, high + 1))
        self._borders = {protocol: sorted(some) for protocol, some in borders.items()}
        self._places: dict[str, dict[int, int]] = {}
        """The bit of the elementary range that begins at a border. The lowest bit stands for all other protocols."""
        first = 1
        for protocol, sorted_borders in self._borders.items():
            self._places[protocol] = {border: first + place for place, border in enumerate(sorted_borders)}
            first += len(sorted_borders)
        self._known: dict[Interval, Interval] = {}

    def bits(self, traffic: Traffic) -> Bitset:
        """The elementary ranges that make up some traffic, one of those of which the borders are."""
        bits = int(traffic.other)
        for protocol in PROTOCOLS:
            places = self._places[protocol]
            for low, high in traffic.ports(protocol):
                # The difference of two powers of two is a run of set bits: a range takes one subtraction, however many
                # elementary ranges it covers.
                bits |= (1 << places[high + 1]) - (1 << places[low])
        return bits

    def traffic(self, bits: Bitset) -> Traffic:
        """The traffic that elementary ranges make up."""
        digits = bin(bits)[:1:-1]
        tcp, udp, sctp = (self._ports(protocol, digits) for protocol in PROTOCOLS)
        return Traffic(tcp, udp, sctp, other=digits[0] == "1")

    def _ports(self, protocol: str, digits: str) -> Intervals:
        borders = self._borders[protocol]
        if not borders:
            return intervals.NOTHING
        first = self._places[protocol][borders[0]]
        # The expression finds runs of set bits in C. Elementary ranges side by side form one range again, so the result
        # is normal without a sort.
        runs = (run.span() for run in _RUNS.finditer(digits, first, first + len(borders)))
        ranges = ((borders[start - first], borders[end - first] - 1) for start, end in runs)
        # Thousands of cells have nearly the same ranges: each is kept once.
        return tuple([self._known.setdefault(one, one) for one in ranges])


_RUNS = re.compile("1+")


def _overlay(layers: Sequence[tuple[Intervals, Bitset]], whole: Intervals) -> dict[Bitset, Intervals]:
    """The numbers of `whole` by the union of the bits of the layers that they lie in.

    The numbers are halved again and again. A layer that covers a half is combined at once, and goes no further: so each
    of its ranges is looked at a logarithmic number of times.
    """
    # Borders are replaced by their places, so halving divides ranges and not the 2^128 numbers of IPv6.
    borders = sorted({border for ranges, _ in layers for low, high in ranges for border in (low, high + 1)} | {0})
    places = {border: place for place, border in enumerate(borders)}
    pieces = [(places[low], places[high + 1], bits) for ranges, bits in layers for low, high in ranges]
    found: dict[Bitset, list[Interval]] = {}
    borders.append(_END)
    waiting = [(0, len(borders) - 1, pieces, 0)]
    while waiting:
        first, end, some, bits = waiting.pop()
        across = []
        for piece in some:
            if piece[0] <= first and end <= piece[1]:
                bits |= piece[2]
            else:
                across.append(piece)
        if not across:
            found.setdefault(bits, []).append((borders[first], borders[end] - 1))
            continue
        middle = (first + end) // 2
        # The upper half is put on the stack first, so that the lower one is taken first and the intervals are found in
        # ascending order.
        waiting.append((middle, end, [piece for piece in across if piece[1] > middle], bits))
        waiting.append((first, middle, [piece for piece in across if piece[0] < middle], bits))
    cells = {bits: intervals.intersection(intervals.normalise(some), whole) for bits, some in found.items()}
    return {bits: ranges for bits, ranges in cells.items() if ranges}


_END = 1 << 128
"""Beyond the last address of either family."""
