"""Where the fields of a JSON text are written."""

import json
import re
from typing import Final

import msgspec

from ringfence.model.origin import FieldRanges, Range
from ringfence.sources.loading import DEEPEST_FIELD

# One alternative for each kind of token. The text is valid JSON, so colons and commas need not be seen.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\]:,"]+')

_Position = tuple[int, int]
"""A line and a column."""


class FieldPlaces(msgspec.Struct, frozen=True):
    """Where fields and items are, by path, and which keys an object has had before, each with its range."""

    fields: dict[str, FieldRanges]
    duplicates: list[tuple[str, Range]]


class _Open(msgspec.Struct):
    """An object or array that is not closed yet, and where its own key and its start are.

    `path` is None where it is too deep to be kept. An array has the index of its next item; an object has its keys so
    far, and from each key to its value the key's name and range.
    """

    path: str | None
    start: _Position
    own_key: Range | None
    index: int | None
    name: str | None = None
    key: Range | None = None
    keys: set[str] = msgspec.field(default_factory=set)

    def inner_path(self, step: str) -> str | None:
        return None if self.path is None else (self.path + step).removeprefix(".")


def locate(text: str, first_line: int, first_column: int = 1) -> FieldPlaces:
    """The places in `text`, which must be JSON; its first character is in `first_line` and `first_column`."""
    found = FieldPlaces({}, [])
    around: list[_Open] = []
    line, line_start, position = first_line, 1 - first_column, 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if breaks := text.count("\n", position, start):
            line += breaks
            line_start = text.rfind("\n", position, start) + 1
        position = start
        # No token contains a line break: in a JSON string it is written as an escape.
        part = Range(line, start - line_start + 1, line, end - line_start + 1)
        token = match[0]
        if token in ("}", "]"):
            _close(around.pop(), part, found)
        elif around and around[-1].index is None and around[-1].name is None:
            _note_key(around[-1], json.loads(token), part, found)
        else:
            path, key = _next_value(around[-1]) if around else ("", None)
            if len(around) > DEEPEST_FIELD:
                path = None
            if token in ("{", "["):
                around.append(_Open(path, (part.line, part.column), key, 0 if token == "[" else None))
            elif path is not None:
                found.fields[path] = FieldRanges(part, key)
    return found


def _close(ended: _Open, last: Range, found: FieldPlaces) -> None:
    if ended.path is not None:
        value = Range(*ended.start, last.end_line, last.end_column)
        found.fields[ended.path] = FieldRanges(value, ended.own_key)


def _note_key(inside: _Open, name: str, part: Range, found: FieldPlaces) -> None:
    if name in inside.keys:
        found.duplicates.append((name, part))
    inside.keys.add(name)
    inside.name, inside.key = name, part


def _next_value(inside: _Open) -> tuple[str | None, Range | None]:
    """The path of the next value, and the range of its key; an item of an array has none."""
    if inside.index is None:
        name, key = inside.name, inside.key
        inside.name = inside.key = None
        return inside.inner_path(f".{name}"), key
    inside.index += 1
    return inside.inner_path(f"[{inside.index - 1}]"), None
