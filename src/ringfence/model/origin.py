"""Where an object was read, so that every message can point at a file, a line and a column."""

from collections.abc import Mapping

import msgspec


class Range(msgspec.Struct, frozen=True, order=True):
    """A part of a text file, from its first character up to the one after its last.

    Lines and columns count from 1. Only a line feed ends a line, as in git and in editors; a carriage return before it
    is the line's last character. Columns count Unicode characters (SARIF calls them `unicodeCodePoints`), a tab is one.
    """

    line: int
    column: int
    end_line: int
    end_column: int


class Place(msgspec.Struct, frozen=True, order=True):
    """A line of a file, and where it is known the range of characters that starts in it.

    Lines and columns count from 1 as in `Range`; 0 means that they are not known. `rendered_from` is the file that what
    is there was rendered from, if the input says so; it need not exist. In text a place is `file:line`, followed by
    that file.
    """

    file: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    rendered_from: str = ""

    @classmethod
    def of(cls, file: str, part: Range, rendered_from: str = "") -> "Place":
        """The place of a part of a file."""
        return cls(file, part.line, part.column, part.end_line, part.end_column, rendered_from)

    @property
    def range(self) -> Range | None:
        """The range of characters; None where only the line is known, or not even that."""
        return Range(self.line, self.column, self.end_line, self.end_column) if self.column else None

    @property
    def without_columns(self) -> "Place":
        """The line alone."""
        return Place(self.file, self.line, rendered_from=self.rendered_from)

    @property
    def last_line(self) -> int:
        """The last line with a character of it: a block of YAML ends at the beginning of the line behind it."""
        is_behind = self.end_column == 1 and self.end_line > self.line
        return max(self.line, self.end_line - is_behind)

    @property
    def file_and_line(self) -> str:
        """`file:line`, as the first word of a message, where editors look for it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.file_and_line}, from {self.rendered_from}" if self.rendered_from else self.file_and_line


class FieldRanges(msgspec.Struct, frozen=True):
    """Where a field of an object is written: its value, and its key; an item of a list has no key."""

    value: Range
    key: Range | None = None

    @property
    def whole(self) -> Range:
        """From the start of the key to the end of the value."""
        if self.key is None:
            return self.value
        # A value never ends before its key, except that of an alias or a merged field, which is further up in the file.
        key, value = self.key, self.value
        end = max((key.end_line, key.end_column), (value.end_line, value.end_column))
        return Range(key.line, key.column, *end)


class Origin(msgspec.Struct, frozen=True):
    """The document that an object came from.

    `line` is where the object starts. `fields` maps the paths of the fields inside it (`spec.ingress[0].from[1]`, and
    `spec.podSelector.matchLabels.app` for a label) to their ranges; the empty path is the object as a whole. `document`
    counts the documents of a file from 0. A live object has the API server as its file, and no lines. `rendered_from`
    is as in `Place`.
    """

    file: str
    line: int = 0
    document: int = 0
    fields: Mapping[str, FieldRanges] = {}
    rendered_from: str = ""

    def at(self, path: str = "") -> Place:
        """The place of the field at `path`, or of the nearest field around it whose place is known."""
        field = self._nearest(path)
        if field is None:
            return Place(self.file, self.line, rendered_from=self.rendered_from)
        return self.place_of(field.whole)

    def key_at(self, path: str) -> Place:
        """The place of the key of the field at `path`; otherwise as `at`."""
        field = self.fields.get(path)
        return self.place_of(field.key) if field and field.key else self.at(path)

    def place_of(self, part: Range) -> Place:
        """The place of a part of the file that is in the document."""
        return Place.of(self.file, part, self.rendered_from)

    def _nearest(self, path: str) -> FieldRanges | None:
        while path not in self.fields:
            if not path:
                return None
            # A label key may contain dots, so the path may be cut inside it; the next round finds the field around it.
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.fields[path]
