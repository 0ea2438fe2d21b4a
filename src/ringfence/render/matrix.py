"""The matrix: a row for each source, a column for each destination, and in the cells the traffic that is allowed.

Equal pods and workloads are one row and one column (`analysis.lists.folded`). If rows and columns are the same, the
names are at the rows and the columns have the numbers of the rows; otherwise columns have letters.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice, product
from string import ascii_lowercase
from typing import Final

import msgspec

from ringfence.analysis.lists import Connection, FoldedList, FoldedView
from ringfence.engine.population import Reference
from ringfence.render.formats import csv_text, markdown_list, markdown_table, one_line
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic, port_list

OUTSIDE: Final = "outside the cluster"
_NOTHING: Final = "-"
_ITSELF: Final = "·"
_SOME_ADDRESSES: Final = "some*"
_PARTLY: Final = "~"
_GAP: Final = "  "


class Matrix(msgspec.Struct, frozen=True):
    """The rows and the columns by their members as text, a row of cells for each source, and notes on the cells.

    `names` are short names of the rows and `column_names` of the columns.
    """

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    column_names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def matrix(view: FoldedView) -> Matrix:
    """The matrix of folded connections, with a row and a column for the outside of the cluster.

    A cell has no room for CIDRs: if only some addresses may connect, a note lists them.
    """
    found = view.found
    short = _short_names(found.classes)
    members = [tuple(map(str, one)) for one in found.classes]
    # None means the outside of the cluster. It is not a class: its addresses differ from connection to connection.
    rows: list[int | None] = [*found.sources, *([None] if view.from_outside else [])]
    columns: list[int | None] = [*found.destinations, *([None] if view.to_outside else [])]
    cells: list[tuple[str, ...]] = []
    notes: list[str] = []
    for row in rows:
        cells.append(tuple(_cell(view, row, column) for column in columns))
        for column in columns:
            notes += _address_notes(found, row, column, short)
    return Matrix(
        tuple((OUTSIDE,) if row is None else members[row] for row in rows),
        tuple((OUTSIDE,) if column is None else members[column] for column in columns),
        tuple(OUTSIDE if row is None else short[row] for row in rows),
        tuple(OUTSIDE if column is None else short[column] for column in columns),
        tuple(cells),
        tuple(notes),
    )


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
            # Most ports are of TCP. Only another protocol is named, so that the columns stay narrow.
            parts.append(port_list(ports) + ("" if protocol == "TCP" else f"/{protocol}"))
    return " ".join(parts) or _NOTHING


def is_wide(end: object) -> bool:
    """Whether an end is most addresses of a family."""
    return isinstance(end, Addresses) and end.has_most_of_a_family()


def matrix_text(made: Matrix) -> str:
    """The matrix for a terminal, with the legend of its numbers and letters and the notes below it."""
    heads = _column_heads(made)
    numbers = [str(number) for number, _ in enumerate(made.names, 1)]
    widths = [max(map(len, column)) for column in zip(heads, *made.cells, strict=True)]
    digits, names = (max(map(len, texts), default=0) for texts in (numbers, made.names))
    lines = [" " * (digits + names + 3) + _centred(heads, widths)]
    for number, name, row in zip(numbers, made.names, made.cells, strict=True):
        lines.append(f"{number:>{digits}} {name:<{names}}  {_centred(row, widths)}")
    sections = [lines, _legend(made, numbers, heads), [f"* {note}" for note in made.notes]]
    if any(cell.startswith(_PARTLY) for row in made.cells for cell in row):
        sections.append([f"{_PARTLY} for some of the pods only"])
    texts = ["".join(f"{line.rstrip()}\n" for line in section) for section in sections]
    return "\n".join(filter(None, texts))


def matrix_width(made: Matrix) -> int:
    """The width of the matrix for a terminal, without the legend and the notes."""
    return max(map(len, matrix_text(made).split("\n\n", maxsplit=1)[0].splitlines()))


def matrix_markdown(made: Matrix) -> str:
    """The matrix as a Markdown table, and the notes as a list below it."""
    names = [", ".join(column) for column in made.columns]
    written = markdown_table([r"source \ destination", *names], _rows(made))
    return f"{written}\n{markdown_list(made.notes)}" if made.notes else written


def matrix_csv(made: Matrix) -> str:
    """The matrix as CSV."""
    return csv_text([("", *(", ".join(column) for column in made.columns)), *_rows(made)])


MATRIX_FORMATS: Final[dict[str, Callable[[Matrix], str]]] = {
    "table": matrix_text,
    "csv": matrix_csv,
    "markdown": matrix_markdown,
}
"""The views, by the name of the format."""


def _cell(view: FoldedView, row: int | None, column: int | None) -> str:
    """The cell of two classes, or of one and the outside of the cluster, which is None."""
    if row is not None and column is not None:
        if one := view.found.between(row, column):
            return _passing(one)
        members = view.found.classes[row]
        # A single pod has no connection to itself that a policy decides. Several pods in one class could have connected
        # to one another: there, an empty cell means that this is denied.
        is_one_pod = row == column and len(members) == 1 and members[0] not in view.several
        return _ITSELF if is_one_pod else _NOTHING
    # What is outside of the cluster on both sides is nothing that a policy of this cluster decides.
    if row is None and column is None:
        return _ITSELF
    outside = _with_outside(view.found, row, column)
    if not outside:
        return _NOTHING
    return _passing(outside[0]) if _is_any_address(outside[0]) else _SOME_ADDRESSES


def _with_outside(found: FoldedList, row: int | None, column: int | None) -> Sequence[Connection]:
    """The connections of a class with addresses outside the cluster; the one with any address is the first."""
    if row is None and column is not None:
        return found.incoming(column)
    if row is not None and column is None:
        return found.outgoing(row)
    return ()


def _is_any_address(one: Connection) -> bool:
    return ALL_ADDRESSES in (one.source, one.destination)


def _address_notes(found: FoldedList, row: int | None, column: int | None, short: Sequence[str]) -> Iterator[str]:
    """The addresses of a cell that only says that there are some."""
    outside = _with_outside(found, row, column)
    if not outside or _is_any_address(outside[0]):
        return
    for one in outside:
        source = one.source if row is None else short[row]
        destination = one.destination if column is None else short[column]
        yield one_line(f"{source} -> {destination}: {one.traffic_text}")


def _passing(one: Connection) -> str:
    return f"{_PARTLY}{cell(one.traffic)}" if one.is_partial else cell(one.traffic)


def _short_names(classes: Sequence[Sequence[Reference]]) -> list[str]:
    """A name for each class: its only member, the namespaces if it is all of them, or its first member."""
    in_namespace = Counter(member.namespace for members in classes for member in members)
    return [one_line(_short_name(members, in_namespace)) for members in classes]


def _short_name(members: Sequence[Reference], in_namespace: Counter[str]) -> str:
    if len(members) == 1:
        return str(members[0])
    inside = Counter(member.namespace for member in members)
    if "" not in inside and all(in_namespace[name] == number for name, number in inside.items()):
        return ", ".join(f"all {number} in {name}" for name, number in inside.items())
    return f"{members[0]} and {len(members) - 1} more"


def _column_heads(made: Matrix) -> list[str]:
    if made.rows == made.columns:
        return [str(number) for number, _ in enumerate(made.columns, 1)]
    return list(islice(_letters(), len(made.columns)))


def _letters() -> Iterator[str]:
    """`a` to `z`, `aa`, `ab` and so on."""
    for length in count(1):
        yield from map("".join, product(ascii_lowercase, repeat=length))


def _legend(made: Matrix, numbers: Sequence[str], heads: Sequence[str]) -> list[str]:
    """The legend: the heads of the columns, if they are not the rows, and the members of rows and columns."""
    rows = [(number, members) for number, members in zip(numbers, made.rows, strict=True) if len(members) > 1]
    columns = [] if made.rows == made.columns else list(zip(heads, made.columns, strict=True))
    width = max((len(head) for head, _ in (*columns, *rows)), default=0)
    return [f"{head:<{width}} {one_line(', '.join(members))}" for head, members in (*columns, *rows)]


def _centred(cells: Iterable[str], widths: Iterable[int]) -> str:
    return _GAP.join(cell.center(width) for cell, width in zip(cells, widths, strict=True))


def _rows(made: Matrix) -> list[tuple[str, ...]]:
    return [(", ".join(members), *row) for members, row in zip(made.rows, made.cells, strict=True)]
