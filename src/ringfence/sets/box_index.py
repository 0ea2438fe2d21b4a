"""An index of boxes: those that may overlap another box, without looking at all of them.

A box that lists the values of a label lies under these values only. The index is a tree: at each node, boxes are told
apart by the label that leaves the fewest together. So of 10,000 policies in 500 namespaces only those of one namespace
are looked at, and of 10,000 in one namespace, each for one application, only those of one application.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Generic, TypeVar
from weakref import ref

from ringfence.sets.boxes import Axis, Box, BoxKey, key_of, overlaps
from ringfence.sets.label_values import LabelValue, LabelValues, order_of

T = TypeVar("T")

_FEW: Final = 16
"""Up to this number, boxes are compared one by one, which is faster than to divide them."""

_MANY_CHANGES: Final = 64
"""Above this number, recent changes of an index are joined with the earlier ones."""


class BoxIndex(Generic[T]):
    """Boxes, each with a value of the caller, in the order in which they are given."""

    def __init__(self, entries: Iterable[tuple[Box, T]]) -> None:
        self.entries: Sequence[tuple[Box, T]] = tuple(entries)
        self._tree = _Node([(number, box) for number, (box, _) in enumerate(self.entries)])

    def overlapping(self, box: Box) -> Iterator[tuple[Box, T]]:
        """The boxes that overlap `box`, in order."""
        return (entry for entry in self.near(box) if overlaps(entry[0], box))

    def near(self, box: Box) -> Sequence[tuple[Box, T]]:
        """The boxes that may overlap `box`, in order: for callers that check each of them anyway."""
        if len(self.entries) <= _FEW:
            return self.entries
        return [self.entries[number] for number in self.candidates(box)]

    def parts(self, box: Box) -> Iterator[Box]:
        """A box, divided where it would meet most of the index: by the values of the label at the root of the tree.

        The part with the values that no box lists comes first. A caller that needs one part only compares few boxes.
        """
        axis, values = self._tree.axis, self._tree.values
        limits = box.get(axis, axis.universe) if axis is not None else None
        if axis is None or limits is None or not limits.is_complement or len(values) <= _FEW:
            yield box
            return
        if rest := self._tree.unlisted & limits:
            yield {**box, axis: rest}
        for value in values:
            if limits.contains(value):
                yield {**box, axis: LabelValues(frozenset([value]))}

    def candidates(self, box: Box) -> list[int]:
        """The numbers of the boxes that may overlap `box`, ascending: the others differ in a value that they list."""
        # A set, because a box that lists several values lies under each of them.
        found: set[int] = set()
        self._tree.find(box, found)
        return sorted(found)

    def at(self, number: int) -> Sequence[tuple[Box, T]]:
        """The entry of a number: an index with changes may have several in its place, or none."""
        return (self.entries[number],)

    def not_in(self, other: "Boxes[T]") -> Sequence[tuple[Box, T]]:
        """The entries whose boxes are not among those of another index; at numbers that were changed, maybe others."""
        return _not_in(self, other)

    @cached_property
    def keys(self) -> frozenset[BoxKey]:
        """The boxes as keys (`key_of`)."""
        return frozenset(key_of(box) for box, _ in self.entries)

    def __bool__(self) -> bool:
        return bool(self.entries)


_Replaced = Mapping[int, Sequence[tuple[Box, T]]]
"""What is in the place of some entries, by number."""


class ChangedIndex(Generic[T]):
    """An index with other entries at some numbers, or none, and more entries behind all others: as an index of these.

    The boxes at a number lie inside the one that they replace: so the tree of the unchanged index finds them; those
    that are `added` lie anywhere. It is compared with the index that was changed at the cost of the change, however
    many changes were made before.
    """

    def __init__(
        self,
        before: "Boxes[T]",
        changes: Mapping[int, Sequence[tuple[Box, T]]],
        added: Sequence[tuple[Box, T]] = (),
    ) -> None:
        self.base: BoxIndex[T] = before.base if isinstance(before, ChangedIndex) else before
        self.added: Sequence[tuple[Box, T]] = (*before.added, *added) if isinstance(before, ChangedIndex) else added
        self._earlier: _Replaced[T] = {}
        self._recent: _Replaced[T] = changes
        """What replaces the entry of a number, after earlier and after recent changes."""
        if isinstance(before, ChangedIndex):
            self._earlier, self._recent = before._earlier, {**before._recent, **changes}
            # The earlier changes are shared: thousands of them are not copied for each new one.
            if len(self._recent) > _MANY_CHANGES:
                self._earlier, self._recent = {**self._earlier, **self._recent}, {}
        self.changes = changes
        # Otherwise the last of thousands of changes would keep all indexes before it in memory.
        self._before = ref(before)

    def changes_since(self, other: "Boxes[T]") -> bool:
        """Whether `changes` are the only difference between this index and another one."""
        return self._before() is other

    @property
    def entries(self) -> Sequence[tuple[Box, T]]:
        """All entries, in order."""
        kept = (entry for number in range(len(self.base.entries)) for entry in self.at(number))
        return [*kept, *self.added]

    def overlapping(self, box: Box) -> Iterator[tuple[Box, T]]:
        """The boxes that overlap `box`, in order."""
        return (entry for entry in self.near(box) if overlaps(entry[0], box))

    def near(self, box: Box) -> list[tuple[Box, T]]:
        """The boxes that may overlap `box`, in order: for callers that check each of them anyway."""
        entries, earlier, recent = self.base.entries, self._earlier, self._recent
        found: list[tuple[Box, T]] = []
        for number in self.base.candidates(box):
            if number in recent:
                found += recent[number]
            elif number in earlier:
                found += earlier[number]
            else:
                found.append(entries[number])
        found += self.added
        return found

    def parts(self, box: Box) -> Iterator[Box]:
        """A box, divided as the index before the changes would divide it."""
        return self.base.parts(box)

    def at(self, number: int) -> Sequence[tuple[Box, T]]:
        """The entries in the place of the one that had this number; what was added has none."""
        if number in self._recent:
            return self._recent[number]
        return self._earlier[number] if number in self._earlier else self.base.at(number)

    @property
    def replaced(self) -> Collection[int]:
        """The numbers of the entries that were replaced."""
        return self._earlier.keys() | self._recent.keys()

    def not_in(self, other: "Boxes[T]") -> Sequence[tuple[Box, T]]:
        """The entries whose boxes are not among those of another index; at numbers that were changed, maybe others."""
        return _not_in(self, other)

    @property
    def keys(self) -> frozenset[BoxKey]:
        """The boxes as keys (`key_of`)."""
        return frozenset(key_of(box) for box, _ in self.entries)

    def __bool__(self) -> bool:
        """Whether there may be entries. Changed ones are not checked, because there may be thousands."""
        return bool(self.base or self.added)


Boxes = BoxIndex[T] | ChangedIndex[T]
"""An index, or one with changes."""


def _not_in(mine: Boxes[T], theirs: Boxes[T]) -> list[tuple[Box, T]]:
    numbers = _different(mine, theirs)
    # Only indexes that share a base can be compared by number; for others, all boxes are compared as keys.
    if numbers is None:
        known = theirs.keys
        return [entry for entry in mine.entries if key_of(entry[0]) not in known]
    others = {key_of(box) for box, _ in _at_numbers(theirs, numbers)}
    return [entry for entry in _at_numbers(mine, numbers) if key_of(entry[0]) not in others]


def _at_numbers(index: Boxes[T], numbers: Iterable[int]) -> Iterator[tuple[Box, T]]:
    """The entries in the place of some numbers, and those that were added."""
    for number in sorted(numbers):
        yield from index.at(number)
    if isinstance(index, ChangedIndex):
        yield from index.added


def _different(a: Boxes[T], b: Boxes[T]) -> Collection[int] | None:
    """The numbers at which two indexes may differ; None if they were not made from the same one."""
    if a is b:
        return ()
    if isinstance(a, ChangedIndex) and a.changes_since(b):
        return a.changes
    if isinstance(b, ChangedIndex) and b.changes_since(a):
        return b.changes
    bases = [one.base if isinstance(one, ChangedIndex) else one for one in (a, b)]
    if bases[0] is not bases[1]:
        return None
    return {number for one in (a, b) if isinstance(one, ChangedIndex) for number in one.replaced}


class _Node:
    """Some boxes by number: a few, or more that are divided by the values that they list along one axis."""

    def __init__(self, boxes: Sequence[tuple[int, Box]]) -> None:
        self.axis = _best_axis(boxes) if len(boxes) > _FEW else None
        """The axis by which the boxes are divided, if there is one."""
        self._numbers = [number for number, _ in boxes] if self.axis is None else []
        self._others: _Node | None = None
        self._by_value: dict[LabelValue, _Node] = {}
        if self.axis is None:
            return
        others: list[tuple[int, Box]] = []
        by_value: defaultdict[LabelValue, list[tuple[int, Box]]] = defaultdict(list)
        for number, box in boxes:
            # A complement (`NotIn`, `Exists`) lets nearly all values pass: it would have to lie under every one of
            # them.
            values = box.get(self.axis)
            if values is None or values.is_complement:
                others.append((number, box))
            else:
                for value in values.listed:
                    by_value[value].append((number, box))
        self._others = _Node(others)
        self._by_value = {value: _Node(some) for value, some in by_value.items()}

    @cached_property
    def values(self) -> list[LabelValue]:
        """The values that boxes list along the axis by which they are divided, sorted."""
        return sorted(self._by_value, key=order_of)

    @cached_property
    def unlisted(self) -> LabelValues:
        """All other values along this axis."""
        return LabelValues(frozenset(self._by_value), True)

    def find(self, box: Box, found: set[int]) -> None:
        """Add the numbers of the boxes that may overlap `box`."""
        found.update(self._numbers)
        if self.axis is None or self._others is None:
            return
        # Boxes without a listed value on this axis may overlap any box.
        self._others.find(box, found)
        limits, by_value = box.get(self.axis), self._by_value
        # `parts` gives this object for the part without listed values: no subtree by value can meet it, and identity
        # saves the difference of two large sets.
        if limits is self.unlisted:
            return
        nodes: Iterable[_Node]
        if limits is None:
            nodes = by_value.values()
        elif limits.is_complement:
            nodes = map(by_value.__getitem__, by_value.keys() - limits.listed)
        else:
            nodes = map(by_value.__getitem__, by_value.keys() & limits.listed)
        for node in nodes:
            node.find(box, found)


def _best_axis(boxes: Sequence[tuple[int, Box]]) -> Axis | None:
    """The axis whose values leave the fewest boxes together; None if no axis divides them."""
    listed: defaultdict[Axis, defaultdict[LabelValue, int]] = defaultdict(lambda: defaultdict(int))
    listing: Counter[Axis] = Counter()
    for _, box in boxes:
        for axis, values in box.items():
            if isinstance(values, LabelValues) and not values.is_complement:
                listing[axis] += 1
                counts = listed[axis]
                for value in values.listed:
                    counts[value] += 1
    # The worst look-up by one value finds the boxes with the most frequent value and those that list no value. An axis
    # with only one value divides nothing.
    together = {
        axis: len(boxes) - listing[axis] + max(counts.values()) for axis, counts in listed.items() if len(counts) > 1
    }
    best = min(together, key=together.__getitem__, default=None)
    # Otherwise 10,000 boxes, each of which lists a label of its own, would make a tree as deep.
    return best if best is not None and together[best] <= len(boxes) * 7 // 8 else None
