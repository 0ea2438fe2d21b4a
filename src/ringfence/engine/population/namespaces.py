"""Namespaces and their labels.

The control plane gives every namespace the label `kubernetes.io/metadata.name`. A namespace that objects name, but that
no Namespace object defines, has only this label.
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
        """Set the labels of a namespace, as its Namespace object gives them."""
        self._defined.add(name)
        self._relabel(name, {**(labels or {}), NAME_LABEL: name})

    def undefine(self, name: str) -> None:
        """Remove a Namespace object. The namespace stays, because it may still contain objects."""
        if name in self._defined:
            self._defined.discard(name)
            self._relabel(name, {NAME_LABEL: name})

    def mention(self, name: str) -> None:
        """Note that some object is in this namespace, so the namespace exists even if no object defines it."""
        if name not in self._labels:
            self._relabel(name, {NAME_LABEL: name})

    def forget(self, name: str) -> None:
        """Undo `mention`, for a namespace that no object defines and no object is in."""
        self._with_label[NAME_LABEL, name].discard(name)
        if self._labels.pop(name, None) is not None:
            self.version += 1

    def exists(self, name: str) -> bool:
        """Whether some object defines the namespace or is in it."""
        return name in self._labels

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
        """The namespaces that a selector matches. An `In` term limits the search to namespaces with these values."""
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
