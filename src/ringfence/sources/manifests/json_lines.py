"""Where the fields of a JSON text stand."""

import json
import re
from typing import Final

import msgspec

from ringfence.sources.reading import DEEPEST_LINE

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\]:,"]+')


class Locations(msgspec.Struct, frozen=True):
    """The lines of fields and items, by path, and the keys, with their lines, that an object has had before."""

    lines: dict[str, int]
    duplicates: list[tuple[str, int]]


class _Open(msgspec.Struct):
    """An object or array that is not closed yet; without a path, it is too deep for anybody to ask about.

    An array knows the index of its next item; an object its keys, and the last one until its value comes.
    """

    path: str | None
    index: int | None
    key: str | None = None
    keys: set[str] = msgspec.field(default_factory=set)

    def place(self, step: str) -> str | None:
        return None if self.path is None else (self.path + step).removeprefix(".")


def locate(text: str, first_line: int) -> Locations:
    """The places in `text`, which must be JSON and starts in `first_line`."""
    found = Locations({}, [])
    around: list[_Open] = []
    line, position = first_line, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        token = match[0]
        if token in ("}", "]"):
            around.pop()
        elif around and around[-1].index is None and around[-1].key is None:
            _note_key(around[-1], json.loads(token), line, found)
        else:
            path = _note_value(around[-1], line, found) if around else ""
            if token in ("{", "["):
                path = path if len(around) < DEEPEST_LINE else None
                around.append(_Open(path, 0 if token == "[" else None))
    return found


def _note_key(inside: _Open, key: str, line: int, found: Locations) -> None:
    if key in inside.keys:
        found.duplicates.append((key, line))
    inside.keys.add(key)
    inside.key = key
    if (path := inside.place(f".{key}")) is not None:
        found.lines[path] = line


def _note_value(inside: _Open, line: int, found: Locations) -> str | None:
    """The path of the next value. A field is where its key is, an item where it starts itself."""
    if inside.index is None:
        key, inside.key = inside.key, None
        return inside.place(f".{key}")
    path = inside.place(f"[{inside.index}]")
    inside.index += 1
    if path is not None:
        found.lines[path] = line
    return path
