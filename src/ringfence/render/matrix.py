"""The matrix: sources down, destinations across, what passes in the cells.

Rows and columns are the same list, so names stand once, at the rows, and columns carry the numbers of the rows.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from ringfence.analysis.connections import Connection
from ringfence.engine.population import Reference
from ringfence.render.connections import csv_lines, markdown_table, markdown_text, one_line, party
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic, port_list

OUTSIDE = "outside the cluster"
_NOTHING = "-"
_ITSELF = "·"


class Matrix(msgspec.Struct, frozen=True):
    """Names of the parties, and for each as a source a cell of text for each as a destination."""

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def matrix(references: Sequence[Reference], found: Iterable[Connection]) -> Matrix:
    """The matrix of the connections between `references`, and between those and the outside."""
    ends = [*references, None]
    shown = set(ends)
    passing: dict[tuple[Reference | None, Reference | None], str] = {}
    notes = []
    for one in found:
        source, destination = _inside(one.source), _inside(one.destination)
        if source not in shown or destination not in shown:
            continue
        if ALL_ADDRESSES in (one.source, one.destination) or (source and destination):
            passing[source, destination] = cell(one.traffic)
        else:
            passing[source, destination] = "some*"
            notes.append(one_line(f"{party(one.source)} -> {party(one.destination)}: {one.traffic}"))
    cells = tuple(
        tuple(passing.get((row, column), _ITSELF if row == column else _NOTHING) for column in ends) for row in ends
    )
    return Matrix((*(one_line(party(reference)) for reference in references), OUTSIDE), cells, tuple(notes))


def cell(traffic: Traffic) -> str:
    """Traffic in few letters: `all`, `3306`, `53/UDP`, `80,443 53/UDP`."""
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


def text(one: Matrix) -> str:
    """The matrix for a terminal."""
    width = max(map(len, one.names))
    digits = len(str(len(one.names)))
    columns = [max(len(str(number + 1)), *(len(row[number]) for row in one.cells)) for number in range(len(one.names))]
    header = " " * (digits + width + 3) + "  ".join(str(number + 1).center(size) for number, size in enumerate(columns))
    lines = [header.rstrip()]
    for number, (name, row) in enumerate(zip(one.names, one.cells, strict=True)):
        shown = "  ".join(content.center(size) for content, size in zip(row, columns, strict=True))
        lines.append(f"{number + 1:>{digits}} {name:<{width}}  {shown}".rstrip())
    return "\n".join([*lines, *([""] if one.notes else []), *(f"* {note}" for note in one.notes)]) + "\n"


def markdown(one: Matrix) -> str:
    """The matrix as a Markdown table."""
    lines = ["", *(f"* {markdown_text(note)}" for note in one.notes)] if one.notes else []
    return markdown_table([r"source \ destination", *one.names], _rows(one)) + "".join(f"{line}\n" for line in lines)


def comma_separated(one: Matrix) -> str:
    """The matrix as CSV."""
    return csv_lines([("", *one.names), *_rows(one)])


FORMATS: dict[str, Callable[[Matrix], str]] = {"table": text, "csv": comma_separated, "markdown": markdown}
"""The writers, by the name of the format."""


def _rows(one: Matrix) -> list[tuple[str, ...]]:
    return [(name, *row) for name, row in zip(one.names, one.cells, strict=True)]


def _inside(end: Reference | Addresses) -> Reference | None:
    return end if isinstance(end, Reference) else None
