"""Namespaces and their labels.

The control plane gives every namespace the label `kubernetes.io/metadata.name`; a namespace that no object defines, but
in which something lives, has that label alone.
"""

from collections import defaultdict

from ringfence.model.objects import Labels
from ringfence.model.selectors import EVERYTHING, Operator, Selector

NAME_LABEL = "kubernetes.io/metadata.name"


class Namespaces:
    """Namespaces by name and by label. `version` grows with every change."""

    def __init__(self) -> None:
        self.version = 0
        self._labels: dict[str, Labels] = {}
        self._defined: set[str] = set()
        self._with_label: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def define(self, name: str, labels: Labels | None) -> None:
        """A Namespace object says what labels a namespace has."""
        self._defined.add(name)
        self._relabel(name, {**(labels or {}), NAME_LABEL: name})

    def undefine(self, name: str) -> None:
        """The Namespace object is gone; what lives in the namespace may still be there."""
        if name in self._defined:
            self._defined.discard(name)
            self._relabel(name, {NAME_LABEL: name})

    def mention(self, name: str) -> None:
        """Something lives in the namespace: it exists, whether or not an object defines it."""
        if name not in self._labels:
            self._relabel(name, {NAME_LABEL: name})

    def labels(self, name: str) -> Labels:
        """The labels of a namespace."""
        return self._labels.get(name) or {NAME_LABEL: name}

    def is_defined(self, name: str) -> bool:
        """Whether a Namespace object defines it."""
        return name in self._defined

    def names(self) -> list[str]:
        """Every namespace, in alphabetical order."""
        return sorted(self._labels)

    def select(self, selector: Selector) -> list[str]:
        """The namespaces that a selector matches. One that asks for a value looks at those that have it only."""
        if selector == EVERYTHING:
            return list(self._labels)
        candidates = min(
            (
                {name for value in term.values for name in self._with_label.get((term.key, value), ())}
                for term in selector.terms
                if term.operator is Operator.IN
            ),
            key=len,
            default=self._labels.keys(),
        )
        return [name for name in candidates if selector.matches(self._labels[name])]

    def _relabel(self, name: str, labels: Labels) -> None:
        if self._labels.get(name) == labels:
            return
        for label in self._labels.get(name, {}).items():
            self._with_label[label].discard(name)
        for label in labels.items():
            self._with_label[label].add(name)
        self._labels[name] = labels
        self.version += 1
