"""Boxes: products of sets along independent axes, such as "app is web, tier is not cache, ports 80 to 90".

A box gives each axis that it limits the set of values that it has there; along all others it has every value. Any kind
of set can lie along an axis (`sets.label_values`, `sets.addresses`, `sets.traffic`) if it knows `&`, `-` and whether it
is empty. Boxes are closed under intersection, and the difference of two boxes is a few disjoint boxes. A box is never
empty: where nothing is left, there is no box (None).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from ringfence.sets.label_values import VALUES_OF_A_STEP, LabelValue, LabelValues, order_of


class AxisSet(Protocol):
    """A set of the values along one axis."""

    @property
    def work(self) -> int:
        """The steps that it takes to compare the set with another one, beyond those of a set of a few values."""

    def __and__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __bool__(self) -> bool: ...
    def __hash__(self) -> int: ...
    @classmethod
    def union_of(cls, sets: Iterable[Any], /) -> Any:
        """The union of some sets."""


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

Step = Callable[[int], None]
"""Called with the number of boxes that are compared; may raise an error to end a computation that takes too long."""


def no_limit(boxes: int) -> None:
    """Counts nothing: the computation has no limit."""


def box_of(limits: Iterable[tuple[Axis, AxisSet]]) -> Box | None:
    """The box with all of some limits, of which several may be along one axis; None if nothing meets them all."""
    box: dict[Axis, Any] = {}
    for axis, values in limits:
        values = box[axis] & values if axis in box else axis.universe & values
        if not values:
            return None
        # A limit that limits nothing is left out, so that equal boxes have equal keys (`key_of`) and `contains` needs
        # no universes.
        if values == axis.universe:
            box.pop(axis, None)
        else:
            box[axis] = values
    return box


def steps_of(box: Box) -> int:
    """The steps that it takes to compare a box with another one: what is left of a box can have thousands of ranges."""
    work = 1
    for values in box.values():
        # Nearly all sets are labels with a few values, and a call of `work` for each took a tenth of a comparison.
        if type(values) is not LabelValues or len(values.listed) >= VALUES_OF_A_STEP:
            work += values.work
    return work


BoxKey = frozenset[tuple[Axis, Any]]
"""A box as a key of a dict."""


def key_of(box: Box) -> BoxKey:
    """The box as a key of a dict: equal for equal boxes."""
    return frozenset(box.items())


def intersection(a: Box, b: Box) -> Box | None:
    """The intersection of two boxes; None if it is empty."""
    # The box with fewer limits is walked over, the other one is only looked up.
    if len(b) > len(a):
        a, b = b, a
    # Most boxes that are compared do not overlap, so nothing is copied before this is known.
    narrower: dict[Axis, Any] = {}
    for axis, values in b.items():
        present = a.get(axis)
        if present is None:
            narrower[axis] = values
        elif present is not values:
            common = present & values
            if not common:
                return None
            if common is not present:
                narrower[axis] = common
    return {**a, **narrower} if narrower else a


def overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes overlap."""
    if len(b) > len(a):
        a, b = b, a
    for axis, values in b.items():
        present = a.get(axis)
        if present is not None and present is not values and not present & values:
            return False
    return True


def contains(outer: Box, inner: Box) -> bool:
    """Whether everything in `inner` is in `outer`."""
    # An axis that `inner` does not limit has all values there, and `outer` never lists a whole universe (`Box`).
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
    # Each piece keeps what `b` has on the axes before it, so the pieces are disjoint and their number is at most that
    # of the axes of `b`.
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
    """The part of a box that is in none of `covers`, as disjoint boxes.

    They are yielded one after another, so a caller that asks whether there are any stops at the first. `step` gets the
    number of covers that are compared, times the work of comparing what is left (`steps_of`).
    """
    # A stack, not recursion: hundreds of covers nest as deeply, and Python stops at 1,000 frames. Depth first also
    # finds the first piece, with which most callers end, without dividing the others.
    waiting: list[tuple[Box, Collection[Box]]] = [(box, covers)]
    while waiting:
        left, some = waiting.pop()
        cut = _without_single_cuts(left, some, step)
        if cut is None:
            continue
        left, cutting = cut
        if not cutting:
            yield left
        # Whether a union of boxes covers a box is coNP-complete, so no order of cuts is always fast. Dividing by
        # values at least separates the covers that list different values, and these never meet.
        elif len(cutting) > _MANY and (axis := _most_listed(axes for _, axes in cutting)) is not None:
            waiting += _by_value(left, [cover for cover, _ in cutting], axis)
        else:
            # The cover with the fewest cuts leaves the fewest pieces.
            first, _ = min(cutting, key=lambda one: len(one[1]))
            others = [cover for cover, _ in cutting if cover is not first]
            waiting += [(piece, others) for piece in difference(left, first)]


_MANY: Final = 8
"""Covers from which on a box is divided by the values of a label instead of by the covers, one after another."""


def _without_single_cuts(
    box: Box, covers: Collection[Box], step: Step
) -> tuple[Box, list[tuple[Box, list[Axis]]]] | None:
    """What of a box is left by the covers that cut it along one axis only, and the others with the axes of their cuts.

    None if nothing is left. All that cut along one axis are taken away at once: they may be thousands of port ranges.
    """
    # What single cuts take away can make further covers cut along one axis only, or not at all, so the pass is repeated
    # until none does.
    while True:
        # The work is counted before it is done, so that a bound ends a pass that would take too long.
        step(steps_of(box) * (1 + len(covers)))
        several: list[tuple[Box, list[Axis]]] = []
        single: dict[Axis, list[Any]] = {}
        for cover in covers:
            axes = _cuts(box, cover)
            if axes is None:
                continue
            if not axes:
                return None
            if len(axes) == 1:
                single.setdefault(axes[0], []).append(cover[axes[0]])
            else:
                several.append((cover, axes))
        if not single:
            return box, several
        for axis, sets in single.items():
            rest = box.get(axis, axis.universe) - (sets[0] if len(sets) == 1 else type(sets[0]).union_of(sets))
            if not rest:
                return None
            box = {**box, axis: rest}
        covers = [cover for cover, _ in several]


def _cuts(box: Box, cover: Box) -> list[Axis] | None:
    """The axes along which a cover cuts a box: none if it contains the box. None if it does not meet the box."""
    axes = []
    for axis, values in cover.items():
        present = box.get(axis)
        if present is None:
            axes.append(axis)
        elif present is not values:
            common = present & values
            if not common:
                return None
            if common is not present and common != present:
                axes.append(axis)
    return axes


def _most_listed(cuts: Iterable[Iterable[Axis]]) -> Axis | None:
    """The label along which the most covers cut, if there is a label among the axes."""
    frequency = Counter(axis for axes in cuts for axis in axes if isinstance(axis.universe, LabelValues))
    return max(frequency, key=frequency.__getitem__, default=None)


def _by_value(box: Box, covers: Iterable[Box], axis: Axis) -> Iterator[tuple[Box, list[Box]]]:
    """A box divided by the values of a label that covers list, each part with the covers that it may meet.

    The values that no cover lists are the last part.
    """
    everywhere: list[Box] = []
    unless: list[Box] = []
    only: dict[LabelValue, list[Box]] = {}
    for cover in covers:
        values = cover.get(axis)
        if values is None:
            everywhere.append(cover)
            continue
        if values.is_complement:
            unless.append(cover)
        for value in values.listed:
            # A value that a complement lists needs a part of its own, too: this cover does not apply there.
            only.setdefault(value, [])
            if not values.is_complement:
                only[value].append(cover)
    present = box.get(axis, axis.universe)
    # In one order in every process: sets of texts have another in each.
    for value, covering in sorted(only.items(), key=lambda item: order_of(item[0])):
        if present.contains(value):
            besides = [cover for cover in unless if value not in cover[axis].listed]
            yield {**box, axis: LabelValues(frozenset([value]))}, [*everywhere, *besides, *covering]
    if rest := present - LabelValues(frozenset(only)):
        yield {**box, axis: rest}, [*everywhere, *unless]


def is_covered(box: Box, covers: Collection[Box], step: Step = no_limit) -> bool:
    """Whether everything in a box is in some of `covers`."""
    return next(uncovered(box, covers, step), None) is None
