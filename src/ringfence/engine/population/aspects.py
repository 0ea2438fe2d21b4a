"""Aspects: what policies read about pods, and which templates it is about.

Most labels are read by no policy: a label key is indexed only while some selector reads it, so that a pod costs no more
for being labelled much.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

from ringfence.engine.population.facts import HasLabel, LabelFact, LabelIn, StaticFact
from ringfence.engine.population.identities import Template

PortName = tuple[str, str]
"""A named port as a rule writes it: name and protocol. The number is the destination pod's business."""

Aspect = LabelFact | PortName
"""What can be read: a fact about labels, or what number a pod gives to a port name."""

Topic = str | PortName
"""What an aspect is about: a label key, or a port name."""


class Reading:
    """What is read about templates, and which templates it is about."""

    def __init__(self, templates: Mapping[Hashable, Template]) -> None:
        """`templates` are all there are, and are told one by one when they come (`add`) and go (`remove`)."""
        self._templates = templates
        self._readers: Counter[Aspect] = Counter()
        self._read: defaultdict[Topic, defaultdict[str | None, set[LabelFact]]] = defaultdict(lambda: defaultdict(set))
        """For each topic that is read: the facts of its label by value, and under None that it is there at all."""
        self._having: dict[Topic, defaultdict[str, set[Template]]] = {}
        """For some topics that are read: the templates that have it, by the label's value. Indexed when first used."""

    def begin(self, aspect: Aspect) -> Collection[Template]:
        """One more reads this aspect; the templates about which something is read that was not before."""
        self._readers[aspect] += 1
        if self._readers[aspect] > 1:
            return ()
        read = self._read[_topic(aspect)]
        for value in _values(aspect):
            read[value].update(() if isinstance(aspect, tuple) else (aspect,))
        return self._told(aspect, begins=True)

    def end(self, aspect: Aspect) -> Collection[Template]:
        """One less reads this aspect; the templates about which something is not read any more."""
        self._readers[aspect] -= 1
        if self._readers[aspect]:
            return ()
        del self._readers[aspect]
        topic, read = _topic(aspect), self._read[_topic(aspect)]
        for value in _values(aspect):
            read[value].difference_update(() if isinstance(aspect, tuple) else (aspect,))
            if not read[value]:
                del read[value]
        if not read:
            del self._read[topic]
        about = self._told(aspect, begins=False)
        if not read:
            self._having.pop(topic, None)
        return about

    def add(self, template: Template) -> None:
        """A template has come: find out what is read about it."""
        template.read_facts = self._facts(template)
        if self._having:
            for topic, value in _topics(template):
                if topic in self._having:
                    self._having[topic][value].add(template)

    def remove(self, template: Template) -> None:
        """A template has gone."""
        for topic, value in _topics(template):
            if topic in self._having:
                self._having[topic][value].discard(template)
                if not self._having[topic][value]:
                    del self._having[topic][value]

    def _facts(self, template: Template) -> frozenset[StaticFact]:
        """The facts about a template's pods that somebody reads, addresses excepted."""
        read = self._read
        found: set[StaticFact] = set()
        for key in template.labels.keys() & read.keys():
            facts = read[key]
            found.update(facts.get(template.labels[key], ()), facts.get(None, ()))
        found.update(port for port in template.named_ports if (port.name, port.protocol) in read)
        return frozenset(found)

    def _told(self, aspect: Aspect, *, begins: bool) -> Collection[Template]:
        """The templates that an aspect is about, after they were told that it is read now, or is not any more."""
        about = self._about(aspect)
        if isinstance(aspect, tuple):
            for template in about:
                template.read_facts = self._facts(template)
            return about
        change = frozenset.union if begins else frozenset.difference
        changed: dict[frozenset[StaticFact], frozenset[StaticFact]] = {}
        for template in about:
            before = template.read_facts
            if before not in changed:
                changed[before] = change(before, (aspect,))
            template.read_facts = changed[before]
        return about

    def _about(self, aspect: Aspect) -> list[Template]:
        topic = _topic(aspect)
        if isinstance(aspect, HasLabel) and topic not in self._having:
            return [template for template in self._templates.values() if aspect.key in template.labels]
        if not self._templates:
            return []
        if topic not in self._having:
            self._having[topic] = self._indexed(topic)
        having = self._having[topic]
        values: Iterable[str | None] = having if None in _values(aspect) else _values(aspect)
        return [template for value in values for template in having.get(value or "", ())]

    def _indexed(self, topic: Topic) -> defaultdict[str, set[Template]]:
        having: defaultdict[str, set[Template]] = defaultdict(set)
        if isinstance(topic, str):
            for template in self._templates.values():
                if (value := template.labels.get(topic)) is not None:
                    having[value].add(template)
        else:
            for template in self._templates.values():
                if any((port.name, port.protocol) == topic for port in template.named_ports):
                    having[""].add(template)
        return having


def _topic(aspect: Aspect) -> Topic:
    return aspect if isinstance(aspect, tuple) else aspect.key


def _values(aspect: Aspect) -> Collection[str | None]:
    """The values of a label that an aspect is about; None is any."""
    return aspect.values if isinstance(aspect, LabelIn) else (None,)


def _topics(template: Template) -> Iterator[tuple[Topic, str]]:
    yield from template.labels.items()
    for topic in {(port.name, port.protocol) for port in template.named_ports}:
        yield topic, ""
