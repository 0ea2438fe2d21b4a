"""The values that a YAML text writes down, built straight from the events of libyaml's parser.

A tree of nodes between events and values would cost several times as much. Where a mapping's keys and a list's items
stand is noted beside the values, by their identity, for as long as they are under construction.

Where YAML leaves a choice, kubectl's is taken: of two equal keys the last counts, a merge key is applied where it
stands, keys are made texts, tags on collections mean nothing. Source: `sigs.k8s.io/yaml`, `go.yaml.in/yaml/v2`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    Mark,
    MarkedYAMLError,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)
from yaml._yaml import CParser
from yaml.reader import ReaderError

from ringfence.errors import InputError
from ringfence.sources.manifests.scalars import Scalar, key_text, plain_key, resolve, resolve_tagged
from ringfence.sources.reading import DEEPEST_LINE

MAX_DEPTH: Final = 200
"""Mappings and lists inside each other."""
MAX_ALIASED: Final = 1_000_000
"""Values that the aliases of a text may stand for, all told."""

Value = Any
"""What JSON can say: dicts, lists and scalars."""

Event = Any
"""An event of the parser; its type stubs know neither that all have marks nor which have anchors."""

Take = Callable[[Value, Mark], bool]
"""Is offered each item of a document's `items`, and where it starts; what it takes is left out of the list."""

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_UNDER_CONSTRUCTION: Final = object()


class UnreadableYaml(InputError):
    """A text that is not YAML, or not YAML that JSON can say; `line` counts from 0."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Builder:
    """Builds the values of a text, document by document. Lines count from 0.

    `duplicates` are the keys, each with its line, that some mapping has had before.
    """

    def __init__(self, text: str, take: Take) -> None:
        self.duplicates: list[tuple[str, int]] = []
        self._text = text
        self._take = take
        self._next: Callable[[], Event] = CParser(text).get_event
        self._marks: dict[int, dict[str, int] | list[int]] = {}
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._built = 0
        self._aliased = 0

    def documents(self) -> Iterator[tuple[Value, int]]:
        """The value of each document, and the line it starts in. Raises UnreadableYaml."""
        try:
            while type(event := self._next()) is not StreamEndEvent:
                if type(event) is DocumentStartEvent:
                    self._anchors.clear()
                    root = self._next()
                    yield self._value(root, 0), root.start_mark.line
        except YAMLError as error:
            raise _not_yaml(error, self._text) from None

    def lines(self, value: Value) -> dict[str, int]:
        """The lines of all fields and items inside a value, by their paths, as far as they are noted."""
        return dict(self._lines(value, "", 1))

    def item_lines(self, items: list[Value]) -> list[int]:
        """The lines in which the items of a list start; none if they are not noted."""
        marks = self._marks.get(id(items))
        return marks if isinstance(marks, list) else []

    def _lines(self, value: Value, path: str, depth: int) -> Iterator[tuple[str, int]]:
        if depth > DEEPEST_LINE:
            return
        match value, self._marks.get(id(value)):
            case dict(), dict(marks):
                for key, child in value.items():
                    place = f"{path}.{key}" if path else key
                    if key in marks:
                        yield place, marks[key]
                    yield from self._lines(child, place, depth + 1)
            case list(), list(marks):
                for index, (child, line) in enumerate(zip(value, marks, strict=True)):
                    yield f"{path}[{index}]", line
                    yield from self._lines(child, f"{path}[{index}]", depth + 1)

    def _value(self, event: Event, depth: int) -> Value:
        if type(event) is ScalarEvent and event.anchor is None:
            return _scalar(event)
        if type(event) is AliasEvent:
            return self._alias(event)
        return self._collection(event, depth) if event.anchor is None else self._anchored(event, depth)

    def _collection(self, event: Event, depth: int) -> Value:
        if depth == MAX_DEPTH:
            raise UnreadableYaml(f"yaml: more than {MAX_DEPTH} levels deep", event.start_mark.line)
        value = self._mapping(depth + 1) if type(event) is MappingStartEvent else self._sequence(depth + 1)
        self._built += len(value)
        return value

    def _mapping(self, depth: int) -> Value:
        mapping: dict[str, Value] = {}
        lines: dict[str, int] = {}
        while type(event := self._next()) is not MappingEndEvent:
            key, line = self._key(event, depth), event.start_mark.line
            event, before = self._next(), event
            if key == "<<" and _is_merge(before):
                self._merge(mapping, event, depth)
                continue
            if key in lines:
                self.duplicates.append((key, line))
            lines[key] = line
            is_items = depth == 1 and key == "items" and type(event) is SequenceStartEvent
            mapping[key] = self._items() if is_items else self._value(event, depth)
        self._marks[id(mapping)] = lines
        return mapping

    def _key(self, event: Event, depth: int) -> str:
        try:
            if type(event) is ScalarEvent and event.tag is None and event.anchor is None:
                return plain_key(event.value) if event.implicit[0] else event.value
            return key_text(self._value(event, depth))
        except ValueError as error:
            raise UnreadableYaml(str(error), event.start_mark.line) from None

    def _sequence(self, depth: int) -> Value:
        sequence: list[Value] = []
        lines: list[int] = []
        while type(event := self._next()) is not SequenceEndEvent:
            lines.append(event.start_mark.line)
            sequence.append(self._value(event, depth))
        self._marks[id(sequence)] = lines
        return sequence

    def _items(self) -> Value:
        """The items that nobody takes; with each that is taken goes what is noted of its lines."""
        items: list[Value] = []
        lines: list[int] = []
        while type(event := self._next()) is not SequenceEndEvent:
            item = self._value(event, 2)
            if self._take(item, event.start_mark):
                self._marks.clear()
            else:
                items.append(item)
                lines.append(event.start_mark.line)
        self._marks[id(items)] = lines
        return items

    def _merge(self, mapping: dict[str, Value], event: Event, depth: int) -> None:
        value = self._value(event, depth)
        sources = value[::-1] if isinstance(value, list) else [value]
        for source in sources:
            if not isinstance(source, dict):
                message = "yaml: map merge requires map or sequence of maps as the value"
                raise UnreadableYaml(message, event.start_mark.line)
            mapping.update(source)

    def _anchored(self, event: Event, depth: int) -> Value:
        self._anchors[event.anchor] = (_UNDER_CONSTRUCTION, 0)
        before = self._built + self._aliased
        value = _scalar(event) if type(event) is ScalarEvent else self._collection(event, depth)
        self._anchors[event.anchor] = (value, 1 + self._built + self._aliased - before)
        return value

    def _alias(self, event: Event) -> Value:
        name, line = event.anchor, event.start_mark.line
        if name not in self._anchors:
            raise UnreadableYaml(f"yaml: unknown anchor '{name}' referenced", line)
        value, size = self._anchors[name]
        if value is _UNDER_CONSTRUCTION:
            raise UnreadableYaml(f"yaml: anchor '{name}' value contains itself", line)
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise UnreadableYaml(f"yaml: excessive aliasing: aliases stand for more than {MAX_ALIASED:,} values", line)
        return value


def _scalar(event: Event) -> Scalar:
    try:
        if event.tag is not None:
            return resolve_tagged(event.value, event.tag)
        return resolve(event.value) if event.implicit[0] else event.value
    except ValueError as error:
        raise UnreadableYaml(str(error), event.start_mark.line) from None


def _is_merge(event: Event) -> bool:
    return type(event) is ScalarEvent and (event.implicit[0] or event.tag == _MERGE_TAG)


def _not_yaml(error: YAMLError, text: str) -> UnreadableYaml:
    match error:
        case MarkedYAMLError(problem_mark=mark) if mark:
            context = f" {error.context}" if error.context else ""
            last_line = text.rstrip().count("\n")
            return UnreadableYaml(f"yaml: {error.problem}{context}", min(mark.line, last_line))
        case ReaderError(reason=reason, position=position):
            return UnreadableYaml(f"yaml: {reason}", text.encode()[:position].count(b"\n"))
    return UnreadableYaml(f"yaml: {error}", 0)
