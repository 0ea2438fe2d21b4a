"""Which facts policies read, and for which pods these facts hold.

Policies read few of the labels that pods have. A label key is indexed only while some selector reads it, so the cost of
a pod does not grow with the number of its labels.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping

from ringfence.engine.population.facts import HasLabel, LabelFact, LabelIn, StaticFact
from ringfence.engine.population.identities import Template

PortName = tuple[str, str]
"""A named port as a rule writes it: name and protocol. The destination pod decides which number it stands for."""

ReadableFact = LabelFact | PortName
"""What a policy can read: a fact about a label, or a port name, which is one fact for each number that pods give it."""

FactKey = str | PortName
"""What a fact is about: a label key or a port name."""


class ReadFacts:
    """The facts that are read, and for each template those of them that hold (`Template.read_facts`)."""

    def __init__(self, templates: Mapping[Hashable, Template]) -> None:
        """Keep the facts of `templates`. The owner of the mapping reports additions (`add`) and removals (`remove`)."""
        self._templates = templates
        self._readers: Counter[ReadableFact] = Counter()
        self._read: defaultdict[FactKey, defaultdict[str | None, set[LabelFact]]]
        self._read = defaultdict(lambda: defaultdict(set))
        """The facts that are read, by key and by label value; under None those that hold for any value."""
        self._having: dict[FactKey, defaultdict[str, set[Template]]] = {}
        """The templates that have a label or a port name, by label value.

        A key is indexed when it is first used: building the index costs a pass over all templates, and a key that only
        `Exists` terms read never needs it.
        """

    def start_reading(self, fact: ReadableFact) -> Collection[Template]:
        """Add one reader of a fact; return the templates for which another fact is read than before."""
        self._readers[fact] += 1
        if self._readers[fact] > 1:
            return ()
        read = self._read[_key(fact)]
        for value in _values(fact):
            # A port name needs the empty set, too: its presence says that the name is read.
            read[value].update(() if isinstance(fact, tuple) else (fact,))
        return self._update_templates(fact, starts=True)

    def stop_reading(self, fact: ReadableFact) -> Collection[Template]:
        """Remove one reader of a fact; return the templates for which fewer facts are read than before."""
        self._readers[fact] -= 1
        if self._readers[fact]:
            return ()
        del self._readers[fact]
        key, read = _key(fact), self._read[_key(fact)]
        for value in _values(fact):
            read[value].difference_update(() if isinstance(fact, tuple) else (fact,))
            if not read[value]:
                del read[value]
        if not read:
            del self._read[key]
        affected = self._update_templates(fact, starts=False)
        if not read:
            self._having.pop(key, None)
        return affected

    def values_read(self, key: str) -> Collection[str]:
        """The values of a label that terms name."""
        return [value for value in self._read.get(key, ()) if value is not None]

    def add(self, template: Template) -> None:
        """Find the read facts of a new template."""
        template.read_facts = self._facts(template)
        if self._having:
            for key, value in _keys(template):
                if key in self._having:
                    self._having[key][value].add(template)

    def remove(self, template: Template) -> None:
        """Remove a template from the indexes."""
        for key, value in _keys(template):
            if key in self._having:
                self._having[key][value].discard(template)
                if not self._having[key][value]:
                    del self._having[key][value]

    def _facts(self, template: Template) -> frozenset[StaticFact]:
        """The read facts that hold for a template's pods, except those about addresses."""
        read = self._read
        found: set[StaticFact] = set()
        for key in template.labels.keys() & read.keys():
            facts = read[key]
            found.update(facts.get(template.labels[key], ()), facts.get(None, ()))
        found.update(port for port in template.named_ports if (port.name, port.protocol) in read)
        return frozenset(found)

    def _update_templates(self, fact: ReadableFact, *, starts: bool) -> Collection[Template]:
        """Add a fact to, or remove it from, the read facts of the templates for which it holds; return these."""
        affected = self._holding(fact)
        if isinstance(fact, tuple):
            for template in affected:
                template.read_facts = self._facts(template)
            return affected
        change = frozenset.union if starts else frozenset.difference
        # Many templates share a set of facts. Computing each new set once keeps it shared: it costs memory once, and
        # a frozenset computes its hash once (facts are part of the key of an identity).
        changed: dict[frozenset[StaticFact], frozenset[StaticFact]] = {}
        for template in affected:
            before = template.read_facts
            if before not in changed:
                changed[before] = change(before, (fact,))
            template.read_facts = changed[before]
        return affected

    def _holding(self, fact: ReadableFact) -> list[Template]:
        """The templates for which a fact holds; for a port name, those that have a port of this name."""
        key = _key(fact)
        if isinstance(fact, HasLabel) and key not in self._having:
            return [template for template in self._templates.values() if fact.key in template.labels]
        if not self._templates:
            return []
        if key not in self._having:
            self._having[key] = self._index(key)
        having = self._having[key]
        if isinstance(fact, HasLabel):
            return [template for templates in having.values() for template in templates]
        if isinstance(fact, LabelIn):
            return [template for value in fact.values for template in having.get(value, ())]
        return list(having.get("", ()))

    def _index(self, key: FactKey) -> defaultdict[str, set[Template]]:
        having: defaultdict[str, set[Template]] = defaultdict(set)
        if isinstance(key, str):
            for template in self._templates.values():
                if (value := template.labels.get(key)) is not None:
                    having[value].add(template)
        else:
            for template in self._templates.values():
                if any((port.name, port.protocol) == key for port in template.named_ports):
                    having[""].add(template)
        return having


def _key(fact: ReadableFact) -> FactKey:
    return fact if isinstance(fact, tuple) else fact.key


def _values(fact: ReadableFact) -> Collection[str | None]:
    """The label values for which a fact holds; None stands for any value."""
    return fact.values if isinstance(fact, LabelIn) else (None,)


def _keys(template: Template) -> Iterator[tuple[FactKey, str]]:
    """The keys under which a template is indexed, each with its label value (empty for a port name)."""
    yield from template.labels.items()
    for name in {(port.name, port.protocol) for port in template.named_ports}:
        yield name, ""
