"""Describes regions of possible pods by few disjoint pairs of a namespace selector and a pod selector.

A region is divided along one axis after another, each time along the one that leaves the fewest selectors; namespaces
count as one axis, which is preferred among equals. An existing namespace is included by a selector of its labels if
possible, and excluded from such a selector by its name.

Finding the minimum would take exponential time; the result is exact and disjoint, but not always minimal.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ringfence.engine.population import NAME_LABEL
from ringfence.engine.possible.universe import NAME, Universe, is_about_namespaces, is_about_pods
from ringfence.model.metadata import Labels
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term
from ringfence.sets.label_values import ABSENT, LabelValue, LabelValues, none_of, one_of
from ringfence.sets.regions import OTHER, OrderedAxis, Region, Value, nodes_of

_MOST_VALUES: Final = 12
_MOST_AXES: Final = 5
"""With more values or axes, only the first label in alphabetical order is tried: trying all takes too long, and the
result would not be readable either.
"""

_BEST: Final = 2
"""The number of selectors with which the search ends (`_fewest`)."""

_STEPS_OF_A_SELECTOR: Final = 2

_NAMESPACES_OF_A_STEP: Final = 4
"""The number of namespaces whose labels are looked at in the time of a step."""

Limits = Mapping[OrderedAxis, LabelValues]


class PossiblePods(msgspec.Struct, frozen=True):
    """Possible pods: those that `pods` matches, in the namespaces that `namespaces` matches."""

    namespaces: Selector
    pods: Selector

    @property
    def order(self) -> tuple[bool, str, str]:
        """The sort key in a list: named namespaces first, in alphabetical order, and all others last."""
        is_named = any(term.key == NAME_LABEL and term.operator is Operator.IN for term in self.namespaces.terms)
        return (not is_named, str(self.namespaces), str(self.pods))

    def matches(self, namespace_labels: Labels, labels: Labels) -> bool:
        """Whether a pod with these labels, in a namespace with those, is one of them."""
        return self.namespaces.matches(namespace_labels) and self.pods.matches(labels)


class _DividedPods(msgspec.Struct, frozen=True):
    """A part of a region: limits on the labels of pods, in the selected namespaces; None means all."""

    namespaces: Selector | None
    limits: Limits


_Parts = tuple[_DividedPods, ...]


class _WayToDivide(msgspec.Struct, frozen=True, eq=False):
    """A way to divide a region. For most ways only the size is compared, so the parts are built on demand.

    `selectors` is the number of pairs of selectors of the parts, `labels` the number of labels in them.
    """

    selectors: int
    labels: int
    count: int
    """The number of parts."""
    parts: Callable[[], _Parts]


class _Namespaces(msgspec.Struct):
    """Namespaces: the names of existing ones; labels of future ones that policies name; and labels of all others."""

    existing: dict[str, None]
    named: dict[str, Region]
    others: Region


class Smallest:
    """Describes regions of one universe. Equal regions have equal descriptions."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._regions = universe.regions
        self._best: dict[Region, _WayToDivide] = {}
        self._parts: dict[Region, _Parts] = {}
        self._meeting: dict[tuple[tuple[OrderedAxis, LabelValues], ...], Mapping[str, None]] = {}
        self._described: dict[Region, tuple[PossiblePods, ...]] = {}

    def describe(self, region: Region) -> tuple[PossiblePods, ...]:
        """Disjoint selectors of the pods of a region, which must not depend on port names.

        The selectors are counted as steps of the universe's regions.
        """
        found = self._described.get(region)
        if found is None:
            # Counted before they are written: a label that is absent or has some value takes two selectors, and each
            # further label doubles them.
            self._regions.step(_STEPS_OF_A_SELECTOR * self._divided(region).selectors)
            pairs = (
                PossiblePods(part.namespaces or EVERYTHING, pods)
                for part in self._parts_of(region)
                for pods in selectors_of(part.limits)
            )
            found = self._described[region] = tuple(sorted(pairs, key=lambda pods: pods.order))
        return found

    # --- dividing a region --------------------------------------------------------------------------------------------

    def _parts_of(self, region: Region) -> _Parts:
        found = self._parts.get(region)
        if found is None:
            found = self._parts[region] = self._divided(region).parts()
        return found

    def _divided(self, region: Region) -> _WayToDivide:
        found = self._best.get(region)
        if found is None:
            found = self._best[region] = _fewest(self._divisions(region))
        return found

    def _divisions(self, region: Region) -> Iterator[_WayToDivide]:
        """The ways to divide a region; among equals the first is preferred."""
        if not region:
            yield _WayToDivide(0, 0, 0, tuple)
            return
        if region is self._regions.everything:
            yield _WayToDivide(1, 0, 1, lambda: (_DividedPods(None, {}),))
            return
        fewest: int | None = None
        has_namespaces = is_about_namespaces(region.axis)
        if has_namespaces:
            by_namespaces = self._by_namespaces(region)
            yield by_namespaces
            if len(region.listed) > _MOST_VALUES:
                return
            fewest = by_namespaces.selectors
        values = _values_of(region)
        axes = [axis for axis in sorted(values) if is_about_pods(axis)]
        few = [axis for axis in axes if len(values[axis]) <= _MOST_VALUES] if len(axes) <= _MOST_AXES else []
        if not few and not has_namespaces:
            few = axes[:1]
        for axis in few:
            division = self._along(region, axis, values[axis], fewest)
            if division is not None:
                yield division
                fewest = division.selectors if fewest is None else min(fewest, division.selectors)

    def _along(
        self, region: Region, axis: OrderedAxis, listed: Collection[LabelValue], fewest: int | None
    ) -> _WayToDivide | None:
        """A region, divided by a label of the pods; None if this needs more than the `fewest` selectors so far."""
        by_inside: dict[Region, list[Value]] = {}
        for value in (*sorted(listed, key=str), OTHER):
            inside = self._regions.restricted(region, axis, value)
            by_inside.setdefault(inside, []).append(value)
        insides = [(inside, _as_set(values, listed)) for inside, values in by_inside.items()]
        # A bound from below: each part takes at least one selector. Divisions that cannot win are not computed further.
        if fewest is not None and sum(_alternatives(some) for inside, some in insides if inside) > fewest:
            return None
        divided = [(self._divided(inside), _alternatives(some)) for inside, some in insides]

        def parts() -> _Parts:
            return tuple(
                [
                    _DividedPods(part.namespaces, {axis: some, **part.limits})
                    for inside, some in insides
                    for part in self._parts_of(inside)
                ]
            )

        return _WayToDivide(
            sum(alternatives * inside.selectors for inside, alternatives in divided),
            sum(inside.labels + inside.count for inside, _ in divided),
            sum(inside.count for inside, _ in divided),
            parts,
        )

    def _by_namespaces(self, region: Region) -> _WayToDivide:
        """A region, divided into groups of namespaces that have the same pods in it."""
        groups = self._groups_of_namespaces(region)
        pods_in = [(pods, list(self._namespace_selectors(some))) for pods, some in groups.items() if pods]
        divided = [(self._divided(pods), spaces) for pods, spaces in pods_in]

        def parts() -> _Parts:
            return tuple(
                [
                    _DividedPods(selector, part.limits)
                    for pods, spaces in pods_in
                    for selector in spaces
                    for part in self._parts_of(pods)
                ]
            )

        return _WayToDivide(
            sum(len(spaces) * inside.selectors for inside, spaces in divided),
            sum(inside.labels + inside.count * len(one.terms) for inside, spaces in divided for one in spaces),
            sum(len(spaces) * inside.count for inside, spaces in divided),
            parts,
        )

    def _groups_of_namespaces(self, region: Region) -> Mapping[Region, _Namespaces]:
        """The namespaces that have the same pods in a region, by these pods."""
        listed = region.listed if region.axis == NAME else {}
        others = region.others if region.axis == NAME else region
        existing = self._universe.existing
        named = [name for name in listed if name is not None and name not in existing]
        groups: defaultdict[Region, _Namespaces] = defaultdict(
            lambda: _Namespaces({}, dict.fromkeys(named, self._regions.nothing), self._regions.nothing)
        )
        # A region lists few of possibly hundreds of namespaces. All others have the same pods in it.
        apart = {name: inside for name, inside in listed.items() if name in existing}
        for name, inside in apart.items():
            groups[inside].existing[str(name)] = None
        if len(apart) < len(existing):
            rest = dict(existing)
            for name in apart:
                del rest[name]
            groups[others].existing |= rest
        for name in named:
            for pods, labels in self._by_labels(listed[name]).items():
                groups[pods].named[name] = labels
        for pods, labels in self._by_labels(others).items():
            groups[pods].others = labels
        return groups

    def _by_labels(self, region: Region) -> dict[Region, Region]:
        """The regions of pods in a region, each with the labels of namespaces that have exactly these pods in it."""
        if not is_about_namespaces(region.axis):
            return {region: self._regions.everything}
        listed = {value: self._by_labels(inside) for value, inside in region.listed.items()}
        others = self._by_labels(region.others)
        nothing = self._regions.nothing
        found = {}
        for pods in dict.fromkeys(pods for inside in (*listed.values(), others) for pods in inside):
            having = {value: inside.get(pods, nothing) for value, inside in listed.items()}
            found[pods] = self._regions.node(region.axis, having, others.get(pods, nothing))
        return found

    # --- selectors of namespaces --------------------------------------------------------------------------------------

    def _namespace_selectors(self, namespaces: _Namespaces) -> Iterator[Selector]:
        """Disjoint selectors of some namespaces."""
        existing, others = self._universe.existing, namespaces.others
        apart = {name for name, labels in namespaces.named.items() if labels is not others}
        left = dict(namespaces.existing)
        for limits in self._label_limits(others):
            matching = self._matching(limits)
            unmeant = apart.union(matching).difference(left) if len(left) < len(existing) else apart
            left = {name: None for name in left if name not in matching} if limits else {}
            yield from _namespace_terms(limits, none_of(*unmeant))
        for name in sorted(apart):
            for limits in self._label_limits(namespaces.named[name]):
                yield from _namespace_terms(limits, one_of(name))
        if left:
            yield from _namespace_terms({}, one_of(*left))

    def _matching(self, limits: Limits) -> Mapping[str, None]:
        """The namespaces that exist and meet some limits on labels of namespaces."""
        existing = self._universe.existing
        if not limits:
            return existing
        key = tuple(limits.items())
        found = self._meeting.get(key)
        if found is None:
            self._regions.step(len(existing) // _NAMESPACES_OF_A_STEP)
            labels = self._universe.labels
            found = self._meeting[key] = {name: None for name in existing if _meets(limits, labels(name))}
        return found

    def _label_limits(self, region: Region) -> list[Limits]:
        """Disjoint limits on the labels of namespaces to come."""
        if not region:
            return []
        if region is self._regions.everything:
            return [{}]
        insides: dict[Region, list[Value]] = {}
        for value in (*sorted(region.listed, key=str), OTHER):
            insides.setdefault(region.at(value), []).append(value)
        self._regions.step(len(insides))
        return [
            {region.axis: _as_set(values, region.listed), **limits}
            for inside, values in insides.items()
            for limits in self._label_limits(inside)
        ]


def _fewest(divisions: Iterable[_WayToDivide]) -> _WayToDivide:
    """The division with the fewest selectors. The search ends at two: a single box has one in any division."""
    fewest: _WayToDivide | None = None
    for one in divisions:
        if fewest is None or (one.selectors, one.labels) < (fewest.selectors, fewest.labels):
            fewest = one
        if fewest.selectors <= _BEST:
            break
    assert fewest is not None
    return fewest


def selectors_of(limits: Limits) -> Iterator[Selector]:
    """The selectors of some limits: several if a label may be absent or have one of some values."""
    some: list[tuple[Term, ...]] = [()]
    for axis in sorted(limits):
        some = [(*terms, *more) for more in _terms_of(axis.name, limits[axis]) for terms in some]
    yield from (Selector(terms) for terms in some)


def _namespace_terms(limits: Limits, names: LabelValues) -> Iterator[Selector]:
    """The selectors of limits on the labels of namespaces and on their names."""
    by_name = {} if names == none_of() else {NAME: names}
    yield from selectors_of({**by_name, **limits})


def _alternatives(values: LabelValues) -> int:
    """The number of selectors needed for a label to have one of some values (`_terms_of`)."""
    return 2 if not values.is_complement and len(values.listed) > 1 and ABSENT in values.listed else 1


def _terms_of(key: str, values: LabelValues) -> list[tuple[Term, ...]]:
    """The requirements on a label that express a set of values: alternatives, each of one or two terms."""
    named = frozenset(value for value in values.listed if value is not ABSENT)
    if values.is_complement:
        terms = [Term(key, Operator.NOT_IN, named)] if named else []
        if ABSENT in values.listed:
            terms.insert(0, Term(key, Operator.EXISTS))
        return [tuple(terms)]
    alternatives: list[tuple[Term, ...]] = [(Term(key, Operator.IN, named),)] if named else []
    if ABSENT in values.listed:
        alternatives.append((Term(key, Operator.DOES_NOT_EXIST),))
    return alternatives


def _values_of(region: Region) -> dict[OrderedAxis, set[LabelValue]]:
    """The axes that a region depends on, with the values that it lists along each."""
    found: dict[OrderedAxis, set[LabelValue]] = {}
    for node in nodes_of([region]):
        found.setdefault(node.axis, set()).update(node.listed)
    return found


def _as_set(values: Iterable[Value], listed: Collection[LabelValue]) -> LabelValues:
    """Values that a node lists as a set; `OTHER` among them adds all values that it does not list."""
    some = list(values)
    named = [value for value in some if value is not OTHER]
    found = one_of(*(value for value in named if value is None or isinstance(value, str)))
    return found | none_of(*listed) if len(named) < len(some) else found


def _meets(limits: Limits, labels: Labels) -> bool:
    return all(values.contains(labels.get(axis.name, ABSENT)) for axis, values in limits.items())
