"""The matrix: sources down, destinations across, and in the cells the traffic that is allowed.

Rows and columns are the same list, so names stand once, at the rows, and columns carry the numbers of the rows.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import msgspec

from ringfence.analysis.connections import Connection
from ringfence.engine.population import Reference
from ringfence.render.formats import csv_text, markdown_list, markdown_table, one_line
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic, port_list

OUTSIDE: Final = "outside the cluster"
_NOTHING: Final = "-"
_ITSELF: Final = "·"
_SOME_ADDRESSES: Final = "some*"


class Matrix(msgspec.Struct, frozen=True):
    """The names of the rows and columns, a row of cells for each source, and the notes that `some*` refers to."""

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def matrix(
    references: Sequence[Reference], connections: Iterable[Connection], several: Collection[Reference] = ()
) -> Matrix:
    """The matrix of the connections between `references`, and between those and the outside of the cluster.

    On the diagonal, one that is among `several` has what passes between two of its pods. A cell has no room for CIDRs:
    where only some addresses may connect, they are in a note.
    """
    ends = [*references, None]
    shown = set(ends)
    written: dict[tuple[Reference | None, Reference | None], str] = {}
    notes = []
    for one in connections:
        source, destination = _inside(one.source), _inside(one.destination)
        if source not in shown or destination not in shown:
            continue
        if (source and destination) or ALL_ADDRESSES in (one.source, one.destination):
            written[source, destination] = cell(one.traffic)
        else:
            written[source, destination] = _SOME_ADDRESSES
            notes.append(one_line(f"{one}"))
    cells = []
    for row in ends:
        empty = {column: _ITSELF if row == column and row not in several else _NOTHING for column in ends}
        cells.append(tuple(written.get((row, column), empty[column]) for column in ends))
    names = (*(one_line(str(reference)) for reference in references), OUTSIDE)
    return Matrix(names, tuple(cells), tuple(notes))


def cell(traffic: Traffic) -> str:
    """Traffic as short as possible: `all`, `3306`, `53/UDP`, `80,443 53/UDP`."""
    if traffic == ALL_TRAFFIC:
        return "all"
    parts = []
    for protocol in PROTOCOLS:
        ports = traffic.ports(protocol)
        if ports == ((1, 65535),):
            parts.append(protocol)
        elif ports:
            parts.append(port_list(ports) + ("" if protocol == "TCP" else f"/{protocol}"))
    return " ".join(parts) or _NOTHING


def matrix_text(made: Matrix) -> str:
    """The matrix for a terminal."""
    names = max(map(len, made.names))
    digits = len(str(len(made.names)))
    numbers = [str(number) for number, _ in enumerate(made.names, 1)]
    widths = [max(map(len, column)) for column in zip(numbers, *made.cells, strict=True)]
    lines = [" " * (digits + names + 3) + _centred(numbers, widths)]
    for number, name, row in zip(numbers, made.names, made.cells, strict=True):
        lines.append(f"{number:>{digits}} {name:<{names}}  {_centred(row, widths)}")
    if made.notes:
        lines += ["", *(f"* {note}" for note in made.notes)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def matrix_markdown(made: Matrix) -> str:
    """The matrix as a Markdown table, and the notes as a list below it."""
    written = markdown_table([r"source \ destination", *made.names], _rows(made))
    return f"{written}\n{markdown_list(made.notes)}" if made.notes else written


def matrix_csv(made: Matrix) -> str:
    """The matrix as CSV."""
    return csv_text([("", *made.names), *_rows(made)])


MATRIX_FORMATS: Final[dict[str, Callable[[Matrix], str]]] = {
    "table": matrix_text,
    "csv": matrix_csv,
    "markdown": matrix_markdown,
}
"""The views, by the name of the format."""


def _centred(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.center(width) for cell, width in zip(cells, widths, strict=True))


def _rows(made: Matrix) -> list[tuple[str, ...]]:
    return [(name, *row) for name, row in zip(made.names, made.cells, strict=True)]


def _inside(end: Reference | Addresses) -> Reference | None:
    return end if isinstance(end, Reference) else None
