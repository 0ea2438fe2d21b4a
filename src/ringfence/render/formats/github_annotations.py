"""Annotations of a GitHub workflow: a line on standard output for each, which is shown beside the changed code.

Sources: "Workflow commands for GitHub Actions"; `packages/core/src/command.ts` of actions/toolkit (what is escaped).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from ringfence.model.origin import Range
from ringfence.render.formats.terminal import one_line

MOST_OF_A_LEVEL: Final = 10
"""The largest number of annotations of each level that GitHub shows of a step. It drops others silently."""


class Level(StrEnum):
    """How much an annotation matters: the value is the name of the command, the most important first."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Annotation(msgspec.Struct, frozen=True):
    """A message of some lines, and its place: none if `file` is empty, the whole file if `line` is 0.

    `range` are the characters that it is about, if they are known.
    """

    level: Level
    title: str
    lines: tuple[str, ...]
    file: str = ""
    line: int = 0
    range: Range | None = None


def annotations_text(annotations: Iterable[Annotation]) -> str:
    """The annotations of each level, in their order. Of too many, the last one shown says how many are missing."""
    by_level: dict[Level, list[Annotation]] = {level: [] for level in Level}
    for one in annotations:
        by_level[one.level].append(one)
    return "".join(_line(one) for some in by_level.values() for one in _limited(some))


def _limited(annotations: list[Annotation]) -> list[Annotation]:
    if len(annotations) <= MOST_OF_A_LEVEL:
        return annotations
    # One fewer than the limit: the last place is for the number of the others.
    shown, others = annotations[: MOST_OF_A_LEVEL - 1], annotations[MOST_OF_A_LEVEL - 1 :]
    counts: dict[str, int] = {}
    for one in others:
        counts[one.title] = counts.get(one.title, 0) + 1
    listed = ", ".join(f"{number} {title}" for title, number in counts.items())
    return [*shown, Annotation(others[0].level, f"{len(others)} more", (listed,))]


def _line(one: Annotation) -> str:
    # Empty properties are left out below: GitHub would take an empty line as line 0.
    properties = {"file": one.file, "line": str(one.line or ""), **_columns(one.range), "title": one.title}
    written = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    text = _data("\n".join(map(one_line, one.lines)))
    return f"::{one.level} {written}::{text}\n"


def _columns(part: Range | None) -> dict[str, str]:
    """The end of a range; columns only if it is on one line, as GitHub demands. There, the last character is inside."""
    if part is None:
        return {}
    if part.line != part.end_line:
        return {"endLine": str(part.end_line)}
    return {"col": str(part.column), "endColumn": str(max(part.column, part.end_column - 1))}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    # A colon or comma would end the property, and the rest of a file name could become another one.
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")
