"""The inverted index: for each label value and port name that policies read, the identities whose pods have it.

An identity is indexed by one of its templates, since all of them agree on every fact that is read. A fact about several
values is the union of them, and is not indexed itself: policies can read many facts about one value.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final, TypeVar

from ringfence.engine.population.facts import HasLabel, StaticFact
from ringfence.engine.population.identities import Identity
from ringfence.engine.population.pods import NamedPort, PortName
from ringfence.engine.population.read_facts import ANY_VALUE, ReadFacts, ReadingChange
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

_NO_VALUES: Final[dict[str | None, Bitset]] = {}
_NO_PORTS: Final[dict[int, Bitset]] = {}


class FactIndex:
    """Sets of identities, by the facts that hold for them."""

    def __init__(self, read_facts: ReadFacts) -> None:
        self._read_facts = read_facts
        self._labels: defaultdict[str, dict[str | None, Bitset]] = defaultdict(dict)
        self._ports: defaultdict[PortName, dict[int, Bitset]] = defaultdict(dict)

    def holding(self, fact: StaticFact) -> Bitset:
        """The identities for which a fact holds. The fact must be read by some policy."""
        if isinstance(fact, NamedPort):
            return self._ports.get((fact.name, fact.protocol), _NO_PORTS).get(fact.port, 0)
        values = self._labels.get(fact.key, _NO_VALUES)
        if isinstance(fact, HasLabel):
            return values.get(ANY_VALUE, 0)
        # A term can name thousands of values of which pods have few: the shorter side is walked over.
        if len(fact.values) > len(values):
            return reduce(or_, (bits for value, bits in values.items() if value in fact.values), 0)
        return reduce(or_, (values.get(value, 0) for value in fact.values), 0)

    def ports_named(self, name: PortName) -> Iterable[NamedPort]:
        """The different numbers that pods give to a port name that is read."""
        return [NamedPort(*name, port) for port in self._ports.get(name, ())]

    def add(self, identity: Identity) -> None:
        """Index an identity by its template."""
        bit, template = 1 << identity.bit, identity.template
        for key, value in self._read_facts.labels_read(template):
            self._labels[key][value] = self._labels[key].get(value, 0) | bit
        for name in self._read_facts.names_read(template):
            for port in template.ports[name]:
                self._ports[name][port] = self._ports[name].get(port, 0) | bit

    def remove(self, identity: Identity) -> None:
        """Remove an identity, which has the template by which it is indexed."""
        keep, template = ~(1 << identity.bit), identity.template
        for key, value in self._read_facts.labels_read(template):
            _clear(self._labels, key, value, keep)
        for name in self._read_facts.names_read(template):
            for port in template.ports[name]:
                _clear(self._ports, name, port, keep)

    def start_reading(self, change: ReadingChange) -> None:
        """Index facts that are read for the first time; only templates whose facts have changed need it."""
        if not change.templates:
            return
        values, names = set(change.values), set(change.names)
        keys = {key for key, _ in values}
        for template in change.templates:
            # Only identities that this template represents: the others are indexed by their own one.
            bits = bitsets.of(one.bit for one in template.identities.values() if one.template is template)
            for key in template.labels.keys() & keys if bits else ():
                for value in (template.labels[key], ANY_VALUE):
                    if (key, value) in values:
                        self._labels[key][value] = self._labels[key].get(value, 0) | bits
            for name in template.ports.keys() & names if bits else ():
                for port in template.ports[name]:
                    self._ports[name][port] = self._ports[name].get(port, 0) | bits

    def stop_reading(self, change: ReadingChange) -> None:
        """Remove what is no longer read."""
        for key, value in change.values:
            self._labels[key].pop(value, None)
            if not self._labels[key]:
                del self._labels[key]
        for name in change.names:
            self._ports.pop(name, None)


_Name = TypeVar("_Name")
_Entry = TypeVar("_Entry")


def _clear(index: dict[_Name, dict[_Entry, Bitset]], name: _Name, entry: _Entry, keep: Bitset) -> None:
    left = index[name][entry] & keep
    if left:
        index[name][entry] = left
        return
    del index[name][entry]
    if not index[name]:
        del index[name]
