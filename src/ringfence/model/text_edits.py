"""Changes to the text of a file: what a remedy writes, so that comments, quotes and line endings around it stay."""

from collections.abc import Iterable

import msgspec

from ringfence.model.origin import Range


class TextEdit(msgspec.Struct, frozen=True):
    """Replace the text in `range` of `file` by `new_text`; an empty range inserts, an empty text deletes."""

    file: str
    range: Range
    new_text: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text of a file after `edits`, all of which are in terms of the text before.

    Raises ValueError for edits that overlap, and for a range that the text does not have.
    """
    starts = _line_starts(text)
    pieces: list[str] = []
    end_of_last = 0
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


def _line_starts(text: str) -> list[int]:
    """Where each line starts; behind the last one, where one more would."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _offset(starts: list[int], line: int, column: int) -> int:
    """Where in the text a line and a column are; the column may be the one behind the line's last character."""
    if not 1 <= line < len(starts) or not 1 <= column <= starts[line] - starts[line - 1]:
        raise ValueError(f"the text has no line {line} with a column {column}")
    return starts[line - 1] + column - 1
