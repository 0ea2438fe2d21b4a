"""The values in a YAML text, built directly from the events of libyaml's parser.

A tree of nodes between events and values would cost several times as much. The events that start a mapping's keys and
values and a list's items are kept beside the values, by their identity, for as long as they are under construction;
they become lines and columns only for an object whose places are asked for.

Where YAML leaves a choice, values are built as in kubectl: the last of two equal keys counts, a merge key is applied at
its position, keys are converted to texts, and tags on collections are ignored. Source: `sigs.k8s.io/yaml`,
`go.yaml.in/yaml/v2`.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec
from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
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
from ringfence.model.origin import FieldRanges, Range
from ringfence.sources.loading import DEEPEST_FIELD
from ringfence.sources.manifests.scalars import Scalar, key_text, plain_key, resolve, resolve_tagged

# The builder recurses with a few frames for each level, and Python stops at 1,000.
MAX_DEPTH: Final = 200
"""The most levels of mappings and lists inside each other."""
MAX_ALIASED: Final = 1_000_000
"""The most values that all aliases of a text together may expand to."""

Value = Any
"""A JSON value: dicts, lists and scalars."""

Event = Any
"""An event of the parser; its type stubs know neither that all have marks nor which have anchors."""


class Mark(Protocol):
    """A place in the text as the parser gives it: in characters, not bytes, all from 0."""

    index: int
    line: int
    column: int


Take = Callable[[Value, Event], bool]
"""Called with each item of a document's `items` and its first event; an item for which it is true leaves the list."""

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_UNDER_CONSTRUCTION: Final = object()
_BLANKS: Final = " \t\r\n\x85\u2028\u2029"


class UnreadableYaml(InputError):
    """A text that is not YAML, or not YAML that JSON can express.

    `line` counts from 0 and `column` from 1; a column of 0 is not known.
    """

    def __init__(self, message: str, line: int, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Refused(Exception):
    """What is wrong with an event of the parser; `Builder.documents` makes an UnreadableYaml of it."""

    def __init__(self, event: Event, message: str) -> None:
        super().__init__(message)
        self.mark: Mark = event.start_mark


class Builder:
    """Builds the values of a text, document by document.

    `duplicates` are the events of the keys that a mapping had before. `positions` are those of the text.
    """

    def __init__(self, text: str, take: Take) -> None:
        self.duplicates: list[tuple[str, Event]] = []
        self.positions = Positions(text)
        self._text = text
        self._take = take
        # Bound once: it is called for each event of a text, of which a large cluster has millions.
        self._next: Callable[[], Event] = CParser(text).get_event
        self._written: dict[int, _Collection] = {}
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._built = 0
        self._aliased = 0

    def documents(self) -> Iterator[tuple[Value, Event]]:
        """The value of each document, and its first event. Raises UnreadableYaml."""
        try:
            while type(event := self._next()) is not StreamEndEvent:
                if type(event) is DocumentStartEvent:
                    self._anchors.clear()
                    self._written.clear()
                    root = self._next()
                    yield self._value(root, 0), root
        except YAMLError as error:
            raise _not_yaml(error, self._text, self.positions) from None
        except _Refused as refused:
            raise UnreadableYaml(str(refused), *self.positions.of(refused.mark)) from None

    def fields(self, value: Value, event: Event) -> dict[str, FieldRanges]:
        """Where all fields and items inside a value are written, by their paths, as far as that is known.

        `event` is the first one of the value, which itself has the empty path. Lines count from 0, columns from 1.
        """
        return {"": FieldRanges(self._range(event, value)), **dict(self._fields(value, "", 1))}

    def item_events(self, items: list[Value]) -> list[Event]:
        """The first event of each item of a list; none if they are not known."""
        written = self._written.get(id(items))
        return written.items if written else []

    def _fields(self, value: Value, path: str, depth: int) -> Iterator[tuple[str, FieldRanges]]:
        written = self._written.get(id(value))
        if written is None or depth > DEEPEST_FIELD:
            return
        if isinstance(value, dict):
            for key, child in value.items():
                place = f"{path}.{key}" if path else key
                if key in written.entries:
                    key_event, event = written.entries[key]
                    yield place, FieldRanges(self._range(event, child), self._range(key_event))
                yield from self._fields(child, place, depth + 1)
        else:
            for index, (child, event) in enumerate(zip(value, written.items, strict=True)):
                yield f"{path}[{index}]", FieldRanges(self._range(event, child))
                yield from self._fields(child, f"{path}[{index}]", depth + 1)

    def _range(self, event: Event, value: Value = None) -> Range:
        """From the start of the event to the end of the value that it starts."""
        return self.positions.range(event.start_mark, self._end(event, value))

    def _end(self, event: Event, value: Value) -> Mark:
        is_collection = type(event) is MappingStartEvent or type(event) is SequenceStartEvent
        written = self._written.get(id(value)) if is_collection else None
        return written.end if written else event.end_mark

    def _value(self, event: Event, depth: int) -> Value:
        if type(event) is ScalarEvent and event.anchor is None:
            return _scalar(event)
        if type(event) is AliasEvent:
            return self._alias(event)
        return self._collection(event, depth) if event.anchor is None else self._anchored(event, depth)

    def _collection(self, event: Event, depth: int) -> Value:
        if depth == MAX_DEPTH:
            raise _Refused(event, f"yaml: more than {MAX_DEPTH} levels deep")
        value = self._mapping(depth + 1) if type(event) is MappingStartEvent else self._sequence(depth + 1)
        self._built += len(value)
        return value

    def _mapping(self, depth: int) -> Value:
        mapping: dict[str, Value] = {}
        entries: dict[str, tuple[Event, Event]] = {}
        end: Mark | None = None
        while type(event := self._next()) is not MappingEndEvent:
            key, key_event = self._key(event, depth), event
            event = self._next()
            if key == "<<" and _is_merge(key_event):
                end = self._end(event, self._merge(mapping, event, depth))
                continue
            if key in entries:
                self.duplicates.append((key, key_event))
            entries[key] = key_event, event
            is_items = depth == 1 and key == "items" and type(event) is SequenceStartEvent
            mapping[key] = value = self._items() if is_items else self._value(event, depth)
            end = event.end_mark if type(event) is ScalarEvent else self._end(event, value)
        self._written[id(mapping)] = _Collection(_end_of_collection(event, end), entries=entries)
        return mapping

    def _key(self, event: Event, depth: int) -> str:
        try:
            if type(event) is ScalarEvent and event.tag is None and event.anchor is None:
                return plain_key(event.value) if event.implicit[0] else event.value
            return key_text(self._value(event, depth))
        except ValueError as error:
            raise _Refused(event, str(error)) from None

    def _sequence(self, depth: int) -> Value:
        sequence: list[Value] = []
        events: list[Event] = []
        while type(event := self._next()) is not SequenceEndEvent:
            events.append(event)
            sequence.append(self._value(event, depth))
        end = self._end(events[-1], sequence[-1]) if events else None
        self._written[id(sequence)] = _Collection(_end_of_collection(event, end), items=events)
        return sequence

    def _items(self) -> Value:
        """The items that are not taken. The places of an item are dropped when it is taken."""
        items: list[Value] = []
        events: list[Event] = []
        end: Mark | None = None
        while type(event := self._next()) is not SequenceEndEvent:
            item = self._value(event, 2)
            end = self._end(event, item)
            # An item that is taken may be freed, and its `id` used again, so what is known by `id` is dropped with it.
            if self._take(item, event):
                self._written.clear()
            else:
                items.append(item)
                events.append(event)
        self._written[id(items)] = _Collection(_end_of_collection(event, end), items=events)
        return items

    def _merge(self, mapping: dict[str, Value], event: Event, depth: int) -> Value:
        value = self._value(event, depth)
        # Of several merged mappings the first counts (YAML merge key, yaml.org/type/merge.html), so it is applied last.
        sources = value[::-1] if isinstance(value, list) else [value]
        for source in sources:
            if not isinstance(source, dict):
                message = "yaml: map merge requires map or sequence of maps as the value"
                raise _Refused(event, message)
            mapping.update(source)
        return value

    def _anchored(self, event: Event, depth: int) -> Value:
        # Noted before its value is built, so that an alias inside it is found to be a cycle.
        self._anchors[event.anchor] = (_UNDER_CONSTRUCTION, 0)
        before = self._built + self._aliased
        value = _scalar(event) if type(event) is ScalarEvent else self._collection(event, depth)
        self._anchors[event.anchor] = (value, 1 + self._built + self._aliased - before)
        return value

    def _alias(self, event: Event) -> Value:
        name = event.anchor
        if name not in self._anchors:
            raise _Refused(event, f"yaml: unknown anchor '{name}' referenced")
        value, size = self._anchors[name]
        if value is _UNDER_CONSTRUCTION:
            raise _Refused(event, f"yaml: anchor '{name}' value contains itself")
        # Counted and not copied: aliases share the value. But what is made of it later is as large as all of them
        # ("billion laughs").
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise _Refused(event, f"yaml: excessive aliasing: aliases stand for more than {MAX_ALIASED:,} values")
        return value


class _Collection(msgspec.Struct):
    """How a mapping or a list is written: the events of its keys and values, or of its items, and where it ends."""

    end: Mark
    entries: dict[str, tuple[Event, Event]] = {}
    items: list[Event] = []


def _end_of_collection(event: Event, end_of_last: Mark | None) -> Mark:
    """Where a collection ends, of which `event` is the last.

    In block style the parser notices the end only at what comes next, behind blank lines and comments.
    """
    is_flow = event.end_mark.index > event.start_mark.index
    return event.end_mark if is_flow or end_of_last is None else end_of_last


class Positions:
    """Lines, from 0, and columns, from 1, of the parser's marks in a text.

    The parser counts lines as YAML 1.1 does, where U+0085, U+2028, U+2029 and a lone carriage return end a line.
    Editors do not, so in a text with one of these characters the lines are counted again.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = _line_starts(text) if _has_other_breaks(text) else None

    def of(self, mark: Mark) -> tuple[int, int]:
        """The line and the column of a mark."""
        return self.line(mark), self._column(mark)

    def line(self, mark: Mark) -> int:
        """The line of a mark."""
        return mark.line if self._starts is None else bisect_right(self._starts, mark.index) - 1

    def range(self, start: Mark, end: Mark) -> Range:
        """What is between two marks, without the blank lines that a block scalar takes in at its end."""
        return Range(self.line(start), self._column(start), *self._end(start, end))

    def _column(self, mark: Mark) -> int:
        return mark.column + 1 if self._starts is None else mark.index - self._starts[self.line(mark)] + 1

    def _end(self, start: Mark, end: Mark) -> tuple[int, int]:
        offset = end.index
        while offset > start.index and self._text[offset - 1] in _BLANKS:
            offset -= 1
        if offset == end.index:
            return self.line(end), self._column(end)
        line = self.line(end) - self._text.count("\n", offset, end.index)
        return line, offset - self._text.rfind("\n", 0, offset)


def _has_other_breaks(text: str) -> bool:
    return any(character in text for character in "\x85\u2028\u2029") or text.count("\r") > text.count("\r\n")


def _line_starts(text: str) -> Sequence[int]:
    return array("L", [0, *(match.end() for match in re.finditer("\n", text))])


def _scalar(event: Event) -> Scalar:
    try:
        if event.tag is not None:
            return resolve_tagged(event.value, event.tag)
        return resolve(event.value) if event.implicit[0] else event.value
    except ValueError as error:
        raise _Refused(event, str(error)) from None


def _is_merge(event: Event) -> bool:
    return type(event) is ScalarEvent and (event.implicit[0] or event.tag == _MERGE_TAG)


def _not_yaml(error: YAMLError, text: str, positions: Positions) -> UnreadableYaml:
    match error:
        case MarkedYAMLError(problem_mark=mark) if mark:
            context = f" {error.context}" if error.context else ""
            message = f"yaml: {error.problem}{context}"
            last_line = text.rstrip().count("\n")
            line, column = positions.of(mark)
            if line > last_line:  # found at the end of the text, behind blank lines
                return UnreadableYaml(message, last_line)
            return UnreadableYaml(message, line, column)
        case ReaderError(reason=reason, position=position):
            return UnreadableYaml(f"yaml: {reason}", text.encode()[:position].count(b"\n"))
    return UnreadableYaml(f"yaml: {error}", 0)
