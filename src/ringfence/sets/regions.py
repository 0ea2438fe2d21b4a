"""Regions: sets of points along axes of label values, such as "app is web, or tier is not cache", in one form each.

A region is a decision diagram: a node asks for the value along one axis, the first in order on which the region
depends, and has a region for each value that is listed and one for all others. Nodes are made once, so equal regions
are the same object, however they were put together: `&`, `|`, `^` and `is` are all that is needed to compare what
differently written selectors mean. Values are those of `sets.label_values`, with `ABSENT` as one of them.

`Regions` makes the regions of one computation, and remembers every step of it.

Source: Bryant, "Graph-Based Algorithms for Boolean Function Manipulation" (1986), for two values; here a node has as
many as selectors list.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.sets.boxes import Step, no_limit
from ringfence.sets.label_values import LabelValue, LabelValues


class OrderedAxis(NamedTuple):
    """An axis: regions ask first for those of the lowest rank, and of one rank in alphabetical order."""

    rank: int
    name: str


# Behind every real axis, so that `_join` needs no case of its own for regions without an axis.
_LAST: Final = OrderedAxis(1 << 30, "")
"""The axis of the two regions that depend on no axis."""
_MOST_REMEMBERED: Final = 200_000
"""Results of one operation that are remembered: at some hundred bytes each, all of them could take gigabytes."""
_FIRST: Final = OrderedAxis(-1, "")
"""Their last axis: none."""
_VALUES_OF_A_STEP: Final = 32
"""Values that a node lists, or that are looked at, in the time of one step more."""


class Other:
    """The type of `OTHER`."""

    def __repr__(self) -> str:
        return "OTHER"


OTHER: Final = Other()
"""Any value that is not listed."""

Value = LabelValue | Other


class Region:
    """A node: the region of each listed value along `axis`, and of all `others`; `last` is the last axis of all."""

    __slots__ = ("_all", "axis", "last", "listed", "others")

    def __init__(
        self, regions: "Regions", axis: OrderedAxis, listed: "dict[LabelValue, Region]", others: "Region | None"
    ):
        self._all = regions
        self.axis = axis
        self.listed = listed
        self.others = self if others is None else others
        # What lies below asks for later axes, if it asks for any.
        last = _FIRST if others is None else max(axis, others.last)
        for one in set(listed.values()):
            if one.last > last:
                last = one.last
        self.last: OrderedAxis = last

    def at(self, value: Value) -> "Region":
        """The region for one value along its own axis."""
        return self.others if isinstance(value, Other) else self.listed.get(value, self.others)

    def __bool__(self) -> bool:
        return self is not self._all.nothing

    def __and__(self, other: "Region") -> "Region":
        return self._all.both(self, other)

    def __or__(self, other: "Region") -> "Region":
        return self._all.either(self, other)

    def __xor__(self, other: "Region") -> "Region":
        return self._all.one_of_two(self, other)

    def __repr__(self) -> str:
        if self.axis is _LAST:
            return "everything" if self else "nothing"
        return f"{self.axis.name}: {self.listed}, else {self.others}"


class Regions:
    """Makes regions. `step` is called with the work for each node that is made or computed, and may raise to end a
    computation."""

    def __init__(self, step: Step = no_limit) -> None:
        self.nothing = Region(self, _LAST, {}, None)
        self.everything = Region(self, _LAST, {}, None)
        self.step = step
        """Counts the work of one computation."""
        self._nodes: dict[int, list[Region]] = {}
        self._both: dict[tuple[Region, Region], Region] = {}
        self._either: dict[tuple[Region, Region], Region] = {}
        self._one_of_two: dict[tuple[Region, Region], Region] = {}
        self._restricted: dict[tuple[Region, OrderedAxis, Value], Region] = {}

    # --- making them ------------------------------------------------------------------------------------------------

    def node(self, axis: OrderedAxis, listed: Mapping[LabelValue, Region], others: Region) -> Region:
        """The region that is one of several, depending on the value along an axis that comes before all of theirs."""
        different = dict(listed)
        # A value whose region is that of all others is not listed: only then does a region have one form, and `is`
        # means equality.
        if others in different.values():
            different = {value: region for value, region in listed.items() if region is not others}
        if not different:
            return others
        # The table holds hashes only: keys of all values and regions would take more memory than the nodes.
        # Most nodes list a single value.
        key = next(iter(different.items())) if len(different) == 1 else frozenset(different.items())
        same_hash = self._nodes.setdefault(hash((axis, key, others)), [])
        for node in same_hash:
            if node.others is others and node.axis == axis and node.listed == different:
                return node
        self.step(1 + len(different) // _VALUES_OF_A_STEP)
        same_hash.append(node := Region(self, axis, different, others))
        return node

    def along(self, axis: OrderedAxis, values: LabelValues, inside: Region | None = None) -> Region:
        """The points whose value along an axis is one of `values`, and that are `inside` of another region."""
        inside = self.everything if inside is None else inside
        if values.is_complement:
            return self.node(axis, dict.fromkeys(values.listed, self.nothing), inside)
        return self.node(axis, dict.fromkeys(values.listed, inside), self.nothing)

    def box(self, limits: Iterable[tuple[OrderedAxis, LabelValues]]) -> Region:
        """The points that meet all of some limits, of which several may be along one axis."""
        by_axis: dict[OrderedAxis, LabelValues] = {}
        for axis, values in limits:
            by_axis[axis] = by_axis[axis] & values if axis in by_axis else values
        found = self.everything
        # From the last axis to the first: a node may only have children that ask for later axes.
        for axis in sorted(by_axis, reverse=True):
            found = self.along(axis, by_axis[axis], found)
        return found

    # --- set operations ---------------------------------------------------------------------------------------------

    def both(self, a: Region, b: Region) -> Region:
        """The intersection of two regions."""
        if a is b or b is self.everything or a is self.nothing:
            return a
        if a is self.everything or b is self.nothing:
            return b
        # All three operations are commutative: one entry serves both orders. Ids are stable, because `_nodes` keeps
        # every region alive.
        key = (a, b) if id(a) < id(b) else (b, a)
        found = self._both.get(key)
        return self._joined(self._both, self.both, key) if found is None else found

    def either(self, a: Region, b: Region) -> Region:
        """The union of two regions."""
        if a is b or b is self.nothing or a is self.everything:
            return a
        if a is self.nothing or b is self.everything:
            return b
        key = (a, b) if id(a) < id(b) else (b, a)
        found = self._either.get(key)
        return self._joined(self._either, self.either, key) if found is None else found

    def one_of_two(self, a: Region, b: Region) -> Region:
        """What is in one of two regions and not in the other: if one contains the other, their difference."""
        if a is b:
            return self.nothing
        if b is self.nothing:
            return a
        if a is self.nothing:
            return b
        key = (a, b) if id(a) < id(b) else (b, a)
        found = self._one_of_two.get(key)
        return self._joined(self._one_of_two, self.one_of_two, key) if found is None else found

    def _joined(
        self,
        known: dict[tuple[Region, Region], Region],
        join: Callable[[Region, Region], Region],
        pair: tuple[Region, Region],
    ) -> Region:
        """What a pair is joined to, for the first time."""
        a, b = pair
        self.step(1 + (len(a.listed) + len(b.listed)) // _VALUES_OF_A_STEP)
        found = self._join(join, a, b)
        if len(known) >= _MOST_REMEMBERED:
            # Clearing everything is cheaper than to record the order of use for each look-up. Results are only computed
            # again: nodes stay unique through `_nodes`.
            known.clear()
        known[pair] = found
        return found

    def _join(self, join: Callable[[Region, Region], Region], a: Region, b: Region) -> Region:
        # As `apply` of Bryant: the region that asks for the earlier axis is opened, and the other one goes unchanged
        # into each of its children.
        if a.axis < b.axis:
            return self.node(a.axis, {value: join(one, b) for value, one in a.listed.items()}, join(a.others, b))
        if b.axis < a.axis:
            return self.node(b.axis, {value: join(a, one) for value, one in b.listed.items()}, join(a, b.others))
        if a.axis is _LAST:  # everything ^ everything is `a is b`; what is left is everything ^ nothing
            return self.everything
        if join == self.both and (a.others is self.nothing or b.others is self.nothing):
            # Most regions list the few values that they have: what the other one lists besides does not matter.
            few, many = (a, b) if a.others is self.nothing else (b, a)
            listed = {value: join(one, many.listed.get(value, many.others)) for value, one in few.listed.items()}
            return self.node(a.axis, listed, self.nothing)
        # `at` is not called here: regions may list every namespace of a cluster, and this loop takes most of the time.
        listed = {
            value: join(a.listed.get(value, a.others), b.listed.get(value, b.others))
            for value in {**a.listed, **b.listed}
        }
        return self.node(a.axis, listed, join(a.others, b.others))

    def restricted(self, region: Region, axis: OrderedAxis, value: Value) -> Region:
        """The region at one value along an axis: it no longer depends on that axis."""
        if region.axis > axis:
            return region
        if region.axis == axis:
            return region.at(value)
        key = (region, axis, value)
        found = self._restricted.get(key)
        if found is None:
            self.step(1 + len(region.listed) // _VALUES_OF_A_STEP)
            listed = {own: self.restricted(one, axis, value) for own, one in region.listed.items()}
            found = self.node(region.axis, listed, self.restricted(region.others, axis, value))
            self._restricted[key] = found
        return found


def nodes_of(regions: Iterable[Region]) -> Iterator[Region]:
    """Every node of some regions, each once."""
    # Regions share their children, so without `seen` the walk would be exponential in the depth.
    waiting = list(regions)
    seen: set[Region] = set(waiting)
    while waiting:
        region = waiting.pop()
        if region.axis is _LAST:
            continue
        yield region
        for child in (*region.listed.values(), region.others):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
