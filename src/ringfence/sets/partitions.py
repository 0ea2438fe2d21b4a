"""Partitions: disjoint extents, each with a value. One partition holds an answer for all members at once.

An extent is a set (a bitset of identities, or addresses) that knows `&`, `|` and `^`. A function given by a partition
never grows with the number of members, only with the number of different values.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol, TypeVar


class Extent(Protocol):
    """A set with the operators of a set."""

    def __and__(self, other: Any, /) -> Any: ...
    def __or__(self, other: Any, /) -> Any: ...
    def __xor__(self, other: Any, /) -> Any: ...
    def __bool__(self) -> bool: ...


E = TypeVar("E", bound=Extent)
V = TypeVar("V")
H = TypeVar("H", bound=Hashable)

Partition = list[tuple[E, V]]


def changed_within(partition: Partition[E, V], extent: E, change: Callable[[V], V]) -> Partition[E, V]:
    """The partition with the values inside `extent` changed; cells that lie across its border are split."""
    cells: Partition[E, V] = []
    for cell, value in partition:
        inside = cell & extent
        if not inside:
            cells.append((cell, value))
            continue
        cells.append((inside, change(value)))
        # `inside` is a part of `cell`, so `^` is their difference; a complement would need the set of all members.
        if outside := cell ^ inside:
            cells.append((outside, value))
    return cells


def added_within(partition: Partition[E, tuple[V, ...]], extent: E, value: V) -> Partition[E, tuple[V, ...]]:
    """The partition with `value` added inside `extent`, which becomes a cell of its own where there was none.

    Unlike with `changed_within`, the partition need not have a cell for the part where nothing was added, which can be
    expensive to keep if there are many extents.
    """
    cells: Partition[E, tuple[V, ...]] = []
    left = extent
    for cell, values in partition:
        inside = cell & left
        if not inside:
            cells.append((cell, values))
            continue
        cells.append((inside, (*values, value)))
        if outside := cell ^ inside:
            cells.append((outside, values))
        left = left ^ inside
    if left:
        cells.append((left, (value,)))
    return cells


def merged(partition: Iterable[tuple[E, H]]) -> Partition[E, H]:
    """The partition with cells of equal value joined."""
    joined: dict[H, E] = {}
    for cell, value in partition:
        # A dict keeps the order in which values are first met, so the order of cells does not depend on hashes.
        joined[value] = joined[value] | cell if value in joined else cell
    return [(cell, value) for value, cell in joined.items()]


def combined(a: Partition[E, V], b: Partition[E, V], combine: Callable[[V, V], V]) -> Partition[E, V]:
    """The values of two partitions of the same whole, combined cell by cell."""
    return [(common, combine(value, other)) for cell, value in a for extent, other in b if (common := cell & extent)]
