"""Comma-separated values (RFC 4180), with line feeds between the rows."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.render.formats.terminal import one_line

_FORMULA: Final = re.compile(r"[=+@]|-.")


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV, one line each, as `csv_lines` writes them."""
    return "".join(csv_lines(rows))


def csv_lines(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Rows as CSV, in pieces of one line: the whole can be larger than memory.

    Control characters are made visible, because CSV has no escapes and is often looked at in a terminal. A cell that a
    spreadsheet would evaluate as a formula gets an apostrophe in front. No valid Kubernetes name or address has either.
    """
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for row in rows:
        writer.writerow([_cell(text) for text in row])
        yield line.getvalue()
        # One buffer for all rows, instead of a new one for each: a list may have millions.
        line.seek(0)
        line.truncate()


def _cell(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if _FORMULA.match(line) else line
