"""Sets of identities: all of them, those of a namespace or an address family, and those for which a fact holds."""

from collections import defaultdict

from ringfence.engine.population.address_index import AddressIndex
from ringfence.engine.population.fact_index import FactIndex
from ringfence.engine.population.identities import Identity
from ringfence.engine.population.read_facts import ReadFacts
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


class Indexes:
    """The identities of a population, by everything that selections read."""

    def __init__(self, read_facts: ReadFacts) -> None:
        self.everyone: Bitset = 0
        self.selectable: Bitset = 0
        """The identities that a selector can select: all but those of hostNetwork pods."""
        self.standalone: Bitset = 0
        """The identities of pods without ownerReferences."""
        self.in_namespace: defaultdict[str, Bitset] = defaultdict(int)
        """Without those of hostNetwork pods."""
        self.in_family: dict[Family, Bitset] = dict.fromkeys(FAMILIES, 0)
        self.by_fact = FactIndex(read_facts)
        self.by_address = AddressIndex()

    def add(self, identity: Identity) -> None:
        """Add an identity, which has the bounds of its first pods."""
        bit = 1 << identity.bit
        self.everyone |= bit
        for family in identity.families:
            self.in_family[family] |= bit
        if not identity.host_network:
            self.selectable |= bit
            if identity.template.standalone:
                self.standalone |= bit
            self.in_namespace[identity.namespace] |= bit
        self.by_fact.add(identity)
        self.by_address.add(identity)

    def remove(self, identity: Identity) -> None:
        """Remove an identity."""
        keep = ~(1 << identity.bit)
        self.everyone &= keep
        for family in identity.families:
            self.in_family[family] &= keep
        if not identity.host_network:
            self.selectable &= keep
            self.standalone &= keep
            self.in_namespace[identity.namespace] &= keep
            if not self.in_namespace[identity.namespace]:
                del self.in_namespace[identity.namespace]
        self.by_fact.remove(identity)
        self.by_address.remove(identity)
