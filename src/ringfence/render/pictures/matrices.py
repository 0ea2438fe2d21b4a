"""The matrix as a picture: a row for each source, a column for each destination, a band for each namespace.

Pods and workloads of a namespace that are equal are one row and one column (`analysis.lists.folded`). In a
well-protected cluster little is allowed, so denied cells are pale, allowed ones strong, and those open to any address
the most striking.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final

import msgspec

from ringfence.analysis.lists import Connection, FoldedList, FoldedView, MatrixOrder, limited, ordered
from ringfence.engine.population import Reference
from ringfence.render.formats import Element, element, svg_text
from ringfence.render.matrix import OUTSIDE, cell, is_wide
from ringfence.render.pictures.drawing import Picture, box, label, paragraphs, tooltip
from ringfence.render.pictures.look import (
    FONT_SIZE,
    LINE,
    MARGIN,
    SMALL_FONT_SIZE,
    STYLE,
    Rectangle,
    shortened,
    text_width,
)
from ringfence.render.pictures.names import ShortNames
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

MOST_ROWS: Final = 150
"""The largest number of rows and of columns; of more, those with the fewest connections are counted."""

_CELL: Final = 22
"""The height of a cell that has room for ports, and its least width, in CSS pixels."""
_SMALL_CELL: Final = 16
"""The size of a cell without room for ports, in CSS pixels."""
_FEW: Final = 30
"""The largest number of columns with which cells have room for ports."""
_GAP: Final = 2
"""The space between two cells, in CSS pixels."""
_GAP_OF_NAME: Final = LINE + 6
"""The space before a namespace, in which its name stands, in CSS pixels."""
_MOST_TEXT: Final = 11
"""The largest number of characters in a cell; of longer traffic, the number of ports is shown."""
_LONGEST_NAME: Final = 240
"""The width of the longest name of a row or column, in CSS pixels."""
_SLANT: Final = -50
_OTHERS: Final = "other addresses"


class CellKind(StrEnum):
    """The meaning of a cell. The values are classes of the style sheet."""

    NONE = "none"
    ITSELF = "itself"
    SOME = "some"
    PARTLY = "partly"
    ALL = "all"
    OPEN = "open"


_MEANINGS: Final = {
    CellKind.ALL: "all traffic",
    CellKind.SOME: "these ports, or some of the addresses",
    CellKind.PARTLY: "for some of the pods only",
    CellKind.OPEN: "any address, or most of them, may open it",
    CellKind.NONE: "nothing",
    CellKind.ITSELF: "one pod, which always reaches itself",
}


_MARKS: Final = {CellKind.SOME: "◐", CellKind.PARTLY: "~", CellKind.OPEN: "!"}
"""What is written in cells that are too small for ports."""


class _Cell(msgspec.Struct, frozen=True):
    """A cell: its short text, and a full sentence."""

    kind: CellKind
    text: str
    sentence: str


_NOTHING: Final = _Cell(CellKind.NONE, "", "")


class _Line(msgspec.Struct, frozen=True):
    """A row or a column: its class, or None for the outside of the cluster, and where it begins, in CSS pixels."""

    place: int | None
    name: str
    members: str
    namespace: str
    start: float


def matrix_picture(view: FoldedView, order: MatrixOrder = MatrixOrder.NAME) -> Picture:
    """The matrix of at most `MOST_ROWS` classes, which are within namespaces or are namespaces, in an order.

    Of more, those with the fewest connections are a row and a column for each namespace.
    """
    shown = limited(view, MOST_ROWS)
    found = ordered(shown.found, order)
    rows: list[int | None] = [*found.sources, *([None] if view.from_outside else [])]
    columns: list[int | None] = [*found.destinations, *([None] if view.to_outside else [])]
    names = ShortNames(found.classes, _LONGEST_NAME, shown.rests)
    # All cells come first, because the width of a column is that of the longest text in any of them.
    cells = {(row, column): _cell(found, row, column, view.several, names) for row in rows for column in columns}
    small = len(columns) > _FEW
    texts = [one.text for one in cells.values()]
    width = _SMALL_CELL if small else max([_CELL, *(text_width(text, SMALL_FONT_SIZE) + 8 for text in texts)])
    height = _SMALL_CELL if small else _CELL
    down, across = (list(_lines(found, places, names, size)) for places, size in ((rows, height), (columns, width)))
    left = MARGIN + max((text_width(line.name) for line in down), default=0) + 12
    heads = max((text_width(text) for line in across for text in (line.name, line.namespace)), default=0)
    top = MARGIN + 1.5 * LINE + 0.77 * heads + 14  # sin 50 degrees
    elements = [
        label(MARGIN, MARGIN + FONT_SIZE, "Allowed connections: sources down, destinations across", style="heading"),
        *_row_heads(down, left, top, height),
        *_column_heads(across, left, top, width),
    ]
    elements += _empty_blocks(down, across, (left, top), (width, height))
    for row in down:
        for column in across:
            one = cells[row.place, column.place]
            # Empty cells are in the blocks behind, so they need no element.
            if one.kind is not CellKind.NONE:
                at = Rectangle(left + column.start, top + row.start, width, height)
                elements.append(_drawn(one, at, small=small))
    ends = [left + line.start + max(width, width / 2 + 0.65 * text_width(line.name)) for line in across]  # cos 50
    whole = max([560, *ends]) + MARGIN
    bottom = top + (down[-1].start + height if down else 0) + 2 * LINE
    legend, used = _legend({one.kind for one in cells.values()}, bottom, whole, small=small)
    notes, noted = paragraphs(
        [
            *_notes(found, rows, columns, names, _MARKS[CellKind.SOME] if small else "*"),
            *names.notes({*found.sources, *found.destinations}),
        ],
        bottom + used + LINE / 2,
        whole,
    )
    total = bottom + used + noted + MARGIN
    svg = svg_text(
        (whole, total),
        "Allowed connections",
        f"A matrix of {len(down)} sources, in rows, and {len(across)} destinations, in columns.",
        STYLE,
        [box(Rectangle(0, 0, whole, total), "paper"), *elements, *legend, *notes],
    )
    return Picture(svg, len(view.found.classes), shown.left_out)


def _lines(found: FoldedList, places: Sequence[int | None], names: ShortNames, size: float) -> Iterator[_Line]:
    """Rows or columns one after another, with a gap before each namespace, in which its name stands."""
    start = 0.0
    for namespace, members in groupby(places, key=lambda place: _namespace(found, place)):
        start += _GAP_OF_NAME
        for place in members:
            name = _OTHERS if place is None else names.of(place)
            yield _Line(place, name, _members(names, place), namespace, start)
            start += size + _GAP


def _namespace(found: FoldedList, place: int | None) -> str:
    return OUTSIDE if place is None else found.classes[place][0].namespace


def _row_heads(lines: Sequence[_Line], left: float, top: float, height: float) -> Iterator[Element]:
    for namespace, members in groupby(lines, key=lambda line: line.namespace):
        band = list(members)
        if band[0].place is not None:
            y = top + band[0].start - 6
            yield label(MARGIN, y, shortened(namespace or "namespaces", _LONGEST_NAME), style="small quiet heading")
        for line in band:
            name = label(left - 8, top + line.start + height / 2 + 4, line.name, style="end")
            yield element("g", tooltip(line.members), name)


def _column_heads(lines: Sequence[_Line], left: float, top: float, width: float) -> Iterator[Element]:
    base = top + LINE + 2
    for namespace, members in groupby(lines, key=lambda line: line.namespace):
        band = list(members)
        if band[0].place is not None and namespace:
            x = left + band[0].start - 4
            title = shortened(namespace, _LONGEST_NAME)
            yield label(x, base, title, style="small quiet heading", turned=_SLANT)
        for line in band:
            name = label(left + line.start + width / 2 + 4, base, line.name, turned=_SLANT)
            yield element("g", tooltip(line.members), name)


def _empty_blocks(
    down: Sequence[_Line], across: Sequence[_Line], corner: tuple[float, float], size: tuple[float, float]
) -> Iterator[Element]:
    """The cells as if all were empty: a block for each pair of namespaces, filled with a pattern of cells.

    Most cells of a large matrix are empty. An element for each would make the document several times as large.
    """
    (left, top), (width, height) = corner, size
    tile = box(Rectangle(0, 0, width, height), f"cell {CellKind.NONE}", radius=2)
    yield element(
        "defs",
        element("pattern", tile, id="empty", width=width + _GAP, height=height + _GAP, patternUnits="userSpaceOnUse"),
    )
    for _, rows in groupby(down, key=lambda line: line.namespace):
        band = list(rows)
        for _, columns in groupby(across, key=lambda line: line.namespace):
            block = list(columns)
            yield element(
                "rect",
                width=len(block) * (width + _GAP),
                height=len(band) * (height + _GAP),
                fill="url(#empty)",
                transform=f"translate({left + block[0].start:.1f} {top + band[0].start:.1f})",
            )


def _drawn(one: _Cell, at: Rectangle, *, small: bool) -> Element:
    """A cell. One that is too small for ports has a mark in place of them."""
    parts = [tooltip(one.sentence), box(at, f"cell {one.kind}", radius=2)]
    if text := _MARKS.get(one.kind, "") if small else one.text:
        parts.append(_centred(text, one.kind, at))
    return element("g", *parts)


def _centred(text: str, kind: CellKind, at: Rectangle) -> Element:
    """The text of a cell, in its middle."""
    return label(at.x + at.width / 2, at.y + at.height / 2 + 4, text, style=f"small middle on-{kind}")


def _cell(
    found: FoldedList, row: int | None, column: int | None, several: Collection[Reference], names: ShortNames
) -> _Cell:
    if row is None and column is None:
        return _Cell(CellKind.ITSELF, "", "Both are outside the cluster.")
    if row is not None and column is not None:
        one = found.between(row, column)
        if one is None:
            # Only one pod has no traffic with itself that policies decide. Several pods of a workload have some with
            # each other.
            alone = row == column and len(found.classes[row]) == 1 and found.classes[row][0] not in several
            return _Cell(CellKind.ITSELF, "", f"{found.classes[row][0]} is one pod") if alone else _NOTHING
        return _passing(one, f"{_members(names, row)} -> {_members(names, column)}: {one.traffic_text}")
    parts = found.incoming(column) if column is not None else found.outgoing(row or 0)
    if not parts:
        return _NOTHING
    first = parts[0]
    if ALL_ADDRESSES in (first.source, first.destination):
        shown = _passing(first, f"{_members(names, row)} -> {_members(names, column)}: {first.traffic_text}")
    else:
        shown = _Cell(CellKind.SOME, "some*", "; ".join(map(str, parts)))
    if row is None and any(is_wide(one.source) for one in parts):
        return msgspec.structs.replace(shown, kind=CellKind.OPEN, text=f"! {shown.text.replace('some', 'most')}")
    return shown


def _passing(one: Connection, sentence: str) -> _Cell:
    text = cell(one.traffic)
    if len(text) > _MOST_TEXT:
        text = f"{len(text.replace(' ', ',').split(','))} ports"
    if one.is_partial:
        return _Cell(CellKind.PARTLY, f"~{text}", sentence)
    return _Cell(CellKind.ALL if one.traffic == ALL_TRAFFIC else CellKind.SOME, text, sentence)


def _members(names: ShortNames, place: int | None) -> str:
    return OUTSIDE if place is None else names.members(place)


def _legend(kinds: Collection[CellKind], y: float, width: float, *, small: bool) -> tuple[list[Element], float]:
    """The legend of the cells with their marks, in as many lines as needed, and its height."""
    made: list[Element] = []
    x, start = float(MARGIN), y
    for kind in _MEANINGS:
        if kind not in kinds:
            continue
        room = _SMALL_CELL + 6 + text_width(_MEANINGS[kind], SMALL_FONT_SIZE) + 18
        if x + room > width and x > MARGIN:
            x, y = MARGIN, y + LINE + 4
        sample = Rectangle(x, y - 11, _SMALL_CELL, _SMALL_CELL - 2)
        made.append(box(sample, f"cell {kind}", radius=2))
        if (mark := _MARKS.get(kind)) and (small or kind is not CellKind.SOME):
            made.append(_centred(mark, kind, sample))
        made.append(label(x + _SMALL_CELL + 6, y, _MEANINGS[kind], style="small"))
        x += room
    return made, y + LINE + 4 - start


def _notes(
    found: FoldedList, rows: Sequence[int | None], columns: Sequence[int | None], names: ShortNames, mark: str
) -> Iterator[str]:
    """The legend of `some*`: the addresses, with all rows or columns that have the same ones, each after a mark."""
    for places, lists, is_source in ((rows, found.outgoing, True), (columns, found.incoming, False)):
        if None not in (columns if is_source else rows):
            continue
        alike: defaultdict[tuple[Addresses, str], list[str]] = defaultdict(list)
        for place in places:
            for one in lists(place) if place is not None else ():
                addresses = one.destination if is_source else one.source
                if isinstance(addresses, Addresses) and addresses != ALL_ADDRESSES:
                    alike[addresses, one.traffic_text].append(_place_text(found, place or 0, names))
        for (addresses, traffic), several in alike.items():
            ends = [", ".join(several), str(addresses)]
            yield f"{mark} {' -> '.join(ends if is_source else ends[::-1])}: {traffic}"


def _place_text(found: FoldedList, place: int, names: ShortNames) -> str:
    """A class in a sentence: its member if it has only one, otherwise its short name with its namespace."""
    members = found.classes[place]
    if len(members) == 1 or not members[0].namespace:
        return names.members(place)
    return f"{names.of(place)} in {members[0].namespace}"
