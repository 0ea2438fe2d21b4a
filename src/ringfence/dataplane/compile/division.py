"""Dividing pairs into layers: how the union of many pairs of number sets becomes lookups whose size is linear in them.

A pair stands for every combination of a number of its first set with one of its second set: of addresses and ports that
a rule allows together. To write the combinations down would take the product of both. A layer is found by one of the
two numbers: it divides that side into classes of numbers that are in the same pairs, and each class has the numbers of
the other side that go with it. A combination is in the union if it is in any of the layers.

One layer is enough for the policies that people write. Which side divides them well depends on the pairs: 3,000 rules
that each leave out one address and allow one port of their own have 3,000 classes of ports, each with two ranges of
addresses; by addresses they would have 3,001 classes with 2,999 ports or more. Where pairs overlap so much on both
sides that a layer would become larger than a multiple of the pairs, what does not fit goes to further layers.

The work and the result are at most proportional to the pairs, times the logarithm of their number.
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
"""All combinations of a number of the first set with a number of the second one."""

FIRST, SECOND = 0, 1

MOST_LAYERS: Final = 6
"""The kernel allows 16 chains one behind the other (NFT_JUMP_STACK_SIZE); each layer takes one, updates take others."""

MOST_RANGES: Final = 250_000
"""The most ranges of all pairs together, as many as the whole table of a large network's routes has."""

_STEP: Final = 500
"""Ranges or classes that are found in one step."""

_GROWTH: Final = 8
_ALWAYS: Final = 4096
"""A layer may have this multiple of the ranges of all pairs, and this number in any case."""


class TooComplex(Exception):
    """There are too many pairs, or they overlap so much on both sides that layers of a size linear in them do not fit.

    The message says which of the two.
    """


class Class(NamedTuple):
    """Numbers of one side, and what goes with each of them: numbers of the other side."""

    members: Intervals
    contents: Intervals


class Layer(NamedTuple):
    """Disjoint classes of the numbers of one side, `FIRST` or `SECOND`; no two of them have the same contents."""

    side: int
    classes: list[Class]


_Divided = tuple[Layer, list[Pair]]
"""A layer of some pairs, and the pairs that are left."""


def layers_of(pairs: Iterable[Pair]) -> Steps[list[Layer]]:
    """Layers whose union is that of the pairs. Raises TooComplex."""
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
    """The better layer of the two sides, and the pairs that are left."""
    by_first = yield from _layer(pairs, FIRST, limit)
    if not by_first[1] and size_of(by_first[0].classes) <= 2 * size_of(pairs):
        return by_first  # it cannot become much better
    by_second = yield from _layer(pairs, SECOND, limit)
    return min(by_first, by_second, key=_cost)


def size_of(pairs: Iterable[Pair]) -> int:
    """The number of ranges of pairs."""
    return sum(len(first) + len(second) for first, second in pairs)


def _cost(division: _Divided) -> tuple[int, int]:
    """What is left counts more than how large the layer is."""
    layer, left = division
    return size_of(left), size_of(layer.classes)


def _layer(pairs: Sequence[Pair], side: int, limit: int) -> Steps[_Divided]:
    """A layer of some of the pairs, and those that are left."""
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
        if len(inside) > 1 and inside not in found:
            size = sum(len(contents_of[index]) for index in inside)
            if size <= limit:
                limit -= size
            else:
                # One pair alone costs nothing more: its contents are there once, wherever it is found.
                chosen = frozenset({min(inside)})
                for index in inside - chosen:
                    deferred[index].append(cell)
        found[chosen].append(cell)
    left += [_pair(side, intervals.normalise(cells), contents_of[index]) for index, cells in deferred.items()]
    members: defaultdict[Intervals, list[Interval]] = defaultdict(list)
    for count, (inside, cells) in enumerate(found.items()):
        if count % _STEP == 0:
            yield
        members[_united([contents_of[index] for index in inside])] += cells
    return Layer(side, [Class(intervals.normalise(cells), contents) for contents, cells in members.items()]), left


def _united(sets: Sequence[Intervals]) -> Intervals:
    return sets[0] if len(sets) == 1 else intervals.union_of(sets)


def _pair(side: int, members: Intervals, contents: Intervals) -> Pair:
    return (members, contents) if side == FIRST else (contents, members)


def _fitting(pairs: Sequence[Pair], side: int, limit: int) -> Steps[tuple[list[Pair], list[Pair]]]:
    """As many pairs as a layer can take, and those that are left.

    Those that share few cells with others come first: wide ones are in the cells of all that are inside them.
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
    order = sorted(range(len(pairs)), key=lambda index: (crossed[index] / len(pairs[index][side]), index))
    count = sum(1 for cells in accumulate(crossed[index] for index in order) if cells <= limit)
    return [pairs[index] for index in order[:count]], [pairs[index] for index in order[count:]]


def _borders(sets: Iterable[Intervals]) -> list[int]:
    """Where any of the sets begins, and behind where it ends."""
    return sorted({border for ranges in sets for low, high in ranges for border in (low, high + 1)})


def cells_of(sets: Sequence[Intervals]) -> Iterator[tuple[Interval, frozenset[int]]]:
    """Ranges whose numbers are in the same sets, and the indexes of these sets, of which there is at least one."""
    begins: defaultdict[int, list[int]] = defaultdict(list)
    ends: defaultdict[int, list[int]] = defaultdict(list)
    for index, ranges in enumerate(sets):
        for low, high in ranges:
            begins[low].append(index)
            ends[high + 1].append(index)
    inside: set[int] = set()
    for low, behind in pairwise(sorted(begins.keys() | ends.keys())):
        inside.difference_update(ends.get(low, ()))
        inside.update(begins.get(low, ()))
        if inside:
            yield (low, behind - 1), frozenset(inside)
