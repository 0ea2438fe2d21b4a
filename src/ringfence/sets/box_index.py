"""An index of boxes: those that may overlap another box, without looking at all of them.

A box that lists the values of a label lies under these values only. The index is a tree: at each node, boxes are told
apart by the label that leaves the fewest together. So of 10,000 policies in 500 namespaces only those of one namespace
are looked at, and of 10,000 in one namespace, each for one application, only those of one application.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, Generic, TypeVar

from ringfence.sets.boxes import Axis, Box, BoxKey, key_of, overlaps
from ringfence.sets.label_values import LabelValue, LabelValues, order_of

T = TypeVar("T")

_FEW: Final = 16
"""Boxes that are looked at one by one sooner than they are told apart."""


class BoxIndex(Generic[T]):
    """Boxes, each with something that belongs to it, in the order in which they are given."""

    def __init__(self, entries: Iterable[tuple[Box, T]]) -> None:
        self.entries: Sequence[tuple[Box, T]] = tuple(entries)
        self._tree = _Node([(number, box) for number, (box, _) in enumerate(self.entries)])

    def overlapping(self, box: Box) -> Iterator[tuple[Box, T]]:
        """The boxes that have anything in common with `box`, in order."""
        return (entry for entry in self.near(box) if overlaps(entry[0], box))

    def near(self, box: Box) -> list[tuple[Box, T]]:
        """The boxes that may overlap `box`, in order: for those who look at each of them anyway."""
        return [self.entries[number] for number in self.candidates(box)]

    def parts(self, box: Box) -> Iterator[Box]:
        """A box, divided where it would meet most of the index: by the values of the label at the root of the tree.

        The part with the values that no box lists comes first. Who needs one part only then looks at few boxes.
        """
        axis, values = self._tree.values
        limits = box.get(axis, axis.universe) if axis is not None else None
        if axis is None or limits is None or not limits.is_complement or len(values) <= _FEW:
            yield box
            return
        if rest := limits - LabelValues(frozenset(values)):
            yield {**box, axis: rest}
        for value in values:
            if limits.contains(value):
                yield {**box, axis: LabelValues(frozenset([value]))}

    def candidates(self, box: Box) -> list[int]:
        """The numbers of the boxes that may overlap `box`, ascending: the others differ in a value that they list."""
        found: set[int] = set()
        self._tree.find(box, found)
        return sorted(found)

    def not_in(self, other: "Boxes[T]") -> Sequence[tuple[Box, T]]:
        """The entries whose boxes are not among those of another index."""
        if other is self:
            return ()
        if isinstance(other, ChangedIndex) and other.base is self:
            return [self.entries[number] for number in sorted(other.removed)]
        return [entry for entry in self.entries if key_of(entry[0]) not in other.keys]

    @cached_property
    def keys(self) -> frozenset[BoxKey]:
        """The boxes as keys (`key_of`)."""
        return frozenset(key_of(box) for box, _ in self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class ChangedIndex(Generic[T]):
    """An index without some of its entries, by number, and with others in their place: as another index of these.

    It costs as much as the change, not as the index.
    """

    def __init__(
        self, base: BoxIndex[T], removed: frozenset[int] = frozenset(), added: Sequence[tuple[int, Box, T]] = ()
    ) -> None:
        self.base = base
        self.removed = removed
        self.added = added

    @property
    def entries(self) -> Sequence[tuple[Box, T]]:
        """All entries, in order."""
        kept = [
            (number, box, what) for number, (box, what) in enumerate(self.base.entries) if number not in self.removed
        ]
        return [(box, what) for _, box, what in sorted([*kept, *self.added], key=_number)]

    def overlapping(self, box: Box) -> Iterator[tuple[Box, T]]:
        """The boxes that have anything in common with `box`, in order."""
        return (entry for entry in self.near(box) if overlaps(entry[0], box))

    def near(self, box: Box) -> list[tuple[Box, T]]:
        """The boxes that may overlap `box`, in order: for those who look at each of them anyway."""
        entries = self.base.entries
        numbers = [number for number in self.base.candidates(box) if number not in self.removed]
        if not self.added:
            return [entries[number] for number in numbers]
        some = sorted([*((number, *entries[number]) for number in numbers), *self.added], key=_number)
        return [(other, what) for _, other, what in some]

    def parts(self, box: Box) -> Iterator[Box]:
        """A box, divided as the index would divide it that was changed."""
        return self.base.parts(box)

    def not_in(self, other: "Boxes[T]") -> Sequence[tuple[Box, T]]:
        """The entries whose boxes are not among those of another index."""
        if other is self:
            return ()
        added = [(box, what) for _, box, what in self.added]
        if other is self.base:
            return added
        if isinstance(other, ChangedIndex) and other.base is self.base:
            theirs = {key_of(box) for _, box, _ in other.added}
            kept = (self.base.entries[number] for number in sorted(other.removed - self.removed))
            return [*kept, *(entry for entry in added if key_of(entry[0]) not in theirs)]
        return [entry for entry in self.entries if key_of(entry[0]) not in other.keys]

    @property
    def keys(self) -> frozenset[BoxKey]:
        """The boxes as keys (`key_of`)."""
        return frozenset(key_of(box) for box, _ in self.entries)


Boxes = BoxIndex[T] | ChangedIndex[T]
"""An index, or one with changes."""


def _number(entry: tuple[int, Box, T]) -> int:
    return entry[0]


class _Node:
    """Some boxes by number: a few, or more that are told apart by the values that they list along one axis."""

    def __init__(self, boxes: Sequence[tuple[int, Box]]) -> None:
        self._axis = _best_axis(boxes) if len(boxes) > _FEW else None
        self._numbers = [number for number, _ in boxes] if self._axis is None else []
        self._others: _Node | None = None
        self._by_value: dict[LabelValue, _Node] = {}
        if self._axis is None:
            return
        others: list[tuple[int, Box]] = []
        by_value: defaultdict[LabelValue, list[tuple[int, Box]]] = defaultdict(list)
        for number, box in boxes:
            values = box.get(self._axis)
            if values is None or values.is_complement:
                others.append((number, box))
            else:
                for value in values.listed:
                    by_value[value].append((number, box))
        self._others = _Node(others)
        self._by_value = {value: _Node(some) for value, some in by_value.items()}

    @cached_property
    def values(self) -> tuple[Axis | None, list[LabelValue]]:
        """The axis by which boxes are told apart, if there is one, and the values that they list along it, sorted."""
        return self._axis, sorted(self._by_value, key=order_of)

    def find(self, box: Box, found: set[int]) -> None:
        """Add the numbers of the boxes that may overlap `box`."""
        found.update(self._numbers)
        if self._axis is None or self._others is None:
            return
        self._others.find(box, found)
        limits = box.get(self._axis)
        if limits is not None and not limits.is_complement and len(limits.listed) < len(self._by_value):
            nodes = [self._by_value[value] for value in limits.listed if value in self._by_value]
        else:
            nodes = [node for value, node in self._by_value.items() if limits is None or limits.contains(value)]
        for node in nodes:
            node.find(box, found)


def _best_axis(boxes: Sequence[tuple[int, Box]]) -> Axis | None:
    """The axis whose values leave the fewest boxes together; None if none tells them apart."""
    listed: defaultdict[Axis, Counter[LabelValue]] = defaultdict(Counter)
    listing: Counter[Axis] = Counter()
    for _, box in boxes:
        for axis, values in box.items():
            if isinstance(values, LabelValues) and not values.is_complement:
                listing[axis] += 1
                listed[axis].update(values.listed)
    together = {
        axis: len(boxes) - listing[axis] + max(counts.values()) for axis, counts in listed.items() if len(counts) > 1
    }
    best = min(together, key=together.__getitem__, default=None)
    # Otherwise 10,000 boxes, each of which lists a label of its own, would make a tree as deep.
    return best if best is not None and together[best] <= len(boxes) * 7 // 8 else None
