"""Which identities a policy's selectors select: bit operations on the inverted index.

A selection is cached until the population or the namespaces change. It is then computed again when it is next needed,
which costs a few bit operations for each of its terms.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

import msgspec

from ringfence.engine.population import Block, Identity, Namespaces, Population, fact_read_by
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset


class PodSelection(msgspec.Struct, frozen=True, cache_hash=True):
    """The pods of some namespaces that a pod selector matches.

    The namespaces are one by name (a policy's own) or those that a selector matches; exactly one of the two is given.
    """

    pods: Selector
    namespace: str | None = None
    namespaces: Selector | None = None
    owned: bool = False
    """Whether pods without ownerReferences are left out."""


_Selected = PodSelection | Selector | Bitset | tuple[Block, Family]
"""The key of a cached bitset: a selection, a selector of namespaces, some namespaces, or a block over one family."""


class Selections:
    """Evaluates selections over a population."""

    def __init__(self, population: Population, namespaces: Namespaces) -> None:
        self._population = population
        self._namespaces = namespaces
        self._remembered: dict[_Selected, Bitset] = {}
        self._matched: dict[Selector, Bitset] = {}
        """The pods that selectors match, in whatever namespace: many policies name the same labels."""
        self._spaces: dict[Selector, Bitset] = {}
        """The namespaces that selectors match: pods that come and go do not change them."""
        self._version = (-1, -1)
        self._last: IdentitySelections | None = None
        """What selects the identity that was last asked about: questions about both directions follow each other."""

    def of(self, identity: Identity) -> "IdentitySelections":
        """Which selections select one identity, without evaluating them for all others."""
        self._current()
        if self._last is None or self._last.identity is not identity:
            self._last = IdentitySelections(identity, self._namespaces)
        return self._last

    def pods(self, selection: PodSelection) -> Bitset:
        """The identities that a selection selects. HostNetwork pods are never among them."""
        remembered = self._current()
        bits = remembered.get(selection)
        if bits is None:
            bits = self._scope(selection) & self._matching(selection.pods)
            if selection.owned:
                bits &= ~self._population.standalone
            remembered[selection] = bits
        return bits

    @property
    def computed(self) -> Mapping[_Selected, Bitset]:
        """The identities that selections select, as `pods`, as far as they are computed already."""
        return self._current()

    def in_block(self, block: Block, family: Family) -> Bitset:
        """The identities whose addresses of a family lie in a block."""
        remembered, key = self._current(), (block, family)
        bits = remembered.get(key)
        if bits is None:
            bits = self._population.in_block(block, family)
            # `selectable` are the pods with a network of their own; the others are hostNetwork pods, which have the
            # addresses of nodes.
            if not block.pods:
                bits &= ~self._population.selectable
            if not block.nodes:
                bits &= self._population.selectable
            remembered[key] = bits
        return bits

    def union(self, selections: Iterable[PodSelection]) -> Bitset:
        """The identities that any of `selections` selects."""
        return reduce(or_, map(self.pods, selections), 0)

    @property
    def everyone(self) -> Bitset:
        """All identities of the population."""
        return self._population.everyone

    @property
    def version(self) -> tuple[int, int]:
        """Changes whenever any selection may have changed."""
        return (self._population.version, self._namespaces.version)

    @property
    def namespaces_version(self) -> int:
        """Changes whenever a selector of namespaces may match others than before."""
        return self._namespaces.version

    def namespaces_changed_since(self, version: int) -> set[str]:
        """The namespaces whose labels have changed since `version` was that of namespaces."""
        return self._namespaces.changed_since(version)

    def _current(self) -> dict[_Selected, Bitset]:
        version = self.version
        if version != self._version:
            self._remembered = {}
            self._matched = {}
            self._last = None
            if version[1] != self._version[1]:
                self._spaces = {}
            self._version = version
        return self._remembered

    def _scope(self, selection: PodSelection) -> Bitset:
        if selection.namespace is not None:
            return self._population.in_namespace(selection.namespace)
        selector = selection.namespaces or EVERYTHING
        bits = self._remembered.get(selector)
        if bits is None:
            if selector not in self._spaces:
                self._spaces[selector] = self._namespaces.select(selector)
            bits = self._remembered[selector] = self._within(self._spaces[selector])
        return bits

    def _within(self, namespaces: Bitset) -> Bitset:
        """The identities of some namespaces; thousands of selectors may match the same ones."""
        bits = self._remembered.get(namespaces)
        if bits is None:
            others = self._namespaces.everything & ~namespaces
            # A selector such as `env!=dev` matches nearly all namespaces: the union of the few others takes fewer
            # steps.
            if others.bit_count() < namespaces.bit_count():
                bits = self._population.selectable & ~self._union_of(others)
            else:
                bits = self._union_of(namespaces)
            self._remembered[namespaces] = bits
        return bits

    def _union_of(self, namespaces: Bitset) -> Bitset:
        names = self._namespaces.named(namespaces)
        return reduce(or_, map(self._population.in_namespace, names), 0)

    def _matching(self, selector: Selector) -> Bitset:
        if selector not in self._matched:
            self._matched[selector] = self._meeting_all(selector)
        return self._matched[selector]

    def _meeting_all(self, selector: Selector) -> Bitset:
        bits = self._population.selectable
        for term in selector.terms:
            bits &= self._meeting(term)
            if not bits:  # a selector can have 80,000 terms, of which no pod meets the first
                return 0
        return bits

    def _meeting(self, term: Term) -> Bitset:
        holding = self._population.holding(fact_read_by(term))
        # The complement is infinite as an integer (negative); it is only ever intersected with `selectable`.
        return holding if term.operator in (Operator.EXISTS, Operator.IN) else ~holding


class IdentitySelections:
    """Which selections select one identity: as `Selections` for all identities, but by what is known of this one.

    Each selector is evaluated once, however many selections have it in common.
    """

    def __init__(self, identity: Identity, namespaces: Namespaces) -> None:
        self.identity = identity
        self._labels = identity.template.labels
        self._labels_of_namespace = namespaces.labels(identity.namespace)
        self._matching: dict[Selector, bool] = {}
        self._containing: dict[Selector, bool] = {}
        """Whether the selectors of namespaces match that of the identity."""

    def in_any(self, selections: Iterable[PodSelection]) -> bool:
        """Whether any of some selections selects the identity."""
        for selection in selections:
            if selection.namespace is None:
                selector = selection.namespaces or EVERYTHING
                is_within = self._containing.get(selector)
                if is_within is None:
                    is_within = self._containing[selector] = selector.matches(self._labels_of_namespace)
            else:
                is_within = selection.namespace == self.identity.namespace
            if is_within and self.matches(selection):
                return True
        return False

    def matches(self, selection: PodSelection) -> bool:
        """Whether a selection selects the identity, which is in one of its namespaces."""
        left_out = self.identity.host_network or (selection.owned and self.identity.template.standalone)
        return not left_out and self._is_matched_by(selection.pods)

    def in_block(self, block: Block, family: Family) -> bool:
        """Whether the addresses of the identity of one family lie in a block, as `Selections.in_block` says."""
        if not (block.nodes if self.identity.host_network else block.pods):
            return False
        bounds = self.identity.bounds
        if not bounds:
            return block.covers_family
        # All its pods lie in the same of the blocks that policies read, so one address represents all.
        return family in bounds and block.addresses.contains(family, bounds[family][0])

    def _is_matched_by(self, selector: Selector) -> bool:
        found = self._matching.get(selector)
        if found is None:
            found = self._matching[selector] = selector.matches(self._labels)
        return found
