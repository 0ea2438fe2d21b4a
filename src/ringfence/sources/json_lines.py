"""Where the fields of a JSON text stand."""

import json
import re
from typing import Final

import msgspec

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\]:,"]+')


class Locations(msgspec.Struct, frozen=True):
    """The lines of all fields and items, by path, and the keys, with their lines, that an object has had before."""

    lines: dict[str, int]
    duplicates: list[tuple[str, int]]


class _Open(msgspec.Struct):
    """An object or array that is not closed yet: the path of the value to come, or in an array its index."""

    path: str
    index: int | None
    value_path: str | None = None
    keys: set[str] = msgspec.field(default_factory=set)


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
            continue
        if around and _is_key(around[-1]):
            _note_key(around[-1], json.loads(token), line, found)
            continue
        path = _note_value(around[-1], line, found) if around else ""
        if token in ("{", "["):
            around.append(_Open(path, 0 if token == "[" else None))
    return found


def _is_key(around: _Open) -> bool:
    return around.index is None and around.value_path is None


def _note_key(around: _Open, key: str, line: int, found: Locations) -> None:
    if key in around.keys:
        found.duplicates.append((key, line))
    around.keys.add(key)
    around.value_path = f"{around.path}.{key}" if around.path else key
    found.lines[around.value_path] = line


def _note_value(around: _Open, line: int, found: Locations) -> str:
    if around.index is None:
        path, around.value_path = around.value_path or "", None
        return path
    path = f"{around.path}[{around.index}]"
    around.index += 1
    found.lines[path] = line
    return path
