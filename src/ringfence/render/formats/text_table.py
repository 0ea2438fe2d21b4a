"""Columns of text, aligned as kubectl aligns them.

Columns are elastic tabstops: a cell that ends with a tab is as wide as the widest cell in the lines directly above and
below it that have this column, too. The last cell of a line is in no column.

Source: Go's `text/tabwriter`; `cli-runtime/pkg/printers/tableprinter.go`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, islice
from typing import Final

from ringfence.render.formats.terminal import escape_controls

_MEASURED_ROWS: Final = 1000
"""Rows of a streamed table that determine the widths of its columns."""


def table(headers: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> str:
    """Rows below their headers, one line each, with three spaces between columns. Empty if there are no rows.

    Without headers, only the rows determine the widths. As in kubectl, a cell ends at its first line break, and `...`
    stands for the rest.
    """
    lines = [[_one_line(cell) for cell in row] for row in rows]
    if lines and headers is not None:
        lines.insert(0, list(headers))
    return "".join(f"{line}\n" for line in aligned(lines, padding=3, least=6))


def streamed_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows below their headers as `table` writes them, in pieces: the whole can be larger than memory.

    The first rows determine the widths of the columns. A later cell that is wider moves the rest of its line to the
    right. Nothing if there are no rows.
    """
    lines = ([_one_line(cell) for cell in row] for row in rows)
    first = list(islice(lines, _MEASURED_ROWS))
    if not first:
        return
    first.insert(0, list(headers))
    yield "".join(f"{line}\n" for line in aligned(first, padding=3, least=6))
    # The same widths as `aligned` has used for the first rows, since all rows have all columns.
    widths = [max(6, 3 + max(map(len, column))) for column in zip(*first, strict=True)]
    for *cells, last in lines:
        padded = (cell.ljust(max(width, len(cell) + 3)) for cell, width in zip(cells, widths, strict=False))
        yield f"{''.join(padded)}{last}\n"


def aligned(lines: Iterable[Sequence[str]], *, padding: int, least: int = 0) -> list[str]:
    """The lines as text. A column is `padding` spaces wider than its widest cell, and at least `least` wide."""
    padded = [list(line) for line in lines]
    for column in range(max(map(len, padded), default=0)):
        # A line without this column ends the block: columns above and below it have widths of their own, as in Go.
        for belongs, group in groupby(padded, key=lambda line: column < len(line) - 1):
            if belongs:
                block = list(group)
                width = max(least, padding + max(len(line[column]) for line in block))
                for line in block:
                    line[column] = line[column].ljust(width)
    return ["".join(line) for line in padded]


@lru_cache(maxsize=4096)  # the same names stand in many rows
def _one_line(cell: str) -> str:
    first, *more = re.split("[\f\n\r]", cell, maxsplit=1)
    return escape_controls(first) + "..." * len(more)
