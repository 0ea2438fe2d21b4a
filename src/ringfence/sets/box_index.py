"""An index of boxes: those that may overlap another box, without looking at all of them.

A box that lists the values of a label is filed under these values. Of several such labels, it is filed under the one
whose values the fewest boxes list: of 10,000 policies of one namespace, each for one application, under the
application.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from ringfence.sets.boxes import Axis, Box, overlaps
from ringfence.sets.label_values import LabelValue, LabelValues

T = TypeVar("T")


class BoxIndex(Generic[T]):
    """Boxes, each with something that belongs to it, in the order in which they are given."""

    def __init__(self, entries: Iterable[tuple[Box, T]]) -> None:
        self.entries: Sequence[tuple[Box, T]] = tuple(entries)
        frequency = Counter(place for box, _ in self.entries for place in _places(box))
        self._unfiled: list[int] = []
        self._filed: dict[Axis, dict[LabelValue, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, (box, _) in enumerate(self.entries):
            axis = min(
                _listing(box), key=lambda axis: sum(frequency[axis, value] for value in box[axis].listed), default=None
            )
            if axis is None:
                self._unfiled.append(number)
            else:
                for value in box[axis].listed:
                    self._filed[axis][value].append(number)

    def overlapping(self, box: Box) -> Iterator[tuple[Box, T]]:
        """The boxes that have anything in common with `box`, in order."""
        for number in self.candidates(box):
            entry = self.entries[number]
            if overlaps(entry[0], box):
                yield entry

    def __len__(self) -> int:
        return len(self.entries)

    def candidates(self, box: Box) -> list[int]:
        """The numbers of the boxes that may overlap `box`: the others differ in a value that they list."""
        found = list(self._unfiled)
        for axis, filed in self._filed.items():
            limits = box.get(axis)
            if limits is None:
                values: Iterable[LabelValue] = filed
            elif limits.is_complement:
                values = filed.keys() - limits.listed
            elif len(limits.listed) < len(filed):
                values = limits.listed & filed.keys()
            else:
                values = filed.keys() & limits.listed
            for value in values:
                found += filed[value]
        return sorted(set(found))


def _listing(box: Box) -> Iterator[Axis]:
    """The axes along which a box lists the values of a label."""
    for axis, values in box.items():
        if isinstance(values, LabelValues) and not values.is_complement:
            yield axis


def _places(box: Box) -> Iterator[tuple[Axis, LabelValue]]:
    for axis in _listing(box):
        for value in box[axis].listed:
            yield axis, value
