"""Which identities a policy's selectors select: bit operations on the inverted index.

A selection is remembered until the population or the namespaces change; then it is computed again when it is next
asked for, which costs a few bit operations for each of its terms.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_

import msgspec

from ringfence.engine.population import Block, Namespaces, Population, fact_read_by
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
"""What selects pods: a selection, the namespaces that a selector matches, some namespaces, a block over one family."""


class Selections:
    """Evaluates selections over a population."""

    def __init__(self, population: Population, namespaces: Namespaces) -> None:
        self._population = population
        self._namespaces = namespaces
        self._remembered: dict[_Selected, Bitset] = {}
        self._version = (-1, -1)

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

    def in_block(self, block: Block, family: Family) -> Bitset:
        """The identities whose addresses of a family lie in a block."""
        remembered, key = self._current(), (block, family)
        bits = remembered.get(key)
        if bits is None:
            bits = self._population.in_block(block, family)
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

    def _current(self) -> dict[_Selected, Bitset]:
        version = self.version
        if version != self._version:
            self._remembered = {}
            self._version = version
        return self._remembered

    def _scope(self, selection: PodSelection) -> Bitset:
        if selection.namespace is not None:
            return self._population.in_namespace(selection.namespace)
        selector = selection.namespaces or EVERYTHING
        bits = self._remembered.get(selector)
        if bits is None:
            bits = self._remembered[selector] = self._within(self._namespaces.select(selector))
        return bits

    def _within(self, namespaces: Bitset) -> Bitset:
        """The identities of some namespaces; thousands of selectors may match the same ones."""
        bits = self._remembered.get(namespaces)
        if bits is None:
            others = self._namespaces.everything & ~namespaces
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
        bits = self._population.selectable
        for term in selector.terms:
            bits &= self._meeting(term)
            if not bits:  # a selector can have 80,000 terms, of which no pod meets the first
                return 0
        return bits

    def _meeting(self, term: Term) -> Bitset:
        holding = self._population.holding(fact_read_by(term))
        return holding if term.operator in (Operator.EXISTS, Operator.IN) else ~holding
