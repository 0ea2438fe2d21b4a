"""Sets of whole numbers as sorted, disjoint, non-adjacent closed intervals.

The one representation serves ports and addresses of both families: `((80, 80), (8000, 8080))`. A set has exactly one
form, so equality of tuples is equality of sets.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import chain, pairwise
from typing import Final

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]

NOTHING: Intervals = ()


def normalise(intervals: Iterable[Interval]) -> Intervals:
    """The set that `intervals`, in any order and possibly overlapping, cover together."""
    ordered = sorted(intervals)
    # Most sets are a single interval, or intervals that do not touch: to check that takes a third of the time.
    if len(ordered) < 2 or all(high + 1 < low for (_, high), (low, _) in pairwise(ordered)):
        return tuple(ordered)
    merged: list[Interval] = []
    for low, high in ordered:
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def union(a: Intervals, b: Intervals) -> Intervals:
    """The union of `a` and `b`."""
    if not a or a == b:
        return b
    if not b:
        return a
    return normalise(a + b)


def union_of(sets: Iterable[Intervals]) -> Intervals:
    """The union of `sets`: one sort, where a chain of unions would sort its result again each time."""
    listed = [one for one in sets if one]
    return listed[0] if len(listed) == 1 else normalise(chain.from_iterable(listed))


def intersection(a: Intervals, b: Intervals) -> Intervals:
    """The intersection of `a` and `b`."""
    # Equal tuples are returned as they are: callers compare results by identity before they compare them by value.
    if a == b:
        return a
    if len(a) > len(b):
        a, b = b, a
    if not a:
        return NOTHING
    # Most sets of ports are a single interval.
    if len(b) == 1:
        low, high = max(a[0][0], b[0][0]), min(a[0][1], b[0][1])
        return ((low, high),) if low <= high else NOTHING
    # A pod's few addresses meet sets of thousands of ranges: the search takes len(a) * log(len(b)) instead of len(a) +
    # len(b).
    if len(a) * _MUCH_SHORTER < len(b):
        return tuple([common for low, high in a for common in _within(b, low, high)])
    common: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low <= high:
            common.append((low, high))
        # The interval that ends first cannot meet any later one of the other set.
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


_MUCH_SHORTER: Final = 16
"""How many times shorter one set must be, so that to search for its intervals is faster than a pass over both sets."""


def _within(intervals: Intervals, low: int, high: int) -> Iterator[Interval]:
    """The parts of `intervals` between two numbers, both included; logarithmic in those that lie outside."""
    at = max(0, bisect_right(intervals, (low, _INFINITY)) - 1)
    while at < len(intervals) and intervals[at][0] <= high:
        if intervals[at][1] >= low:
            yield max(intervals[at][0], low), min(intervals[at][1], high)
        at += 1


def _gaps(intervals: Intervals, low: int, high: int) -> Iterator[Interval]:
    """What `intervals` leave between two numbers, both included; as fast as `_within`."""
    at = bisect_right(intervals, (low, _INFINITY))
    first = at - 1 if at and intervals[at - 1][1] >= low else at
    inside = intervals[first : bisect_right(intervals, (high, _INFINITY))]
    if not inside:
        yield low, high
        return
    if low < inside[0][0]:
        yield low, inside[0][0] - 1
    yield from [(end + 1, start - 1) for (_, end), (start, _) in pairwise(inside)]
    if inside[-1][1] < high:
        yield inside[-1][1] + 1, high


def difference(a: Intervals, b: Intervals) -> Intervals:
    """The difference: the numbers of `a` that are not in `b`."""
    if not b:
        return a
    left: list[Interval] = []
    if len(a) * _MUCH_SHORTER < len(b):
        for low, high in a:
            left += _gaps(b, low, high)
        return tuple(left)
    j = 0
    for low, high in a:
        while j < len(b) and b[j][1] < low:
            j += 1
        # `j` stays behind, because an interval of `b` that ends beyond this one of `a` may also meet the next.
        k = j
        while k < len(b) and b[k][0] <= high:
            if b[k][0] > low:
                left.append((low, b[k][0] - 1))
            low = b[k][1] + 1
            k += 1
        if low <= high:
            left.append((low, high))
    return tuple(left)


def contains(intervals: Intervals, number: int) -> bool:
    """Whether `number` is in the set; logarithmic in its intervals."""
    return position_of(number, intervals) % 2 == 1


def position_of(number: int, intervals: Intervals) -> int:
    """Where `number` lies among the intervals: 2i+1 inside interval i, 2i in the gap before it.

    Two numbers with the same position have no border of an interval between them.
    """
    at = bisect_right(intervals, (number, _INFINITY)) - 1
    return 2 * at + (1 if at >= 0 and intervals[at][1] >= number else 2)


def plain(intervals: Intervals) -> int:
    """A member as an example: not the first of an interval, which may be that of a network, unless all are alone."""
    return next((low + 1 for low, high in intervals if low < high), intervals[0][0])


def size(intervals: Intervals) -> int:
    """How many numbers are in the set."""
    return sum(high - low + 1 for low, high in intervals)


def cells(sets: Iterable[Intervals], universe: Intervals) -> list[Intervals]:
    """The coarsest partition of `universe` of which every one of `sets` is a union: its atoms.

    Numbers of one cell are in exactly the same sets.
    """

    def split(parts: list[Intervals], one: Intervals) -> list[Intervals]:
        halves = (half for part in parts for half in (intersection(part, one), difference(part, one)))
        return [half for half in halves if half]

    return reduce(split, sets, [universe] if universe else [])


# Greater than any end of an interval: with it, `bisect_right` finds the last interval that begins at or before a
# number.
_INFINITY = 1 << 129
