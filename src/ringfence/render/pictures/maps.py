"""The map: namespaces as lanes, pods and workloads as boxes, and arrows for what may pass.

What everybody may do is a line in a box, and what all of a namespace may do is one arrow (`analysis.lists.arrows`):
100 workloads that ask the same server for names are a line, not 100 arrows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

import msgspec

from ringfence.analysis.lists import ArrowMark, Arrows, FoldedList, FoldedView, Group, Passing, folded_arrows
from ringfence.engine.population import Reference
from ringfence.render.formats import Element, element, svg_text
from ringfence.render.matrix import OUTSIDE
from ringfence.render.pictures.boxes import (
    LONGEST_LINE,
    MOST_BOXES,
    Box,
    address_lines,
    arrowhead,
    drawn_boxes,
    drawn_lanes,
    edge_label,
    few_lines,
    passing_text,
)
from ringfence.render.pictures.drawing import Picture, box, label, paragraphs, tooltip
from ringfence.render.pictures.lanes import LaneEdge, LaneLayout, LaneNode, lane_layout
from ringfence.render.pictures.look import FONT_SIZE, LINE, MARGIN, STYLE, shortened
from ringfence.render.pictures.names import ShortNames
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC


class DrawnMap(msgspec.Struct, frozen=True):
    """A map with its places: lanes by name, boxes by what they stand for, edges between boxes, and notes below.

    `size` is the number of classes, of which `left_out` are not drawn.
    """

    lanes: tuple[str, ...]
    boxes: dict[Group, Box]
    edges: tuple[LaneEdge, ...]
    layout: LaneLayout
    notes: tuple[str, ...]
    size: int
    left_out: int


def drawn_map(view: FoldedView, top: float = 0) -> DrawnMap:
    """The places of a map, below a height: of at most `MOST_BOXES` classes, those with most connections."""
    found = view.found.most_connected(MOST_BOXES)
    arrows = folded_arrows(found)
    boxes = _boxes(found, arrows, view.shown)
    places = {group: number for number, group in enumerate(boxes)}
    lanes = sorted({one.lane for one in boxes.values()}, key=lambda lane: (lane != OUTSIDE, lane))
    numbers = {lane: number for number, lane in enumerate(lanes)}
    edges = [
        LaneEdge(places[one.source], places[one.destination], passing_text(one.passing))
        for one in arrows.arrows
        if one.source != one.destination  # it is a line in the box
    ]
    layout = lane_layout(len(lanes), [LaneNode(numbers[one.lane], one.lines) for one in boxes.values()], edges, top)
    size = len(view.found.classes)
    notes = tuple(_notes(found, boxes))
    return DrawnMap(tuple(lanes), boxes, tuple(edges), layout, notes, size, size - len(found.classes))


def map_picture(view: FoldedView) -> Picture:
    """The map of at most `MOST_BOXES` classes: those with a connection, and those that are to be shown."""
    drawn = drawn_map(view, MARGIN + FONT_SIZE + LINE)
    layout, boxes, edges = drawn.layout, list(drawn.boxes.values()), drawn.edges
    width = max(layout.width + MARGIN, 560)
    notes, noted = paragraphs(list(drawn.notes), layout.height + 2 * LINE, width)
    height = layout.height + LINE + noted + MARGIN
    svg = svg_text(
        width,
        height,
        "Allowed connections",
        f"A map of {len(boxes)} boxes in {len(drawn.lanes)} lanes, one for each namespace, with {len(edges)} arrows.",
        STYLE,
        [
            arrowhead("head", "head"),
            box(0, 0, width, height, "paper"),
            label(MARGIN, MARGIN + FONT_SIZE, "Allowed connections", style="heading"),
            *drawn_lanes(drawn.lanes, layout),
            *_drawn_edges(edges, layout, boxes),
            *drawn_boxes(boxes, layout),
            *notes,
        ],
    )
    return Picture(svg, drawn.size, drawn.left_out)


def _boxes(found: FoldedList, arrows: Arrows, shown: Collection[Reference]) -> dict[Group, Box]:
    """The boxes by what they stand for."""
    names = ShortNames(found.classes, LONGEST_LINE)
    marks = _mark_lines(found, arrows, names)
    ends = {end for arrow in arrows.arrows for end in (arrow.source, arrow.destination)}
    boxes: dict[Group, Box] = {}
    for place, members in enumerate(found.classes):
        if place in ends or place in marks or any(member in shown for member in members):
            lines = (names.of(place), *(shortened(line, LONGEST_LINE) for line in few_lines(marks.get(place, ()))))
            is_open = any(mark.place == place for mark in arrows.from_any_address)
            everything = "; ".join([", ".join(map(str, members)), *marks.get(place, ())])
            boxes[place] = Box(members[0].namespace, lines, "box loud" if is_open else "box", everything)
    among = {one.source: passing_text(one.passing) for one in arrows.arrows if one.source == one.destination}
    for namespace in sorted(end for end in ends if isinstance(end, str)):
        lines = (f"all in {namespace}", *([f"↻ each other: {among[namespace]}"] if namespace in among else []))
        boxes[namespace] = Box(namespace, lines, "box group", "; ".join([f"all pods of {namespace}", *lines[1:]]))
    for addresses in sorted((end for end in ends if isinstance(end, Addresses)), key=str):
        boxes[addresses] = Box(OUTSIDE, tuple(few_lines(address_lines(addresses))), "box outside", str(addresses))
    return boxes


def _mark_lines(found: FoldedList, arrows: Arrows, names: ShortNames) -> dict[int, list[str]]:
    """What stands in the boxes of classes: what they have with all others, and among themselves."""
    lines: defaultdict[int, list[str]] = defaultdict(list)
    for mark in arrows.from_any_address:
        lines[mark.place].append(f"⇠ any address: {passing_text(mark.passing)}")
    for mark in arrows.from_everyone:
        lines[mark.place] += [f"⇠ everyone: {passing_text(mark.passing)}", *_exceptions(mark, names)]
    for mark in arrows.to_everyone:
        lines[mark.place] += [f"⇢ everyone: {passing_text(mark.passing)}", *_exceptions(mark, names)]
    for mark in arrows.to_any_address:
        lines[mark.place].append(f"⇢ any address: {passing_text(mark.passing)}")
    for mark in arrows.within:
        lines[mark.place].append(f"↻ each other: {passing_text(mark.passing)}")
    return lines


def _exceptions(mark: ArrowMark, names: ShortNames) -> Iterator[str]:
    """Those that a mark is not about, each on a line of its own."""
    for place in mark.exceptions:
        yield f"  but {names.of(place)}"


def _drawn_edges(edges: Iterable[LaneEdge], layout: LaneLayout, boxes: list[Box]) -> Iterator[Element]:
    drawn = list(zip(edges, layout.routes, strict=True))
    for edge, route in drawn:
        sentence = f"{boxes[edge.start].lines[0]} -> {boxes[edge.end].lines[0]}: {edge.label}"
        yield element("g", tooltip(sentence), element("path", d=route.path, class_="edge", marker_end="url(#head)"))
    for edge, route in drawn:
        yield edge_label(edge, route)


def _notes(found: FoldedList, boxes: dict[Group, Box]) -> Iterator[str]:
    """What the signs mean, and who the further members of a box are."""
    lines = [line for one in boxes.values() for line in one.lines[1:]]
    if any("everyone" in line for line in lines):
        yield "everyone: all others in this picture"
    if any(passing_text(Passing(ALL_TRAFFIC)) == line.rpartition(": ")[2] for line in lines):
        yield "all: all ports of TCP, UDP and SCTP"
    for place, one in boxes.items():
        if isinstance(place, int) and len(found.classes[place]) > 1:
            yield f"{one.lines[0]} in {one.lane}: {', '.join(map(str, found.classes[place]))}"
