"""Columns of text, aligned as kubectl aligns them.

Columns are elastic tabstops: a cell that ends with a tab is as wide as the widest cell in the lines directly above and
below it that have this column, too. The last cell of a line is in no column.

Source: Go's `text/tabwriter`; `cli-runtime/pkg/printers/tableprinter.go`.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from ringfence.render.formats.terminal import escape_controls


def table(headers: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> str:
    """Rows below their headers, one line each, with three spaces between columns. Empty if there are no rows.

    Without headers, only the rows determine the widths. As in kubectl, a cell ends at its first line break, and `...`
    stands for the rest.
    """
    lines = [[_one_line(cell) for cell in row] for row in rows]
    if lines and headers is not None:
        lines.insert(0, list(headers))
    return "".join(f"{line}\n" for line in aligned(lines, padding=3, least=6))


def aligned(lines: Iterable[Sequence[str]], *, padding: int, least: int = 0) -> list[str]:
    """The lines as text. A column is `padding` spaces wider than its widest cell, and at least `least` wide."""
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
