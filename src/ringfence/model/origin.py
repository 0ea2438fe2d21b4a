"""Where an object was read: so that every message can point at a file and a line."""

from collections.abc import Mapping

import msgspec


class Place(msgspec.Struct, frozen=True, order=True):
    """A line of a file. `line` counts from 1; 0 means that the line is not known."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Origin(msgspec.Struct, frozen=True):
    """The document an object came from.

    `line` is where the object starts, `lines` maps paths of fields inside it (`spec.ingress[0].from[1]`, and
    `spec.podSelector.matchLabels.app` for a label) to their lines. `document` counts the documents of a file from 0.
    A live object has the API server as its file and no lines.
    """

    file: str
    line: int = 0
    document: int = 0
    lines: Mapping[str, int] = {}

    def at(self, path: str = "") -> Place:
        """The line of the field at `path`, or of the nearest field around it whose line is known."""
        while path:
            if path in self.lines:
                return Place(self.file, self.lines[path])
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return Place(self.file, self.line)
