"""Possible pods as label selectors: a region as disjoint pairs of a namespace selector and a pod selector, and few.

A region is divided along one axis after another, each time along the one that leaves the fewest selectors; namespaces
count as one axis, and come first where it makes no difference. A selector of namespaces is free to match labels that
the name already rules out: a namespace that exists has the labels that it has. So one that is meant because of its
labels is covered by the selector of these labels, and one that is not is left out by its name.

To find the fewest of all would take exponential time; what is found is exact and disjoint.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
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
"""Beyond these, labels are asked for in alphabetical order: to try all takes time, and helps no reader."""

_BEST: Final = 2

Limits = Mapping[OrderedAxis, LabelValues]


class PossiblePods(msgspec.Struct, frozen=True):
    """Pods that do not exist yet: those that `pods` matches, in the namespaces that `namespaces` matches."""

    namespaces: Selector
    pods: Selector

    @property
    def order(self) -> tuple[bool, str, str]:
        """The place in a list: namespaces that are named first, in alphabetical order, and all others last."""
        is_named = any(term.key == NAME_LABEL and term.operator is Operator.IN for term in self.namespaces.terms)
        return (not is_named, str(self.namespaces), str(self.pods))

    def matches(self, namespace_labels: Labels, labels: Labels) -> bool:
        """Whether a pod with these labels, in a namespace with those, is one of them."""
        return self.namespaces.matches(namespace_labels) and self.pods.matches(labels)


class _DividedPods(msgspec.Struct, frozen=True):
    """A part of a region: the limits on the labels of the pods, within some namespaces; all, if None is given."""

    namespaces: Selector | None
    limits: Limits

    @property
    def selectors(self) -> int:
        """How many pod selectors it takes."""
        return len(list(selectors_of(self.limits)))


class _Namespaces(msgspec.Struct):
    """Some namespaces: those that exist, by name; the labels of those to come that policies name; and of all others."""

    existing: dict[str, None]
    named: dict[str, Region]
    others: Region


class Smallest:
    """Describes regions of one universe. Equal regions have equal descriptions."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._regions = universe.regions
        self._parts: dict[Region, tuple[_DividedPods, ...]] = {}
        self._described: dict[Region, tuple[PossiblePods, ...]] = {}

    def describe(self, region: Region) -> tuple[PossiblePods, ...]:
        """Disjoint selectors of the pods of a region, which must not depend on names of ports."""
        found = self._described.get(region)
        if found is None:
            pairs = (
                PossiblePods(part.namespaces or EVERYTHING, pods)
                for part in self._divided(region)
                for pods in selectors_of(part.limits)
            )
            found = self._described[region] = tuple(sorted(pairs, key=lambda pods: pods.order))
        return found

    # --- dividing a region --------------------------------------------------------------------------------------------

    def _divided(self, region: Region) -> tuple[_DividedPods, ...]:
        found = self._parts.get(region)
        if found is None:
            found = self._parts[region] = _fewest(self._divisions(region))
        return found

    def _divisions(self, region: Region) -> Iterator[tuple[_DividedPods, ...]]:
        """The ways to divide a region, the ones to prefer among equals first."""
        if not region:
            yield ()
            return
        if region is self._regions.everything:
            yield (_DividedPods(None, {}),)
            return
        has_namespaces = is_about_namespaces(region.axis)
        if has_namespaces:
            yield tuple(self._by_namespaces(region))
            if len(region.listed) > _MOST_VALUES:
                return
        values = _values_of(region)
        axes = [axis for axis in sorted(values) if is_about_pods(axis)]
        few = [axis for axis in axes if len(values[axis]) <= _MOST_VALUES] if len(axes) <= _MOST_AXES else []
        if not few and not has_namespaces:
            few = axes[:1]
        for axis in few:
            yield tuple(self._along(region, axis, values[axis]))

    def _along(self, region: Region, axis: OrderedAxis, listed: Collection[LabelValue]) -> Iterator[_DividedPods]:
        """A region, divided by a label of the pods."""
        insides: dict[Region, list[Value]] = {}
        for value in (*sorted(listed, key=str), OTHER):
            inside = self._regions.restricted(region, axis, value)
            insides.setdefault(inside, []).append(value)
        for inside, values in insides.items():
            some = _as_set(values, listed)
            for part in self._divided(inside):
                yield _DividedPods(part.namespaces, {axis: some, **part.limits})

    def _by_namespaces(self, region: Region) -> Iterator[_DividedPods]:
        """A region, divided by the namespaces that have the same pods in it."""
        listed = region.listed if region.axis == NAME else {}
        others = region.others if region.axis == NAME else region
        existing = self._universe.existing
        named = [name for name in listed if name is not None and name not in existing]
        groups: defaultdict[Region, _Namespaces] = defaultdict(
            lambda: _Namespaces({}, dict.fromkeys(named, self._regions.nothing), self._regions.nothing)
        )
        # Of hundreds of namespaces, a region lists few: all others have the same pods in it.
        apart = {name: inside for name, inside in listed.items() if name in existing}
        for name, inside in apart.items():
            groups[inside].existing[str(name)] = None
        if len(apart) < len(existing):
            rest = groups[others]
            rest.existing |= {name: None for name in existing if name not in apart}
        for name in named:
            for pods, labels in self._by_labels(listed[name]).items():
                groups[pods].named[name] = labels
        for pods, labels in self._by_labels(others).items():
            groups[pods].others = labels
        for pods, namespaces in groups.items():
            parts = self._divided(pods)
            for selector in self._namespace_selectors(namespaces) if parts else ():
                yield from (_DividedPods(selector, part.limits) for part in parts)

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
        existing, known = self._universe.existing, self._universe.labels
        others = namespaces.others
        apart = {name for name, labels in namespaces.named.items() if labels is not others}
        left = dict(namespaces.existing)
        for limits in self._label_limits(others):
            matching = {name: None for name in existing if _meets(limits, known(name))} if limits else existing
            unmeant = apart.union(matching).difference(left) if len(left) < len(existing) else apart
            left = {name: None for name in left if name not in matching} if limits else {}
            yield from _namespace_terms(limits, none_of(*unmeant))
        for name in sorted(apart):
            for limits in self._label_limits(namespaces.named[name]):
                yield from _namespace_terms(limits, one_of(name))
        if left:
            yield from _namespace_terms({}, one_of(*left))

    def _label_limits(self, region: Region) -> list[Limits]:
        """Disjoint limits on the labels of namespaces to come."""
        if not region:
            return []
        if region is self._regions.everything:
            return [{}]
        insides: dict[Region, list[Value]] = {}
        for value in (*sorted(region.listed, key=str), OTHER):
            insides.setdefault(region.at(value), []).append(value)
        return [
            {region.axis: _as_set(values, region.listed), **limits}
            for inside, values in insides.items()
            for limits in self._label_limits(inside)
        ]


def _fewest(divisions: Iterable[tuple[_DividedPods, ...]]) -> tuple[_DividedPods, ...]:
    """The division with the fewest selectors; two cannot be improved on: a box takes one, however it is divided."""
    fewest: tuple[_DividedPods, ...] | None = None
    for parts in divisions:
        if fewest is None or _size(parts) < _size(fewest):
            fewest = parts
        if _size(fewest)[0] <= _BEST:
            break
    assert fewest is not None
    return fewest


def selectors_of(limits: Limits) -> Iterator[Selector]:
    """The selectors of some limits: several where a label may be absent or have one of some values."""
    some: list[tuple[Term, ...]] = [()]
    for axis in sorted(limits):
        some = [(*terms, *more) for more in _terms_of(axis.name, limits[axis]) for terms in some]
    yield from (Selector(terms) for terms in some)


def _namespace_terms(limits: Limits, names: LabelValues) -> Iterator[Selector]:
    """The selectors of limits on the labels of namespaces and on their names."""
    by_name = {} if names == none_of() else {NAME: names}
    yield from selectors_of({**by_name, **limits})


def _terms_of(key: str, values: LabelValues) -> list[tuple[Term, ...]]:
    """The requirements on a label that together mean a set of values: alternatives, each of one or two."""
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
    """Some of the values that a node lists, and with `OTHER` all that it does not list."""
    some = list(values)
    named = [value for value in some if value is not OTHER]
    found = one_of(*(value for value in named if value is None or isinstance(value, str)))
    return found | none_of(*listed) if len(named) < len(some) else found


def _meets(limits: Limits, labels: Labels) -> bool:
    return all(values.contains(labels.get(axis.name, ABSENT)) for axis, values in limits.items())


def _size(parts: tuple[_DividedPods, ...]) -> tuple[int, int]:
    """How many selectors some parts take, and how many labels these ask for."""
    return sum(part.selectors for part in parts), sum(
        len(part.limits) + len(part.namespaces.terms if part.namespaces else ()) for part in parts
    )
