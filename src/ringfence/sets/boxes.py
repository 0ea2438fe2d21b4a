"""Boxes: products of sets along independent axes, such as "app is web, tier is not cache, ports 80 to 90".

A box gives each axis that it limits the set of values that it has there; along all others it has every value. Any kind
of set can lie along an axis (`sets.label_values`, `sets.addresses`, `sets.traffic`) if it knows `&`, `-` and whether it
is empty. Boxes are closed under intersection, and the difference of two boxes is a few disjoint boxes. A box is never
empty: where nothing is left, there is no box (None).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol


class AxisSet(Protocol):
    """A set of the values along one axis."""

    def __and__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __bool__(self) -> bool: ...
    def __hash__(self) -> int: ...


class Axis(Protocol):
    """What a box can limit: a label of a pod, an address, the traffic. `universe` is the set of all its values."""

    @property
    def universe(self) -> AxisSet:
        """The set of all values along the axis."""

    def __hash__(self) -> int: ...


Box = Mapping[Axis, Any]
"""For each axis that is limited, the set of its values: never empty, and never the whole universe of the axis."""

EVERYTHING: Box = {}
"""The box without any limit."""

Step = Callable[[], None]
"""Called for each box that is made; raises what it likes to end a computation that has become too long."""


def no_limit() -> None:
    """Counts nothing: the computation takes as long as it takes."""


def box_of(limits: Iterable[tuple[Axis, AxisSet]]) -> Box | None:
    """The box with all of some limits, of which several may be along one axis; None if nothing meets them all."""
    box: dict[Axis, Any] = {}
    for axis, values in limits:
        values = box[axis] & values if axis in box else axis.universe & values
        if not values:
            return None
        if values == axis.universe:
            box.pop(axis, None)
        else:
            box[axis] = values
    return box


def key_of(box: Box) -> frozenset[tuple[Axis, Any]]:
    """The box as a key of a dict: equal for equal boxes."""
    return frozenset(box.items())


def intersection(a: Box, b: Box) -> Box | None:
    """What is in both boxes; None if nothing is."""
    if len(b) > len(a):
        a, b = b, a
    both = dict(a)
    for axis, values in b.items():
        present = both.get(axis)
        if present is None:
            both[axis] = values
        elif present is not values:
            common = present & values
            if not common:
                return None
            both[axis] = common
    return both


def overlaps(a: Box, b: Box) -> bool:
    """Whether anything is in both boxes."""
    if len(b) > len(a):
        a, b = b, a
    for axis, values in b.items():
        present = a.get(axis)
        if present is not None and present is not values and not present & values:
            return False
    return True


def contains(outer: Box, inner: Box) -> bool:
    """Whether everything in `inner` is in `outer`."""
    for axis, values in outer.items():
        present = inner.get(axis)
        if present is None or (present is not values and present - values):
            return False
    return True


def difference(a: Box, b: Box) -> Iterator[Box]:
    """What is in `a` and not in `b`, as disjoint boxes."""
    if not overlaps(a, b):
        yield a
        return
    rest = dict(a)
    for axis, values in b.items():
        present = rest.get(axis)
        if present is values:
            continue
        if present is None:
            present = axis.universe
        if outside := present - values:
            yield {**rest, axis: outside}
            rest[axis] = present & values


def uncovered(box: Box, covers: Collection[Box], step: Step = no_limit) -> Iterator[Box]:
    """What of a box is in none of `covers`, as disjoint boxes.

    They are found one after another: who asks whether there are any stops at the first.
    """
    step()
    meeting = []
    for cover in covers:
        if overlaps(cover, box):
            if contains(cover, box):
                return
            meeting.append(cover)
    if not meeting:
        yield box
        return
    # The cover with the fewest limits of its own leaves the fewest pieces.
    first = min(meeting, key=lambda cover: _cuts(box, cover))
    others = [cover for cover in meeting if cover is not first]
    for piece in difference(box, first):
        yield from uncovered(piece, others, step)


def is_covered(box: Box, covers: Collection[Box], step: Step = no_limit) -> bool:
    """Whether everything in a box is in some of `covers`."""
    return next(uncovered(box, covers, step), None) is None


def disjoint(boxes: Iterable[Box], step: Step = no_limit) -> list[Box]:
    """The union of some boxes, as disjoint boxes: each without what is in those before it."""
    found: list[Box] = []
    seen: list[Box] = []
    for box in boxes:
        found += uncovered(box, seen, step)
        seen.append(box)
    return found


def without_covered(boxes: Iterable[Box]) -> list[Box]:
    """Some boxes without those that lie in another one: the same union."""
    kept: list[Box] = []
    for box in boxes:
        if not any(contains(other, box) for other in kept):
            kept = [other for other in kept if not contains(box, other)]
            kept.append(box)
    return kept


def _cuts(box: Box, cover: Box) -> int:
    """Along how many axes a cover cuts a box."""
    return sum(1 for axis, values in cover.items() if axis not in box or box[axis] - values)
