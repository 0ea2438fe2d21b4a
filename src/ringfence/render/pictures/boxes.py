"""Lanes with boxes in them, as elements of a picture, and the heads of arrows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ringfence.analysis.lists import Passing
from ringfence.render.formats import Element, element, one_line
from ringfence.render.matrix import cell
from ringfence.render.pictures.drawing import box, label, tooltip
from ringfence.render.pictures.lanes import LaneEdge, LaneLayout, Route
from ringfence.render.pictures.look import LINE, MARGIN, shortened
from ringfence.sets.addresses import Addresses

MOST_BOXES: Final = 150
"""The largest number of boxes in a picture; more would not be readable."""

MOST_ARROWS: Final = 400
"""The largest number of arrows in a picture; more could not be told apart."""

LONGEST_LINE: Final = 260
"""The width of the longest line in a box, in CSS pixels."""

_MOST_LINES: Final = 8
"""The largest number of lines in a box below its name; its tooltip lists all."""

_HEAD: Final = 9.1
"""The length of the head of an arrow, in CSS pixels."""
_NO_STYLES: Final[Mapping[str, str]] = {}


class Box(msgspec.Struct, frozen=True):
    """A box: its lane, its lines, its classes of the style sheet, and the text of its tooltip."""

    lane: str
    lines: tuple[str, ...]
    style: str
    tooltip: str


def passing_text(passing: Passing) -> str:
    """Traffic on an arrow: `3306`, `53/UDP`, `all`."""
    text = cell(passing.traffic)
    return f"~{text}" if passing.is_partial else text


def address_lines(addresses: Addresses) -> Iterator[str]:
    """Addresses, a block on each line, with what is taken out of it on lines below it."""
    for block, exceptions in addresses.blocks():
        yield block
        for exception in exceptions:
            yield f"  except {exception}"


def few_lines(lines: Iterable[str]) -> list[str]:
    """The first lines, as many as a box may have, and the number of the others."""
    found = list(lines)
    if len(found) > _MOST_LINES:
        found[_MOST_LINES - 1 :] = [f"and {len(found) - _MOST_LINES + 1} more"]
    return found


def arrowhead(name: str, style: str, line: float = 1.3) -> Element:
    """The head of arrows, which refer to it by its name. It has the same size for lines of all widths."""
    return element(
        "defs",
        element(
            "marker",
            element("path", d="M0 0 L10 5 L0 10 z", class_=style),
            id=name,
            viewBox="0 0 10 10",
            refX=9.0,
            refY=5.0,
            # SVG scales markers with the width of the line, which is undone here.
            markerWidth=_HEAD / line,
            markerHeight=_HEAD / line,
            orient="auto-start-reverse",
        ),
    )


def drawn_lanes(lanes: Iterable[str], layout: LaneLayout) -> Iterator[Element]:
    """The lanes with their names: namespaces, or other ends, which have no namespace."""
    for name, lane in zip(lanes, layout.lanes, strict=True):
        yield box(lane, "lane", radius=6)
        title = shortened(one_line(name) or "namespaces", lane.width - 2 * MARGIN)
        yield label(lane.x + 10, lane.y + LINE, title, style="small quiet heading")


def drawn_boxes(boxes: Iterable[Box], layout: LaneLayout, styles: Mapping[str, str] = _NO_STYLES) -> Iterator[Element]:
    """The boxes. `styles` are classes for further lines that begin with a sign; others are quiet."""
    for one, place in zip(boxes, layout.nodes, strict=True):
        parts = [tooltip(one.tooltip), box(place, one.style, radius=4)]
        y = place.y + (place.height - len(one.lines) * LINE) / 2 + LINE - 4
        for number, line in enumerate(one.lines):
            style = styles.get(line[:1], "quiet") if number else ""
            parts.append(label(place.x + 10, y + number * LINE, line, style=style))
        yield element("g", *parts)


def edge_labels(drawn: Iterable[tuple[LaneEdge, Route, str]]) -> Iterator[Element]:
    """The labels of edges, beside their arrowheads, in a style each. Edges that share an arrowhead share the label."""
    written = set()
    for edge, route, style in drawn:
        # Text over the same text looks bold, and makes the document larger.
        if (place := (route.label_x, route.label_y)) not in written:
            written.add(place)
            yield label(*place, edge.label, style=f"small halo{style}{' end' if route.label_ends else ''}")
