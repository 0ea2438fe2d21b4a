"""Comma-separated values (RFC 4180), with line feeds between the rows."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

from ringfence.render.formats.terminal import one_line

_FORMULA: Final = re.compile(r"[=+@]|-.")


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV, one line each.

    Control characters are made visible, because CSV has no escapes and is often looked at in a terminal. A cell that a
    spreadsheet would evaluate as a formula gets an apostrophe in front. No valid Kubernetes name or address has either.
    """
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([_cell(text) for text in row] for row in rows)
    return lines.getvalue()


def _cell(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if _FORMULA.match(line) else line
