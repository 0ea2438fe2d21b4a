"""Namespaces and their labels.

The control plane gives every namespace the label `kubernetes.io/metadata.name`. A namespace that objects name, but that
no Namespace object defines, has only this label.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from operator import and_, or_

from ringfence.model.metadata import Labels
from ringfence.model.selectors import Operator, Selector, Term
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

NAME_LABEL = "kubernetes.io/metadata.name"


class Namespaces:
    """Namespaces by name and by label. `version` grows with every change.

    Each has a number, its bit: a set of namespaces is a bitset, and a selector costs a few operations, however many
    namespaces it matches.
    """

    def __init__(self) -> None:
        self.version = 0
        self._labels: dict[str, Labels] = {}
        self._changed_at: dict[str, int] = {}
        """By name, the version since which a namespace has its labels."""
        self._defined: set[str] = set()
        self._bits: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._everything: Bitset = 0
        self._with_label: defaultdict[str, dict[str, Bitset]] = defaultdict(dict)
        """By label key and value."""
        self._with_key: dict[str, Bitset] = {}

    def define(self, name: str, labels: Labels | None) -> None:
        """Set the labels of a namespace, as its Namespace object gives them."""
        self._defined.add(name)
        # The label wins over what the object says: the control plane sets it (`NamespaceDefaultLabelName`), and
        # manifests may lack it.
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
        if name in self._labels:
            self._unindex(name)
            del self._labels[name], self._changed_at[name]
            bit = self._bits.pop(name)
            del self._names[bit]
            self._everything &= ~(1 << bit)
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

    def changed_since(self, version: int) -> set[str]:
        """The namespaces that have other labels than at a version, or did not exist then; not those that are gone."""
        return {name for name, changed in self._changed_at.items() if changed > version}

    def select(self, selector: Selector) -> Bitset:
        """The namespaces that a selector matches; `named` gives their names."""
        return reduce(and_, map(self._meeting, selector.terms), self._everything)

    def named(self, namespaces: Bitset) -> Iterator[str]:
        """The names of a set of namespaces."""
        return map(self._names.__getitem__, bitsets.members(namespaces))

    @property
    def everything(self) -> Bitset:
        """All namespaces."""
        return self._everything

    def _meeting(self, term: Term) -> Bitset:
        match term.operator:
            case Operator.EXISTS:
                return self._with_key.get(term.key, 0)
            case Operator.DOES_NOT_EXIST:
                # Negative as an integer; `select` intersects it with all namespaces.
                return ~self._with_key.get(term.key, 0)
            case Operator.IN:
                return self._having(term)
            case Operator.NOT_IN:
                return ~self._having(term)

    def _having(self, term: Term) -> Bitset:
        """The namespaces whose label has one of the values of a term."""
        having = self._with_label.get(term.key) or {}
        if len(having) < len(term.values):
            return reduce(or_, (bits for value, bits in having.items() if value in term.values), 0)
        return reduce(or_, (having.get(value, 0) for value in term.values), 0)

    def _relabel(self, name: str, labels: Labels) -> None:
        if self._labels.get(name) == labels:
            return
        if name in self._labels:
            self._unindex(name)
        else:
            self._number(name)
        bit = 1 << self._bits[name]
        for key, value in labels.items():
            self._with_label[key][value] = self._with_label[key].get(value, 0) | bit
            self._with_key[key] = self._with_key.get(key, 0) | bit
        self._labels[name] = labels
        self.version += 1
        self._changed_at[name] = self.version

    def _number(self, name: str) -> None:
        """Give a namespace the lowest bit that no other has."""
        # The lowest zero bit: adding one to a number turns exactly this bit on and the ones below it off.
        bit = (~self._everything & self._everything + 1).bit_length() - 1
        self._bits[name], self._names[bit] = bit, name
        self._everything |= 1 << bit

    def _unindex(self, name: str) -> None:
        keep = ~(1 << self._bits[name])
        for key, value in self._labels[name].items():
            self._with_label[key][value] &= keep
            self._with_key[key] &= keep
            if not self._with_label[key][value]:
                del self._with_label[key][value]
            if not self._with_key[key]:
                del self._with_key[key], self._with_label[key]
