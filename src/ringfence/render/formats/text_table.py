"""Columns of text, aligned as kubectl aligns them.

Text is aligned by elastic tabstops: a cell that a tab ends is as wide as the widest of those above and below it without
a gap; the last cell of a line belongs to no column.

Source: Go's `text/tabwriter`; `cli-runtime/pkg/printers/tableprinter.go`.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from ringfence.render.formats.terminal import escape_controls


def table(headers: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> str:
    """Rows under their headers, one line each, three blanks between columns; no text at all without rows.

    Without headers the columns are as wide as the rows alone need. A cell ends at its first line break.
    """
    lines = [[_one_line(cell) for cell in row] for row in rows]
    if lines and headers is not None:
        lines.insert(0, list(headers))
    return "".join(f"{line}\n" for line in aligned(lines, padding=3, least=6))


def aligned(lines: Iterable[Sequence[str]], *, padding: int, least: int = 0) -> list[str]:
    """Each line's cells as one text: every column at least `least` wide, and with `padding` blanks after its widest."""
    padded = [list(line) for line in lines]
    for column in range(max(map(len, padded), default=0)):
        for belongs, group in groupby(padded, key=lambda line: column < len(line) - 1):
            if belongs:
                block = list(group)
                width = max(least, padding + max(len(line[column]) for line in block))
                for line in block:
                    line[column] = line[column].ljust(width)
    return ["".join(line) for line in padded]


def _one_line(cell: str) -> str:
    first, *more = re.split("[\f\n\r]", cell, maxsplit=1)
    return escape_controls(first) + "..." * len(more)
