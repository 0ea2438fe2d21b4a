"""Divides pairs of number sets into layers: lookups for the union of the pairs, whose size is linear in the pairs.

A pair means all combinations of a number of its first set with a number of its second set: the addresses and ports
that a rule allows together. A list of the combinations would have the size of their product.

A layer divides one side, addresses or ports, into classes. Numbers that are in the same pairs are in one class. The
contents of a class are the numbers of the other side that these pairs contain. A combination is in the union if any
layer contains it.

One layer is enough for the policies that people write. Which side gives the smaller layer depends on the pairs.
Example: 3,000 rules each exclude one address and allow one port. A layer by ports has 3,000 classes with two ranges of
addresses each. A layer by addresses has 3,001 classes with 2,999 ports or more. If pairs overlap so much on both sides
that a layer would become larger than a multiple of the pairs, the rest goes into further layers.

The time and the size of the result are at most proportional to the pairs, times the logarithm of their number.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from ringfence.sets import intervals
from ringfence.sets.intervals import Interval, Intervals
from ringfence.steps import Steps

Pair = tuple[Intervals, Intervals]
"""All combinations of a number of the first set with a number of the second set."""

FIRST, SECOND = 0, 1

MOST_LAYERS: Final = 6
"""The maximum number of layers.

The kernel allows 16 nested chains (NFT_JUMP_STACK_SIZE). Each layer uses one, and updates use others.
"""

MOST_RANGES: Final = 250_000
"""The maximum number of ranges in all pairs together: the size of a large network's whole routing table."""

_STEP: Final = 500
"""The number of ranges or classes that are computed in one step."""

_GROWTH: Final = 8
_ALWAYS: Final = 4096
"""A layer may have `_ALWAYS` ranges plus `_GROWTH` times the ranges of all pairs."""


class TooComplex(Exception):
    """The pairs have too many ranges, or overlap so much on both sides that `MOST_LAYERS` layers cannot hold them.

    The message says which limit was exceeded.
    """


class Class(NamedTuple):
    """Numbers of one side (`members`), and the numbers of the other side allowed with each of them (`contents`)."""

    members: Intervals
    contents: Intervals


class Layer(NamedTuple):
    """Disjoint classes of the numbers of one side, `FIRST` or `SECOND`. No two classes have the same contents."""

    side: int
    classes: list[Class]


_Divided = tuple[Layer, list[Pair]]
"""A layer that holds some of the pairs, and the remaining pairs."""


def layers_of(pairs: Iterable[Pair]) -> Steps[list[Layer]]:
    """Return layers that have the same union as the pairs. Raises TooComplex."""
    left = list(pairs)
    size = size_of(left)
    if size > MOST_RANGES:
        raise TooComplex(f"they have {size:,} ranges of addresses and ports, more than {MOST_RANGES:,}")
    found: list[Layer] = []
    while left:
        if len(found) == MOST_LAYERS:
            raise TooComplex("too many of their rules overlap both in addresses and in ports")
        layer, left = yield from _best_layer(left, _ALWAYS + _GROWTH * size)
        found.append(layer)
    return found


def _best_layer(pairs: Sequence[Pair], limit: int) -> Steps[_Divided]:
    """Return the better layer of the two sides, and the remaining pairs."""
    by_first = yield from _layer(pairs, FIRST, limit)
    if not by_first[1] and size_of(by_first[0].classes) <= 2 * size_of(pairs):
        return by_first  # the other side cannot give a much smaller layer
    by_second = yield from _layer(pairs, SECOND, limit)
    return min(by_first, by_second, key=_cost)


def size_of(pairs: Iterable[Pair]) -> int:
    """Count the ranges of the pairs."""
    return sum(len(first) + len(second) for first, second in pairs)


def _cost(division: _Divided) -> tuple[int, int]:
    """Order divisions by the size of the remaining pairs first, then by the size of the layer."""
    layer, left = division
    return size_of(left), size_of(layer.classes)


def _layer(pairs: Sequence[Pair], side: int, limit: int) -> Steps[_Divided]:
    """Return a layer that holds some of the pairs, and the remaining pairs."""
    yield
    fitting, left = yield from _fitting(pairs, side, limit)
    yield
    contents_of = [pair[1 - side] for pair in fitting]
    found: defaultdict[frozenset[int], list[Interval]] = defaultdict(list)
    deferred: defaultdict[int, list[Interval]] = defaultdict(list)
    for count, (cell, inside) in enumerate(cells_of([pair[side] for pair in fitting])):
        if count % _STEP == 0:
            yield
        chosen = inside
        # Cells in the same pairs share their contents, so only the first of them counts towards the limit.
        if len(inside) > 1 and inside not in found:
            size = sum(len(contents_of[index]) for index in inside)
            if size <= limit:
                limit -= size
            else:
                # A cell of one pair does not make the layer larger: its contents are stored once for all such cells.
                chosen = frozenset({min(inside)})
                for index in inside - chosen:
                    deferred[index].append(cell)
        found[chosen].append(cell)
    left += [_pair(side, intervals.normalise(cells), contents_of[index]) for index, cells in deferred.items()]
    members: defaultdict[Intervals, list[Interval]] = defaultdict(list)
    for count, (inside, cells) in enumerate(found.items()):
        if count % _STEP == 0:
            yield
        # Different pairs can have equal unions. Their cells become one class.
        members[_united([contents_of[index] for index in inside])] += cells
    return Layer(side, [Class(intervals.normalise(cells), contents) for contents, cells in members.items()]), left


def _united(sets: Sequence[Intervals]) -> Intervals:
    return sets[0] if len(sets) == 1 else intervals.union_of(sets)


def _pair(side: int, members: Intervals, contents: Intervals) -> Pair:
    return (members, contents) if side == FIRST else (contents, members)


def _fitting(pairs: Sequence[Pair], side: int, limit: int) -> Steps[tuple[list[Pair], list[Pair]]]:
    """Return as many pairs as fit into a layer, and the remaining pairs.

    Pairs that share few cells with others are chosen first: a wide pair is in the cells of all pairs inside it.
    """
    borders = _borders(pair[side] for pair in pairs)
    yield
    crossed: list[int] = []
    ranges = 0
    for pair in pairs:
        crossed.append(sum(bisect_left(borders, high + 1) - bisect_left(borders, low) for low, high in pair[side]))
        ranges += len(pair[side])
        if ranges >= 4 * _STEP:
            ranges = 0
            yield
    # By cells for each range: a pair with many narrow ranges is not a wide one.
    order = sorted(range(len(pairs)), key=lambda index: (crossed[index] / len(pairs[index][side]), index))
    # The sums ascend, so their number within the limit is the number of pairs that fit.
    count = sum(1 for cells in accumulate(crossed[index] for index in order) if cells <= limit)
    return [pairs[index] for index in order[:count]], [pairs[index] for index in order[count:]]


def _borders(sets: Iterable[Intervals]) -> list[int]:
    """Return the first number of each range, and the number after its last one, in ascending order."""
    return sorted({border for ranges in sets for low, high in ranges for border in (low, high + 1)})


def cells_of(sets: Sequence[Intervals]) -> Iterator[tuple[Interval, frozenset[int]]]:
    """Yield ranges whose numbers are in the same sets, with the indexes of these sets. Skips numbers in no set."""
    begins: defaultdict[int, list[int]] = defaultdict(list)
    ends: defaultdict[int, list[int]] = defaultdict(list)
    for index, ranges in enumerate(sets):
        for low, high in ranges:
            begins[low].append(index)
            ends[high + 1].append(index)
    inside: set[int] = set()
    for low, behind in pairwise(sorted(begins.keys() | ends.keys())):
        # Ends come first: another range of the same set may begin where one ends.
        inside.difference_update(ends.get(low, ()))
        inside.update(begins.get(low, ()))
        if inside:
            # The copy takes time in proportion to its size. Callers limit the sum of these sizes.
            yield (low, behind - 1), frozenset(inside)
