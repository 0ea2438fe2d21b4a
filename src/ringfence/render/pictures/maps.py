"""The map: namespaces as lanes, pods and workloads as boxes, and arrows for the allowed traffic.

Connections that all may open are a line in a box, and connections that a whole namespace may open are one arrow
(`analysis.lists.arrows`): 100 workloads that use the same DNS server are one line, not 100 arrows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from ringfence.analysis.lists import (
    Arrow,
    ArrowMark,
    Arrows,
    FoldedView,
    Group,
    LimitedList,
    Passing,
    folded_arrows,
    limited,
)
from ringfence.engine.population import Reference
from ringfence.render.formats import Element, element, svg_text
from ringfence.render.matrix import OUTSIDE, is_wide
from ringfence.render.pictures.boxes import (
    LONGEST_LINE,
    MOST_ARROWS,
    MOST_BOXES,
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
from ringfence.render.pictures.look import FONT_SIZE, LINE, MARGIN, STYLE, Rectangle, shortened
from ringfence.render.pictures.names import ShortNames
from ringfence.render.pictures.outside_lines import (
    address_notes,
    outside_line,
    short_addresses,
    without_addresses,
    wrapped_lines,
)
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

_LEAST_BOXES: Final = 30
"""A map is not folded into fewer boxes to have fewer arrows."""
READABLE_ARROWS: Final = 150
"""A map with more arrows is by namespace, unless it is asked for as it is."""


class DrawnMap(msgspec.Struct, frozen=True):
    """A map with its places: lanes by name, boxes by what they stand for, edges between boxes, and notes below.

    `classes` are the members of the classes, of which those at `rests` are not equal. `size` is the number of classes
    of the whole map; of these, `left_out` have no box of their own.
    """

    lanes: tuple[str, ...]
    boxes: dict[Group, Box]
    classes: tuple[tuple[Reference, ...], ...]
    rests: frozenset[int]
    edges: tuple[LaneEdge, ...]
    layout: LaneLayout
    notes: tuple[str, ...]
    size: int
    left_out: int

    def members(self, group: Group) -> Sequence[Reference]:
        """The members of a class that has a box of its own; none for other boxes."""
        return self.classes[group] if isinstance(group, int) and group not in self.rests else ()


def drawn_map(view: FoldedView, top: float = 0) -> DrawnMap:
    """The places of a map, which begins at a height: at most `MOST_BOXES` classes, those with the most connections.

    The others of each namespace are one box with their number. If there are more than `MOST_ARROWS` arrows, fewer
    classes have a box. Many addresses have no boxes, but lines (`outside_lines`).
    """
    most = MOST_BOXES
    while True:
        shown = limited(view, most)
        arrows = folded_arrows(shown.found)
        drawn, lined = without_addresses(arrows.arrows)
        if len(drawn) <= MOST_ARROWS or most <= _LEAST_BOXES:
            break
        # How many arrows fewer boxes leave cannot be computed without folding, so it is tried, in a few steps.
        most = most * 3 // 4
    names = ShortNames(shown.found.classes, LONGEST_LINE, shown.rests)
    boxes = _boxes(view, shown, arrows, lined, names)
    places = {group: number for number, group in enumerate(boxes)}
    lanes = _lanes(boxes.values())
    numbers = {lane: number for number, lane in enumerate(lanes)}
    edges = [
        LaneEdge(places[one.source], places[one.destination], passing_text(one.passing))
        for one in drawn
        if one.source != one.destination  # it is a line in the box
    ]
    layout = lane_layout(len(lanes), [LaneNode(numbers[one.lane], one.lines) for one in boxes.values()], edges, top)
    # A class may be named without having a box: as an exception from a mark.
    marks = (*arrows.from_everyone, *arrows.to_everyone)
    named = {*(group for group in boxes if isinstance(group, int)), *(one for mark in marks for one in mark.exceptions)}
    notes = (*_legend(boxes.values(), edges), *names.notes(named), *address_notes(lined))
    size = len(view.found.classes)
    classes = shown.found.classes
    return DrawnMap(tuple(lanes), boxes, classes, shown.rests, tuple(edges), layout, notes, size, shown.left_out)


def too_many_arrows(view: FoldedView) -> int:
    """The number of arrows of a map of several namespaces, if a reader cannot follow so many; otherwise 0."""
    if len({members[0].namespace for members in view.found.classes}) < 2:
        return 0
    arrows, _ = without_addresses(folded_arrows(view.found).arrows)
    number = sum(one.source != one.destination for one in arrows)  # the others are lines in boxes
    return number if number > READABLE_ARROWS else 0


def map_picture(view: FoldedView) -> Picture:
    """The map of the classes with a connection, and of those that are to be shown, as `drawn_map` limits them."""
    drawn = drawn_map(view, MARGIN + FONT_SIZE + LINE)
    layout, boxes, edges = drawn.layout, list(drawn.boxes.values()), drawn.edges
    width = max(layout.width + MARGIN, 560)
    notes, noted = paragraphs(list(drawn.notes), layout.height + 2 * LINE, width)
    height = layout.height + LINE + noted + MARGIN
    svg = svg_text(
        (width, height),
        "Allowed connections",
        f"A map of {len(boxes)} boxes in {len(drawn.lanes)} lanes, one for each namespace, with {len(edges)} arrows.",
        STYLE,
        [
            arrowhead("head", "head"),
            box(Rectangle(0, 0, width, height), "paper"),
            label(MARGIN, MARGIN + FONT_SIZE, "Allowed connections", style="heading"),
            *drawn_lanes(drawn.lanes, layout),
            *_drawn_edges(edges, layout, boxes),
            *drawn_boxes(boxes, layout),
            *notes,
        ],
    )
    return Picture(svg, drawn.size, drawn.left_out)


def _boxes(
    view: FoldedView, shown: LimitedList, arrows: Arrows, lined: Sequence[Arrow], names: ShortNames
) -> dict[Group, Box]:
    """The boxes by what they stand for. The arrows `lined` are lines in them."""
    found = shown.found
    marks = _mark_lines(view, shown, arrows, names)
    outside = _outside_lines(lined, short_addresses)
    whole = _outside_lines(lined, str)
    ends = {end for arrow in arrows.arrows for end in (arrow.source, arrow.destination)}
    open_ends: set[Group] = {mark.place for mark in arrows.from_any_address}
    open_ends |= {arrow.destination for arrow in arrows.arrows if is_wide(arrow.source)}
    boxes: dict[Group, Box] = {}
    for place, members in enumerate(found.classes):
        # Without a connection, a box says nothing, unless the user has asked about it.
        if place in ends or place in marks or any(member in view.shown for member in members):
            said = [*marks.get(place, ()), *outside.get(place, ())]
            lines = (names.of(place), *(shortened(line, LONGEST_LINE) for line in few_lines(wrapped_lines(said))))
            is_open = place in open_ends
            everything = "; ".join([names.members(place), *marks.get(place, ()), *whole.get(place, ())])
            style = f"box{' loud' if is_open else ''}{' group' if place in shown.rests else ''}"
            boxes[place] = Box(_lane(members), lines, style, everything)
    among = {one.source: passing_text(one.passing) for one in arrows.arrows if one.source == one.destination}
    for namespace in sorted(end for end in ends if isinstance(end, str)):
        among_lines = [f"↻ each other: {among[namespace]}"] if namespace in among else []
        said = [*among_lines, *outside.get(namespace, ())]
        lines = (f"all in {namespace}", *(shortened(line, LONGEST_LINE) for line in few_lines(wrapped_lines(said))))
        everything = "; ".join([f"all pods of {namespace}", *among_lines, *whole.get(namespace, ())])
        boxes[namespace] = Box(namespace, lines, "box group", everything)
    for addresses in sorted((end for end in ends if isinstance(end, Addresses) and not lined), key=str):
        boxes[addresses] = Box(OUTSIDE, tuple(few_lines(address_lines(addresses))), "box outside", str(addresses))
    return boxes


def _outside_lines(lined: Iterable[Arrow], written: Callable[[Addresses], str]) -> Mapping[Group, Sequence[str]]:
    """The lines about addresses by the box, sorted."""
    lines: defaultdict[Group, list[str]] = defaultdict(list)
    for group, line in sorted((outside_line(one, written) for one in lined), key=itemgetter(1)):
        lines[group].append(line)
    return lines


def _lane(members: Sequence[Reference]) -> str:
    """The lane of a class: its namespace. The rest of a limited list may be of several."""
    namespaces = {one.namespace for one in members}
    return min(namespaces) if len(namespaces) == 1 else f"the rest of {len(namespaces)} namespaces"


def _lanes(boxes: Iterable[Box]) -> list[str]:
    """The lanes from top to bottom: what is outside the cluster, the namespaces, and the rest of a limited list."""
    names = {one.lane for one in boxes}
    # No namespace has a space in its name, so only the lane of the rest has one.
    return sorted(names, key=lambda lane: (lane != OUTSIDE, " " in lane, lane))


def _mark_lines(view: FoldedView, shown: LimitedList, arrows: Arrows, names: ShortNames) -> Mapping[int, Sequence[str]]:
    """The lines in the boxes of classes: their size, their connections with all others, and those among themselves."""
    lines: defaultdict[int, list[str]] = defaultdict(list)
    for place, members in enumerate(shown.found.classes):
        if members[0] in view.sizes:
            size = sum(view.sizes[one] for one in members)
            lines[place].append(f"{size:,} {'workload' if size == 1 else 'workloads'}")
    for mark in arrows.from_any_address:
        lines[mark.place].append(f"⇠ from any address: {passing_text(mark.passing)}")
    for mark in arrows.from_everyone:
        lines[mark.place] += [f"⇠ from everyone: {passing_text(mark.passing)}", *_exceptions(mark, names)]
    for mark in arrows.to_everyone:
        lines[mark.place] += [f"⇢ to everyone: {passing_text(mark.passing)}", *_exceptions(mark, names)]
    for mark in arrows.to_any_address:
        lines[mark.place].append(f"⇢ to any address: {passing_text(mark.passing)}")
    for mark in arrows.within:
        lines[mark.place].append(f"↻ each other: {passing_text(mark.passing)}")
    return lines


def _exceptions(mark: ArrowMark, names: ShortNames) -> Iterator[str]:
    """The exceptions from a mark, each on a line of its own."""
    for place in mark.exceptions:
        yield f"  but {names.of(place)}"


def _drawn_edges(edges: Iterable[LaneEdge], layout: LaneLayout, boxes: list[Box]) -> Iterator[Element]:
    drawn = list(zip(edges, layout.routes, strict=True))
    for edge, route in drawn:
        sentence = f"{boxes[edge.start].lines[0]} -> {boxes[edge.end].lines[0]}: {edge.label}"
        yield element("g", tooltip(sentence), element("path", d=route.path, class_="edge", marker_end="url(#head)"))
    yield from edge_labels((edge, route, "") for edge, route in drawn)


def _legend(boxes: Iterable[Box], edges: Iterable[LaneEdge]) -> Iterator[str]:
    """The legend of the signs and borders that are in the picture."""
    drawn = list(boxes)
    lines = [line for one in drawn for line in one.lines[1:]]
    texts = [*(line.rpartition(": ")[2].strip() for line in lines), *(edge.label for edge in edges)]
    if any("loud" in one.style for one in drawn):
        yield "thick border: any address outside the cluster, or most of them, may open connections to it"
    if any("group" in one.style for one in drawn):
        yield "dashed border: all of a namespace, or those of it that have no box of their own"
    if any("everyone" in line for line in lines):
        yield "everyone: all others in this picture"
    if any(passing_text(Passing(ALL_TRAFFIC)) == text.removeprefix("~") for text in texts):
        yield "all: all ports of TCP, UDP and SCTP"
    if any(text.startswith("~") for text in texts):
        yield "~: for some of the pods only"
