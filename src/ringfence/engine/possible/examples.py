"""Example pods of a selector description: the simplest ones, without unnecessary labels."""

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import count
from typing import Final

import msgspec

from ringfence.engine.population import NAME_LABEL, Namespaces
from ringfence.engine.possible.axes import values_of
from ringfence.engine.possible.smallest import PossiblePods
from ringfence.engine.possible.universe import NO_LABELS_BY_NAME
from ringfence.model.metadata import Labels
from ringfence.model.selectors import Selector
from ringfence.sets.label_values import ANY_VALUE, PRESENT, LabelValues

_NEW: Final = "new"
"""The name of a namespace that does not exist yet, or its prefix; the value of a label that excludes some values."""


class ExamplePod(msgspec.Struct, frozen=True):
    """A possible pod: its labels, and its namespace with the labels that this has or would have."""

    namespace: str
    namespace_labels: Labels
    labels: Labels


def example(namespaces: Namespaces, pods: PossiblePods, taken: Mapping[str, Labels] = NO_LABELS_BY_NAME) -> ExamplePod:
    """One of some possible pods, in an existing namespace if that is possible.

    `taken` are the labels of namespaces that other examples create, by name. Raises ValueError if the example would
    need other labels for one of them, which can happen for a namespace that policies name.
    """
    labels = simplest_labels(pods.pods)
    for name in namespaces.names():
        if pods.namespaces.matches(namespaces.labels(name)):
            return ExamplePod(name, namespaces.labels(name), labels)
    names = reduce(
        LabelValues.__and__,
        (values_of(term, of_name=True) for term in pods.namespaces.terms if term.key == NAME_LABEL),
        PRESENT,
    )
    own = simplest_labels(pods.namespaces)
    for name in _names(names):
        space = {**own, NAME_LABEL: name}
        if names.contains(name) and not namespaces.exists(name) and taken.get(name, space) == space:
            return ExamplePod(name, space, labels)
    raise ValueError(f"{name} has other labels already")


def simplest_labels(selector: Selector) -> Labels:
    """The smallest set of labels that a selector matches, with the shortest values that it names.

    Raises ValueError for a selector that matches nothing.
    """
    values: dict[str, LabelValues] = {}
    for term in selector.terms:
        values[term.key] = values.get(term.key, ANY_VALUE) & values_of(term)
    chosen = {key: some.example(_NEW) for key, some in values.items() if key != NAME_LABEL}
    return {key: value for key, value in chosen.items() if value is not None}


def _names(names: LabelValues) -> Iterator[str]:
    if not names.is_complement:
        yield from sorted(filter(None, names.listed))
        return
    yield _NEW
    for number in count(2):
        yield f"{_NEW}-{number}"
