"""The map of a change: what it opens and closes between the workloads that it affects, and what stays allowed between
them.

Opened traffic is a strong line with a plus, closed traffic a dashed line with a minus, and the rest a thin line. Boxes
have the same places before and after the change.
"""

# Annotations are not evaluated: drawing a map of connections does not import the modules that compare clusters.
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from ringfence.engine.population import Reference
from ringfence.model.policies import Direction
from ringfence.render.formats import Element, element, svg_text
from ringfence.render.matrix import OUTSIDE, cell
from ringfence.render.pictures.boxes import (
    LONGEST_LINE,
    Box,
    address_lines,
    arrowhead,
    drawn_boxes,
    drawn_lanes,
    edge_labels,
    few_lines,
    passing_text,
)
from ringfence.render.pictures.drawing import Picture, box, label, paragraphs, tooltip
from ringfence.render.pictures.lanes import LaneEdge, LaneLayout, LaneNode, lane_layout
from ringfence.render.pictures.look import FONT_SIZE, LINE, MARGIN, STYLE, Rectangle, shortened, text_width
from ringfence.render.pictures.names import ShortNames
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

if TYPE_CHECKING:
    from ringfence.analysis.differences import ChangedArrow, ChangedArrows, ClusterDifference, Ends

# The kinds of arrows by their values (`analysis.differences.ArrowKind`).
_OPENED, _CLOSED, _KEPT = _KINDS = "opened", "closed", "kept"
_SIGNS: Final[Mapping[str, str]] = {_OPENED: "+", _CLOSED: "-", _KEPT: ""}
_WORDS: Final[Mapping[str, str]] = {_OPENED: "opened", _CLOSED: "closed", _KEPT: "as before"}
_WIDTHS: Final[Mapping[str, float]] = {_OPENED: 2.6, _CLOSED: 1.6, _KEPT: 1.0}
_LINES: Final = {"+": "opened", "-": "closed", "!": "heading"}
_LONGEST_LABEL: Final = 150
"""The width of the longest label of an arrow, in CSS pixels."""
_LEAST_WIDTH: Final = 560
"""The least width of the picture, in CSS pixels: the texts around the map need it."""
_STYLE: Final = f"""{STYLE}
text.opened {{ fill: #a34700; font-weight: bold }}
text.closed {{ fill: #005a8f }}
.edge.opened {{ stroke: #a34700; stroke-width: {_WIDTHS[_OPENED]:g} }}
.edge.closed {{ stroke: #005a8f; stroke-width: {_WIDTHS[_CLOSED]:g}; stroke-dasharray: 6 4 }}
.edge.kept {{ stroke: #818b95; stroke-width: {_WIDTHS[_KEPT]:g} }}
.head.opened {{ fill: #a34700 }}
.head.closed {{ fill: #005a8f }}
.head.kept {{ fill: #818b95 }}
.box.came {{ stroke: #a34700; stroke-width: 2.5 }}
.box.gone {{ stroke: #005a8f; stroke-dasharray: 6 4 }}
@media (prefers-color-scheme: dark) {{
text.opened {{ fill: #f2a154 }}
text.closed {{ fill: #6cbdf0 }}
.edge.opened {{ stroke: #f2a154 }}
.edge.closed {{ stroke: #6cbdf0 }}
.head.opened {{ fill: #f2a154 }}
.head.closed {{ fill: #6cbdf0 }}
.box.came {{ stroke: #f2a154 }}
.box.gone {{ stroke: #6cbdf0 }}
}}
"""


class DrawnChanges(msgspec.Struct, frozen=True):
    """The map of a change with its places: lanes by name, boxes by what they stand for, and arrows with their edges.

    `size` is the number of ends that take part in the change, of which `left_out` are not drawn.
    """

    lanes: tuple[str, ...]
    boxes: dict[Ends, Box]
    arrows: tuple[ChangedArrow, ...]
    edges: tuple[LaneEdge, ...]
    layout: LaneLayout
    notes: tuple[str, ...]
    size: int
    left_out: int

    def below(self, top: float) -> DrawnChanges:
        """The same map, moved down to begin at a height."""
        return msgspec.structs.replace(self, layout=_layout(self.lanes, self.boxes, self.edges, top))


def drawn_changes(found: ClusterDifference, drawn: ChangedArrows, top: float = 0) -> DrawnChanges:
    """The places of the map of a change, which begins at a height."""
    boxes = _boxes(found, drawn)
    places = {end: number for number, end in enumerate(boxes)}
    lanes = sorted({one.lane for one in boxes.values()}, key=lambda lane: (lane != OUTSIDE, lane))
    arrows = [one for one in drawn.arrows if one.source in places and one.destination in places]
    arrows = [one for one in arrows if one.source != one.destination]
    edges = [
        LaneEdge(places[one.source], places[one.destination], _arrow_label(one), _KINDS.index(one.kind))
        for one in arrows
    ]
    return DrawnChanges(
        tuple(lanes),
        boxes,
        tuple(arrows),
        tuple(edges),
        _layout(lanes, boxes, edges, top),
        tuple(_notes(drawn, boxes)),
        drawn.size,
        drawn.size - len(drawn.ends),
    )


def _layout(lanes: Sequence[str], boxes: Mapping[Ends, Box], edges: Sequence[LaneEdge], top: float) -> LaneLayout:
    nodes = [LaneNode(lanes.index(one.lane), one.lines) for one in boxes.values()]
    return lane_layout(len(lanes), nodes, edges, top)


def changes_picture(found: ClusterDifference, changes: ChangedArrows, summary: str, closing: str = "") -> Picture:
    """The map of a change. `summary` is one line about the size of the change, and `closing` says what is the same."""
    drawn = drawn_changes(found, changes)
    inner = max(_LEAST_WIDTH, drawn.layout.width + MARGIN)
    said, used = paragraphs([summary, *filter(None, [closing])], MARGIN + FONT_SIZE + LINE + 4, inner)
    drawn = drawn.below(MARGIN + FONT_SIZE + LINE + used)
    bottom = drawn.layout.height + 2 * LINE
    legend = list(_legend([one.kind for one in changes.arrows], bottom))
    bottom += 1.5 * LINE if legend else 0
    notes, noted = paragraphs(list(drawn.notes), bottom, inner)
    height = bottom + noted - LINE + MARGIN
    changed = sum(one.kind != _KEPT for one in drawn.arrows)
    svg = svg_text(
        (inner, height),
        "What a change opens and closes",
        f"{summary}. A map of {len(drawn.boxes)} boxes in {len(drawn.lanes)} lanes, one for each namespace, with "
        f"{changed} arrows that were opened or closed and {len(drawn.arrows) - changed} that stay.",
        _STYLE,
        [
            *(arrowhead(f"head-{kind}", f"head {kind}", _WIDTHS[kind]) for kind in _KINDS),
            box(Rectangle(0, 0, inner, height), "paper"),
            label(MARGIN, MARGIN + FONT_SIZE, "What the change opens and closes", style="heading"),
            *said,
            *drawn_lanes(drawn.lanes, drawn.layout),
            *_drawn_arrows(drawn.arrows, drawn.edges, drawn.layout, drawn.boxes),
            *drawn_boxes(drawn.boxes.values(), drawn.layout, _LINES),
            *legend,
            *notes,
        ],
    )
    return Picture(svg, drawn.size, drawn.left_out)


def _arrow_label(one: ChangedArrow) -> str:
    return shortened(f"{_SIGNS[one.kind]} {passing_text(one.passing)}".strip(), _LONGEST_LABEL)


def _boxes(found: ClusterDifference, drawn: ChangedArrows) -> dict[Ends, Box]:
    """The boxes of the ends, except "any address", which is a line in the boxes that it is connected with."""
    classes = [end for end in drawn.ends if not isinstance(end, Addresses)]
    names = ShortNames(classes, LONGEST_LINE)
    lines = _lines(found, drawn)
    boxes: dict[Ends, Box] = {}
    for place, members in enumerate(classes):
        further = lines.get(members, [])
        style = "box"
        for kind, one in (("came", found.added), ("gone", found.removed)):
            if members[0] in one:
                style = f"box {kind}"
        everything = "; ".join([", ".join(map(str, members)), *further])
        shown = (names.of(place), *(shortened(line, LONGEST_LINE) for line in few_lines(further)))
        boxes[members] = Box(members[0].namespace, shown, style, everything)
    for addresses in drawn.ends:
        if isinstance(addresses, Addresses) and addresses != ALL_ADDRESSES:
            blocks = few_lines(address_lines(addresses))
            boxes[addresses] = Box(OUTSIDE, tuple(blocks), "box outside", str(addresses))
    return boxes


def _lines(found: ClusterDifference, drawn: ChangedArrows) -> Mapping[Ends, Sequence[str]]:
    """The lines in the boxes of classes: all changes that have no arrow."""
    lines: defaultdict[Ends, list[str]] = defaultdict(list)
    for one in drawn.arrows:
        text = f"{_SIGNS[one.kind]} ".lstrip(), passing_text(one.passing)
        if one.source == one.destination:
            lines[one.source].append(f"{text[0]}↻ each other: {text[1]}")
        elif one.source == ALL_ADDRESSES:
            lines[one.destination].append(f"{text[0]}⇠ from any address: {text[1]}")
        elif one.destination == ALL_ADDRESSES:
            lines[one.source].append(f"{text[0]}⇢ to any address: {text[1]}")
    for members in drawn.ends:
        if not isinstance(members, Addresses):
            lines[members] += _lines_of(found, members[0])
    return lines


def _lines_of(found: ClusterDifference, workload: Reference) -> Iterator[str]:
    """What changes for a workload besides its connections with others."""
    from ringfence.render.possible_pods import possible_traffic_text

    if workload in found.added:
        yield "+ added"
    if workload in found.removed:
        yield "- removed"
    for isolation in found.isolation:
        if workload in isolation.workloads:
            yield f"! {'now' if isolation.is_isolated else 'no longer'} isolated for {isolation.direction.field}"
    for exposure in found.exposure:
        if workload in exposure.workloads:
            sign = "+" if exposure.kind == _OPENED else "-"
            arrow = "⇠" if exposure.direction is Direction.INGRESS else "⇢"
            by_name = exposure.traffic.by_name
            traffic = possible_traffic_text(exposure.traffic) if by_name else cell(exposure.traffic.by_number)
            yield f"{sign} {arrow} pods to come: {traffic}"


def _drawn_arrows(
    arrows: Sequence[ChangedArrow], edges: Sequence[LaneEdge], layout: LaneLayout, boxes: Mapping[Ends, Box]
) -> Iterator[Element]:
    """The arrows, those of unchanged traffic below the others, and their labels above them."""
    drawn = sorted(zip(arrows, edges, layout.routes, strict=True), key=lambda one: one[0].kind != _KEPT)
    for arrow, _, route in drawn:
        ends = f"{boxes[arrow.source].tooltip} -> {boxes[arrow.destination].tooltip}"
        sentence = f"{_WORDS[arrow.kind]}: {ends}: {arrow.passing}"
        path = element("path", d=route.path, class_=f"edge {arrow.kind}", marker_end=f"url(#head-{arrow.kind})")
        yield element("g", tooltip(sentence), path)
    yield from edge_labels(
        (edge, route, " quiet" if arrow.kind == _KEPT else f" {arrow.kind}") for arrow, edge, route in drawn
    )


def _legend(kinds: Iterable[str], y: float) -> Iterator[Element]:
    """The legend of the kinds of lines that are in the picture."""
    x = float(MARGIN)
    present = set(kinds)
    for kind in _KINDS:
        if kind not in present:
            continue
        line = f"M{x:.1f} {y - 4:.1f} H{x + 34:.1f}"
        yield element("path", d=line, class_=f"edge {kind}", marker_end=f"url(#head-{kind})")
        words = f"{_SIGNS[kind]} {_WORDS[kind]}".strip()
        yield label(x + 42, y, words, style="small")
        x += 42 + text_width(words) + 24


def _notes(drawn: ChangedArrows, boxes: Mapping[Ends, Box]) -> Iterator[str]:
    """The notes: the meaning of the signs, the further members of boxes, and what is not drawn."""
    texts = [line for one in boxes.values() for line in one.lines[1:]]
    if any("pods to come" in line for line in texts):
        yield "pods to come: pods that do not exist yet; the text of the difference says which"
    if any(one.passing.traffic == ALL_TRAFFIC for one in drawn.arrows):
        yield "all: all ports of TCP, UDP and SCTP"
    if any(one.passing.is_partial for one in drawn.arrows):
        yield "~ for some of the pods only"
    if not drawn.has_kept:
        yield "What stays between these is not drawn, because it is too much."
    if drawn.size > len(drawn.ends):
        yield f"{drawn.size - len(drawn.ends)} of {drawn.size} boxes are not drawn: those with the fewest changes."
    for members, one in boxes.items():
        if not isinstance(members, Addresses) and len(members) > 1:
            yield f"{one.lines[0]} in {one.lane}: {', '.join(map(str, members))}"
