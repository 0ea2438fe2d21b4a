"""Parts of traffic: division by other sets of traffic, and which of these sets have something in common with each part.

Both take time that grows with what parts and sets have in common, not with parts times sets: 400 sets of one port each
divide 400 ports in 400 steps.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Final

from ringfence.sets.intervals import Intervals
from ringfence.sets.traffic import PROTOCOLS, Traffic

_OTHER: Final = "other"
"""Represents all protocols without ports."""


def parted(traffic: Traffic, sets: Iterable[Traffic]) -> list[Traffic]:
    """The coarsest division of `traffic` in which each part is inside or outside each of the `sets`.

    What is inside the first set comes first; of that, what is inside the second; and so on.
    """
    if not traffic:
        return []
    # Each set once: many rules have the same ports, and an equal set divides nothing further. A dict keeps their order.
    common = dict.fromkeys(one & traffic for one in sets)
    dividing = [one for one in common if one and one != traffic]
    cells = _PortRanges(_cut(traffic, dividing))
    whole = _AlikeRanges(set(range(len(cells))))
    part_of = dict.fromkeys(whole.cells, whole)
    for one in dividing:
        inside: defaultdict[_AlikeRanges, set[int]] = defaultdict(set)
        for cell in cells.meeting(one):
            inside[part_of[cell]].add(cell)
        for part, found in inside.items():
            # A part that lies inside the set as a whole is not divided.
            if len(found) < len(part.cells):
                part_of.update(dict.fromkeys(found, part.split(found)))
    return [cells.traffic(part.cells) for part in whole.in_order()]


def meeting(parts: Sequence[Traffic], sets: Iterable[Traffic]) -> list[list[int]]:
    """For each of some disjoint parts, the places of the sets that have something in common with it, in order."""
    cells = _PortRanges(
        (protocol, low, high, number) for number, part in enumerate(parts) for protocol, low, high in _intervals(part)
    )
    found: list[list[int]] = [[] for _ in parts]
    for place, one in enumerate(sets):
        for number in {cells.owners[cell] for cell in cells.meeting(one)}:
            found[number].append(place)
    return found


class _AlikeRanges:
    """Cells that are inside the same sets so far."""

    def __init__(self, cells: set[int]) -> None:
        self.cells = cells
        self._split_off: list[_AlikeRanges] = []

    def split(self, cells: set[int]) -> "_AlikeRanges":
        """Take cells out of this part: they are a part that comes directly before it."""
        self.cells -= cells
        self._split_off.append(_AlikeRanges(cells))
        return self._split_off[-1]

    def in_order(self) -> Iterator["_AlikeRanges"]:
        """All parts into which this one was divided. Without recursion: nested ranges would be as many levels."""
        found, waiting = [], [self]
        while waiting:
            part = waiting.pop()
            found.append(part)
            waiting += part._split_off
        return reversed(found)


class _PortRanges:
    """Disjoint ranges of ports, each with a protocol and the number of its owner."""

    def __init__(self, ranges: Iterable[tuple[str, int, int, int]]) -> None:
        self._ranges = sorted(ranges)
        self.owners = [owner for *_, owner in self._ranges]
        self._lows = [(protocol, low) for protocol, low, _, _ in self._ranges]
        self._highs = [(protocol, high) for protocol, _, high, _ in self._ranges]

    def __len__(self) -> int:
        return len(self._ranges)

    def meeting(self, traffic: Traffic) -> Iterator[int]:
        """The places of the ranges that have something in common with `traffic`."""
        for protocol, low, high in _intervals(traffic):
            # The ranges are disjoint and sorted, so starts and ends ascend together: those that meet an interval are
            # neighbours.
            yield from range(bisect_left(self._highs, (protocol, low)), bisect_right(self._lows, (protocol, high)))

    def traffic(self, places: Iterable[int]) -> Traffic:
        """What the ranges at some places cover together."""
        return Traffic.union_of([_of_range(*self._ranges[place][:3]) for place in sorted(places)])


def _intervals(traffic: Traffic) -> Iterator[tuple[str, int, int]]:
    """Each protocol and range of ports. Other protocols are one range."""
    for protocol in PROTOCOLS:
        yield from ((protocol, low, high) for low, high in traffic.ports(protocol))
    if traffic.other:
        yield _OTHER, 0, 0


def _of_range(protocol: str, low: int, high: int) -> Traffic:
    return Traffic(other=True) if protocol == _OTHER else Traffic.of(protocol, ((low, high),))


def _cut(traffic: Traffic, sets: Sequence[Traffic]) -> Iterator[tuple[str, int, int, int]]:
    """The ranges of `traffic`, cut wherever a range of one of the `sets` begins or ends."""
    for protocol in PROTOCOLS:
        starts = sorted({start for one in sets for start in _starts(one.ports(protocol))})
        for low, high in traffic.ports(protocol):
            within = starts[bisect_right(starts, low) : bisect_right(starts, high)]
            yield from ((protocol, first, end - 1, 0) for first, end in pairwise([low, *within, high + 1]))
    if traffic.other:
        yield _OTHER, 0, 0, 0


def _starts(ports: Intervals) -> Iterator[int]:
    """Where a range or a gap begins."""
    return chain.from_iterable((low, high + 1) for low, high in ports)
