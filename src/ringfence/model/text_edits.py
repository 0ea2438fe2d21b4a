"""Changes to the text of a file that keep the comments, quotes and line endings around them."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ringfence.model.origin import Origin, Range


class TextEdit(msgspec.Struct, frozen=True):
    """Replace the text in `range` of `file` by `new_text`; an empty range inserts, an empty text deletes."""

    file: str
    range: Range
    new_text: str


class Replacement(msgspec.Struct, frozen=True):
    """What to write instead of a scalar: a string in the quotes of the old one, or a number without any.

    If `is_structure`, the new text is more than a scalar, and cannot stand inside quotes.
    """

    old: str
    new: str | int
    is_structure: bool = False


_LARGEST_SURE: Final = 1_000_000
"""Whole numbers below it have one spelling as long as their decimal one; 0xFFFFF is as long as 1048575."""


_WORD: Final = re.compile(r"[A-Za-z][\w.-]*|[\d.]+/\d+")
_ENTRY: Final = re.compile(r"([A-Za-z][\w./-]*):([A-Za-z][\w.-]*)")


def value_of_type(value: object, expected: str) -> Replacement | None:
    """The same value in another type, as JSON calls it; None if there is none.

    A number in quotes or without them, a text as a list, `key:value` as a mapping.
    """
    match expected, value:
        case "string", int() if not isinstance(value, bool) and abs(value) < _LARGEST_SURE:
            return Replacement(str(value), f'"{value}"')
        case "number", str() if value.isdecimal() and value.isascii() and len(value) < len(str(_LARGEST_SURE)):
            return Replacement(value, int(value))
        case "array of strings", str() if _WORD.fullmatch(value):
            return Replacement(value, f"[{value}]", is_structure=True)
        case "object", str() if found := _ENTRY.fullmatch(value):
            return Replacement(value, f"{found[1]}: {found[2]}", is_structure=True)
    return None


def replace_value(origin: Origin, path: str, replacement: Replacement) -> TextEdit | None:
    """The edit that replaces the value at `path`; None if its place is not known, or it is written in another way."""
    field = origin.fields.get(path)
    if field is None or not _is_inside_its_parents(origin, path, field.value):
        return None
    inner = _inside_quotes(field.value, replacement.old)
    if inner is None or (replacement.is_structure and inner != field.value):
        return None
    if isinstance(replacement.new, int):
        return TextEdit(origin.file, field.value, str(replacement.new))
    return TextEdit(origin.file, inner, replacement.new)


def rename_key(origin: Origin, path: str, old: str, new: str) -> TextEdit | None:
    """The edit that renames the key at `path`; None if its place is not known, or it is written in another way."""
    field = origin.fields.get(path)
    if field is None or field.key is None or not _is_inside_its_parents(origin, path, field.key):
        return None
    inner = _inside_quotes(field.key, old)
    return TextEdit(origin.file, inner, new) if inner else None


def column_of(origin: Origin, path: str, text: str, *, key: bool = False) -> int:
    """The column in which `text`, the value at `path` or its key, starts; 0 if it is not known, or has escapes."""
    field = origin.fields.get(path)
    part = (field.key if key else field.value) if field else None
    inner = _inside_quotes(part, text) if part else None
    return inner.column if inner else 0


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text of a file after `edits`, whose ranges are all those of the text before.

    Raises ValueError for edits that overlap, and for a range that the text does not have.
    """
    starts = _line_starts(text)
    pieces: list[str] = []
    end_of_last = 0
    # From front to back with the offsets of the old text, so that no edit moves the range of another.
    for edit in sorted(edits, key=lambda edit: edit.range):
        start = _offset(starts, edit.range.line, edit.range.column)
        end = _offset(starts, edit.range.end_line, edit.range.end_column)
        if not end_of_last <= start <= end:
            raise ValueError(f"{edit.file}:{edit.range.line}: two edits of the same text")
        pieces += [text[end_of_last:start], edit.new_text]
        end_of_last = end
    return "".join([*pieces, text[end_of_last:]])


def text_in(text: str, part: Range) -> str:
    """The characters of a text that are in a range. Raises ValueError for a range that the text does not have."""
    starts = _line_starts(text)
    return text[_offset(starts, part.line, part.column) : _offset(starts, part.end_line, part.end_column)]


def _inside_quotes(part: Range, text: str) -> Range | None:
    """Where `text` itself is written: plain, or in quotes; None if it has escapes, a tag or an anchor, or is an alias.

    Its length shows that: every escape of JSON or YAML is longer than the character that it means.
    """
    length = part.end_column - part.column
    if part.line != part.end_line or length not in (len(text), len(text) + 2):
        return None
    if length == len(text):
        return part
    return Range(part.line, part.column + 1, part.line, part.end_column - 1)


def _is_inside_its_parents(origin: Origin, path: str, part: Range) -> bool:
    """Whether a field is written inside its object, and not in an anchor that other objects may use, too."""
    start, end = (part.line, part.column), (part.end_line, part.end_column)
    while path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
        if parent := origin.fields.get(path):
            around = parent.value
            if start < (around.line, around.column) or end > (around.end_line, around.end_column):
                return False
    return True


def _line_starts(text: str) -> list[int]:
    """The offset of each line, and the offset after the last line."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _offset(starts: list[int], line: int, column: int) -> int:
    """Where in the text a line and a column are; the column may be the one behind the line's last character."""
    if not 1 <= line < len(starts) or not 1 <= column <= starts[line] - starts[line - 1]:
        raise ValueError(f"the text has no line {line} with a column {column}")
    return starts[line - 1] + column - 1
