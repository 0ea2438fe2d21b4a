"""Which facts policies read, and the mark of those that hold for a pod's template.

Policies read few of the labels that pods have. A label key is indexed only while some selector reads it, so the cost of
a pod does not grow with the number of its labels. Facts come and go by the policy: however many facts that are, they
cost one pass over the templates at most.

Pods have few of the labels that a policy can read: it may name 80,000. A fact about a label key or a port name that
no template has is only counted (`unused_facts`), until the first template has this key or name.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Set
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

from ringfence.engine.population.facts import LabelFact, LabelIn, ReadableFact
from ringfence.engine.population.identities import Template
from ringfence.engine.population.marks import NO_FACTS, Mark, new_mark
from ringfence.engine.population.pods import PortName
from ringfence.engine.population.unused_facts import FactKey, UnusedFacts, key_of

MANY_VALUES: Final = 500
"""Values of one fact that are not indexed one by one: a term can have 160,000, and pods have few of them."""

ANY_VALUE: Final = None
"""Stands for the value of a label where a fact holds for all of them."""

_NO_VALUES: Final[dict[str | None, Mark]] = {}

LabelValue = tuple[str, str | None]
"""A label key with a value, or with `ANY_VALUE`."""


class ReadingChange(NamedTuple):
    """What changes when facts are read, or no longer read.

    `templates` are those for which other facts hold than before. `values` are the label values about which some fact is
    now read and none was before, or the other way round; `names` are port names of the same kind.
    """

    templates: Collection[Template]
    values: Collection[LabelValue]
    names: Collection[PortName]


_NO_CHANGE: Final = ReadingChange((), (), ())


class _Outline:
    """What templates with the same label keys and named ports share: a cluster has few of them, and many templates."""

    __slots__ = ("keys_of_many", "marks_of_labels", "shared_mark", "templates", "version")

    def __init__(self) -> None:
        self.templates = 0
        """How many templates there are."""
        self.version = -1
        """The version of the read facts for which the others hold."""
        self.shared_mark: Mark = NO_FACTS
        """The mark of the facts that hold for all of them: about named ports, and about labels with any value."""
        self.marks_of_labels: list[tuple[str, Mapping[str | None, Mark]]] = []
        """The label keys about which some other fact is read, with the marks by label value."""
        self.keys_of_many: list[str] = []
        """The label keys about which some fact about many values is read."""


class ReadFacts:
    """The facts that are read, and for each template the mark of those of them that hold (`Template.mark`)."""

    def __init__(self, templates: Mapping[Hashable, Template]) -> None:
        """Mark `templates`. The owner of the mapping reports additions (`add`) and removals (`remove`)."""
        self._templates = templates
        self._readers: Counter[ReadableFact] = Counter()
        self._version = 0
        """Grows when facts begin or cease to be read."""
        self._outlines: dict[Hashable, _Outline] = {}
        """By the label keys and the named ports of templates."""
        self._present: Counter[FactKey] = Counter()
        """How many outlines have each label key and port name."""
        self._unused = UnusedFacts()
        self._mark_of: dict[LabelFact, Mark] = {}
        self._labels: dict[str, dict[str | None, Mark]] = {}
        """By label key and value, the mark of the read facts that hold; under `ANY_VALUE` of those for any value.

        Facts about many values are not among them.
        """
        self._of_many: defaultdict[str, dict[LabelIn, Mark]] = defaultdict(dict)
        """By label key, the marks of the facts about many values."""
        self._ports: dict[PortName, defaultdict[int, Mark]] = {}
        """By port name that is read and number, the mark of the fact that a pod has this port."""
        self._having: dict[FactKey, defaultdict[str, set[Template]]] = {}
        """The templates that have a label or a port name, by label value.

        A key is indexed when it is first used: building the index costs a pass over all templates, and a key that only
        `Exists` terms read never needs it.
        """

    def start_reading(self, facts: Iterable[ReadableFact]) -> ReadingChange:
        """Add one reader to each fact."""
        listed = list(facts)
        started = [fact for fact in dict.fromkeys(listed) if fact not in self._readers]
        self._readers.update(listed)
        used: list[ReadableFact] = []
        for fact in started:
            if key_of(fact) in self._present:
                used.append(fact)
            else:
                self._unused.add(fact)
        if not used:  # as with most policies: others read the same facts, or no pod has such labels
            return _NO_CHANGE
        labels, names = _divided(used)
        self._start(labels, names)
        return self._change(labels, names)

    def stop_reading(self, facts: Iterable[ReadableFact]) -> ReadingChange:
        """Remove one reader from each fact."""
        stopped: list[ReadableFact] = []
        for fact in facts:
            readers = self._readers[fact]
            if readers == 1:
                del self._readers[fact]
                stopped.append(fact)
            else:
                self._readers[fact] = readers - 1
        labels, names = _divided([fact for fact in stopped if not self._unused.discard(fact)])
        self._version += 1
        change = self._change(labels, names)
        for fact in labels:
            del self._mark_of[fact]
        for name in names:
            del self._ports[name]
            self._having.pop(name, None)
        for key in {fact.key for fact in labels} - self._labels.keys() - self._of_many.keys():
            self._having.pop(key, None)
        return change

    def values_read(self, key: str) -> Collection[str]:
        """The values of a label that terms name."""
        others = (*self._unused.about(key), *self._of_many.get(key, ()))
        named = (value for fact in others if isinstance(fact, LabelIn) for value in fact.values)
        return {value for value in (*self._labels.get(key, ()), *named) if value is not None}

    def add(self, template: Template) -> None:
        """Mark a new template."""
        key = _outline_key(template)
        outline = self._outlines.get(key)
        if outline is None:
            outline = self._outlines[key] = _Outline()
            keys: list[FactKey] = [*template.labels, *template.ports]
            new = [one for one in keys if one not in self._present]
            self._present.update(keys)
            if new:
                self._use(new)
        outline.templates += 1
        template.mark = self._mark(template, outline)
        if self._having:
            for having, value in _keys(template):
                if having in self._having:
                    self._having[having][value].add(template)

    def remove(self, template: Template) -> None:
        """Remove a template from the indexes."""
        for key, value in _keys(template) if self._having else ():
            if key in self._having:
                self._having[key][value].discard(template)
                if not self._having[key][value]:
                    del self._having[key][value]
        outline_key = _outline_key(template)
        outline = self._outlines[outline_key]
        outline.templates -= 1
        if not outline.templates:
            del self._outlines[outline_key]
            for key, _ in _keys(template):
                self._present[key] -= 1
                if not self._present[key]:
                    del self._present[key]

    def _start(self, labels: Iterable[LabelFact], names: Iterable[PortName]) -> None:
        self._version += 1
        self._mark_of.update((fact, new_mark()) for fact in labels)
        self._ports.update((name, defaultdict(new_mark)) for name in names)

    def _use(self, keys: Iterable[FactKey]) -> None:
        """Read the facts about keys that no template had; so no template's mark is different then."""
        labels, names = _divided([fact for key in keys for fact in self._unused.take(key)])
        self._start(labels, names)
        few, many = _by_number_of_values(labels)
        for key, change in self._changes_of_values(few).items():
            self._combine(key, change)
        for fact in many:
            self._having.setdefault(fact.key, defaultdict(set))
            self._of_many[fact.key][fact] = self._mark_of[fact]

    def labels_read(self, template: Template) -> Iterator[LabelValue]:
        """The label values of a template about which some fact is read."""
        for key in template.labels.keys() & self._labels.keys():
            values, value = self._labels[key], template.labels[key]
            if value in values:
                yield key, value
            if ANY_VALUE in values:
                yield key, ANY_VALUE
        for key in template.labels.keys() & self._of_many.keys() if self._of_many else ():
            value = template.labels[key]
            if value not in self._labels.get(key, ()) and self._is_one_of_many(key, value):
                yield key, value

    def names_read(self, template: Template) -> Iterable[PortName]:
        """The port names of a template that are read."""
        return template.ports.keys() & self._ports.keys()

    def _mark(self, template: Template, outline: _Outline) -> Mark:
        if outline.version != self._version:
            self._update(outline, template)
        mark, labels = outline.shared_mark, template.labels
        for key, marks in outline.marks_of_labels:
            mark ^= marks.get(labels[key], NO_FACTS)
        for key in outline.keys_of_many:
            value = labels[key]
            mark ^= reduce(xor, (own for fact, own in self._of_many[key].items() if value in fact.values), NO_FACTS)
        return mark

    def _update(self, outline: _Outline, template: Template) -> None:
        """Find what templates with the label keys and the named ports of this one share."""
        outline.version = self._version
        outline.marks_of_labels = [(key, self._labels[key]) for key in template.labels if key in self._labels]
        outline.keys_of_many = [key for key in template.labels if key in self._of_many]
        ports = [self._mark_of_ports(template, name) for name in self.names_read(template)]
        with_any_value = [marks.get(ANY_VALUE, NO_FACTS) for _, marks in outline.marks_of_labels]
        outline.shared_mark = reduce(xor, (*ports, *with_any_value), NO_FACTS)

    def _mark_of_ports(self, template: Template, name: PortName) -> Mark:
        mark = NO_FACTS
        for number in template.ports[name]:
            mark ^= self._ports[name][number]
        return mark

    def _change(self, labels: Iterable[LabelFact], names: Collection[PortName]) -> ReadingChange:
        """Start or stop reading facts, which is the same for marks."""
        few, many = _by_number_of_values(labels)
        changes = self._changes_of_values(few)
        new: set[FactKey] = {fact.key for fact in many}
        self._index(new - self._having.keys())
        before = {key: self._present_and_read(key) for key in changes.keys() & self._of_many.keys()}
        before |= {fact.key: self._present_and_read(fact.key) for fact in many}
        values = [(key, value) for key, change in changes.items() for value in self._combine(key, change)]
        for fact in many:
            self._toggle_many(fact, changes.setdefault(fact.key, {}))
        if before:
            values = [one for one in values if one[0] not in before or one[1] is ANY_VALUE]
            values += [(key, value) for key, was in before.items() for value in was ^ self._present_and_read(key)]
        return ReadingChange(self._marked(changes, names) if self._templates else (), values, names)

    def _toggle_many(self, fact: LabelIn, change: dict[str | None, Mark]) -> None:
        """Start or stop reading a fact about many values; adds how the marks of those change that templates have."""
        mark, facts = self._mark_of[fact], self._of_many[fact.key]
        if facts.pop(fact, None) is None:
            facts[fact] = mark
        elif not facts:
            del self._of_many[fact.key]
        for value in self._having[fact.key].keys() & fact.values:
            change[value] = change.get(value, NO_FACTS) ^ mark

    def _present_and_read(self, key: str) -> set[str]:
        """The values of a label that templates have, and about which some fact is read."""
        few = self._labels.get(key, _NO_VALUES)
        return {value for value in self._having[key] if value in few or self._is_one_of_many(key, value)}

    def _is_one_of_many(self, key: str, value: str) -> bool:
        return key in self._of_many and any(value in fact.values for fact in self._of_many[key])

    def _changes_of_values(self, labels: Iterable[LabelFact]) -> dict[str, dict[str | None, Mark]]:
        """By label key and value, how marks change when these facts are read, or no longer read."""
        changes: dict[str, dict[str | None, Mark]] = {}
        for fact in labels:
            mark, change = self._mark_of[fact], changes.get(fact.key)
            if change is None:
                changes[fact.key] = dict.fromkeys(_values(fact), mark)
            else:
                for value in _values(fact):
                    change[value] = change.get(value, NO_FACTS) ^ mark
        return changes

    def _combine(self, key: str, change: dict[str | None, Mark]) -> Collection[str | None]:
        """Change the marks of a label's values; return those that are read and were not, or the other way round."""
        known = self._labels.get(key)
        if known is None:
            self._labels[key] = change.copy()
            return change
        other: list[str | None] = []
        for value, mark in change.items():
            before = known.get(value, NO_FACTS)
            known[value] = before ^ mark
            # A value becomes read (nothing before) or is no longer read (this was all of it).
            if before in (NO_FACTS, mark):
                other.append(value)
            if before == mark:
                del known[value]
        if not known:
            del self._labels[key]
        return other

    def _marked(
        self, changes: Mapping[str, Mapping[str | None, Mark]], names: Collection[PortName]
    ) -> Collection[Template]:
        """Change the marks of templates by label values and port names; return the templates."""
        of_any = {key for key, change in changes.items() if change.keys() == {ANY_VALUE}} - self._having.keys()
        keys: set[FactKey] = {*names, *changes}
        self._index(keys - self._having.keys() - of_any)
        affected: set[Template] = set()
        for key, change in changes.items():
            if key not in of_any:
                affected.update(self._mark_by_value(key, change))
        affected.update(self._mark_by_key({key: changes[key][ANY_VALUE] for key in of_any}) if of_any else ())
        for name in names:
            for template in self._having[name].get("", ()):
                template.mark ^= self._mark_of_ports(template, name)
                affected.add(template)
        return affected

    def _mark_by_value(self, key: str, change: Mapping[str | None, Mark]) -> Iterator[Template]:
        """Change the marks of the templates that have a label, by the change for its value and that for any value."""
        having, of_any = self._having[key], change.get(ANY_VALUE, NO_FACTS)
        for value in having if of_any or len(having) < len(change) else change:
            mark = change.get(value, NO_FACTS) ^ of_any
            if mark != NO_FACTS and value is not ANY_VALUE:
                for template in having.get(value, ()):
                    template.mark ^= mark
                    yield template

    def _mark_by_key(self, changes: Mapping[str, Mark]) -> Iterator[Template]:
        """The same for keys that are not indexed: one pass over the templates finds those that have them."""
        for template, key in _with_keys(self._templates.values(), changes.keys()):
            template.mark ^= changes[key]
            yield template

    def _index(self, keys: set[FactKey]) -> None:
        """Index the templates by the label values and port names of some keys, in one pass."""
        if not keys:
            return
        for key in keys:
            self._having[key] = defaultdict(set)
        labels = {key for key in keys if isinstance(key, str)}
        names = keys - labels
        for template, key in _with_keys(self._templates.values(), labels):
            self._having[key][template.labels[key]].add(template)
        for template in self._templates.values() if names else ():
            for name in template.ports.keys() & names:
                self._having[name][""].add(template)


def _with_keys(templates: Iterable[Template], keys: Set[str]) -> Iterator[tuple[Template, str]]:
    """The templates that have labels of these keys, with each of the keys that they have."""
    if len(keys) == 1:  # as with most policies: the general way takes three times as long
        (key,) = keys
        yield from ((template, key) for template in templates if key in template.labels)
        return
    for template in templates if keys else ():
        for key in template.labels.keys() & keys:
            yield template, key


def _divided(facts: Iterable[ReadableFact]) -> tuple[list[LabelFact], list[PortName]]:
    """Facts about labels, and port names."""
    labels: list[LabelFact] = []
    names: list[PortName] = []
    for fact in facts:
        if isinstance(fact, tuple):
            names.append(fact)
        else:
            labels.append(fact)
    return labels, names


def _by_number_of_values(facts: Iterable[LabelFact]) -> tuple[list[LabelFact], list[LabelIn]]:
    """Facts about few values or any, and facts about many."""
    few: list[LabelFact] = []
    many: list[LabelIn] = []
    for fact in facts:
        if isinstance(fact, LabelIn) and len(fact.values) > MANY_VALUES:
            many.append(fact)
        else:
            few.append(fact)
    return few, many


def _values(fact: LabelFact) -> Collection[str | None]:
    """The label values for which a fact holds."""
    return fact.values if isinstance(fact, LabelIn) else (ANY_VALUE,)


def _outline_key(template: Template) -> Hashable:
    return (*template.labels, template.named_ports)


def _keys(template: Template) -> Iterator[tuple[FactKey, str]]:
    """The keys under which a template is indexed, each with its label value (empty for a port name)."""
    yield from template.labels.items()
    for name in template.ports:
        yield name, ""
