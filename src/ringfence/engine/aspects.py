"""Aspects: what policies read about pods, and which templates it is about.

Most labels are read by no policy: a label key is indexed only while some selector reads it, so that a pod costs no more
for being labelled much.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import cast

from ringfence.engine.facts import HasLabel, LabelFact, LabelIs, StaticFact
from ringfence.engine.identities import Template

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
        self._read: defaultdict[Topic, dict[str | None, LabelFact | None]] = defaultdict(dict)
        """For each topic that is read: the facts of its label by value, and under None that it is there at all."""
        self._having: dict[Topic, defaultdict[str, set[Template]]] = {}
        """For some topics that are read: the templates that have it, by the label's value. Indexed when first used."""

    def begin(self, aspect: Aspect) -> Collection[Template]:
        """One more reads this aspect; the templates about which something is read that was not before."""
        self._readers[aspect] += 1
        if self._readers[aspect] > 1:
            return ()
        topic, value = _topic(aspect)
        self._read[topic][value] = None if isinstance(aspect, tuple) else aspect
        return self._with(topic, value)

    def end(self, aspect: Aspect) -> Collection[Template]:
        """One less reads this aspect; the templates about which something is not read any more."""
        self._readers[aspect] -= 1
        if self._readers[aspect]:
            return ()
        del self._readers[aspect]
        topic, value = _topic(aspect)
        about = self._with(topic, value)
        del self._read[topic][value]
        if not self._read[topic]:
            del self._read[topic]
            self._having.pop(topic, None)
        return about

    def add(self, template: Template) -> None:
        """A template has come: find out what is read about it."""
        template.read_facts = self.facts(template)
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

    def facts(self, template: Template) -> frozenset[StaticFact]:
        """The facts about a template's pods that somebody reads, addresses excepted."""
        read = self._read
        found: set[StaticFact | None] = set()
        for key in template.labels.keys() & read.keys():
            facts = read[key]
            found.add(facts.get(template.labels[key]))
            found.add(facts.get(None))
        found.update(port for port in template.named_ports if (port.name, port.protocol) in read)
        found.discard(None)
        return cast(frozenset[StaticFact], frozenset(found))

    def _with(self, topic: Topic, value: str | None) -> Collection[Template]:
        """The templates that have a topic: with a value of the label, or with whatever value."""
        if not self._templates:
            return ()
        if topic not in self._having:
            self._having[topic] = self._indexed(topic)
        having = self._having[topic]
        if value is None:
            return [template for templates in having.values() for template in templates]
        return list(having.get(value, ()))

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


def _topic(aspect: Aspect) -> tuple[Topic, str | None]:
    match aspect:
        case HasLabel(key):
            return key, None
        case LabelIs(key, value):
            return key, value
        case _:
            return aspect, None


def _topics(template: Template) -> Iterator[tuple[Topic, str]]:
    yield from template.labels.items()
    for topic in {(port.name, port.protocol) for port in template.named_ports}:
        yield topic, ""
