"""The map of a change: what it opens and closes between the workloads that it affects, and what stays allowed between
them.

Above the map is a list of what opens and closes most. Opened traffic is a strong line with a plus, closed traffic a
dashed line with a minus, and the rest a thin line. Boxes have the same places before and after the change. A change of
many workloads is drawn by namespace, with the number of pairs of workloads on each arrow
(`analysis.differences.namespace_changes`).
"""

# Annotations are not evaluated: drawing a map of connections does not import the modules that compare clusters.
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from ringfence.render.pictures.outside_lines import (
    MOST_OUTSIDE_BOXES,
    address_notes,
    outside_ends,
    short_addresses,
    wrapped_lines,
)
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC

if TYPE_CHECKING:
    from ringfence.analysis.differences import (
        ArrowBundle,
        ChangedArrow,
        ChangedArrows,
        ChangedExposure,
        ClusterDifference,
        Ends,
    )

# The kinds of arrows by their values (`analysis.differences.ArrowKind`).
_OPENED, _CLOSED, _KEPT = _KINDS = "opened", "closed", "kept"
_SIGNS: Final[Mapping[str, str]] = {_OPENED: "+", _CLOSED: "-", _KEPT: ""}
_WORDS: Final[Mapping[str, str]] = {_OPENED: "opened", _CLOSED: "closed", _KEPT: "as before"}
_WIDTHS: Final[Mapping[str, float]] = {_OPENED: 2.6, _CLOSED: 1.6, _KEPT: 1.0}
_LINES: Final = {"+": "opened", "-": "closed", "!": "heading"}
_LONGEST_LABEL: Final = 150
"""The width of the longest label of an arrow, in CSS pixels."""
_MOST_LISTED: Final = 5
"""The largest number of opened, and of closed, connections in the list above the map."""
_MOST_OUTSIDE: Final = 20
"""The largest number of arrows from and to addresses; more are lines in boxes."""
_MOST_OUTSIDE_LINES: Final = 2
"""The largest number of lines about addresses of one kind in the box of a namespace."""
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

    `size` is the number of ends that take part in the change, of which `left_out` are not drawn. `listed` are the
    lines of the list above the map, by the kind of arrows. `groups` are boxes of several classes of a namespace.
    """

    lanes: tuple[str, ...]
    boxes: dict[Ends, Box]
    arrows: tuple[ChangedArrow, ...]
    edges: tuple[LaneEdge, ...]
    layout: LaneLayout
    notes: tuple[str, ...]
    size: int
    left_out: int
    listed: Mapping[str, Sequence[str]]
    groups: frozenset[tuple[Reference, ...]]
    by_namespace: bool

    def below(self, top: float) -> DrawnChanges:
        """The same map, moved down to begin at a height."""
        return msgspec.structs.replace(self, layout=_layout(self.lanes, self.boxes, self.edges, top))


def drawn_changes(found: ClusterDifference, drawn: ChangedArrows, top: float = 0) -> DrawnChanges:
    """The places of the map of a change, which begins at a height."""
    lined = _lined(drawn.arrows)
    boxes = _boxes(found, drawn, lined)
    places = {end: number for number, end in enumerate(boxes)}
    lanes = sorted({one.lane for one in boxes.values()}, key=lambda lane: (lane != OUTSIDE, lane))
    arrows = [one for one in drawn.arrows if one.source in places and one.destination in places]
    # Traffic within a box is a line in it: an arrow from a box to itself could not be drawn without crossing others.
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
        tuple(_notes(drawn, boxes, lined)),
        drawn.size,
        drawn.size - len(drawn.ends) + len(drawn.groups),
        _listed(drawn, boxes),
        drawn.groups,
        bool(drawn.members),
    )


def _layout(lanes: Sequence[str], boxes: Mapping[Ends, Box], edges: Sequence[LaneEdge], top: float) -> LaneLayout:
    nodes = [LaneNode(lanes.index(one.lane), one.lines) for one in boxes.values()]
    return lane_layout(len(lanes), nodes, edges, top)


def changes_picture(found: ClusterDifference, changes: ChangedArrows, summary: str, closing: str = "") -> Picture:
    """The map of a change. `summary` is one line about the size of the change, and `closing` says what is the same."""
    drawn = drawn_changes(found, changes)
    inner = max(_LEAST_WIDTH, drawn.layout.width + MARGIN)
    said, used = paragraphs([summary, *filter(None, [closing])], MARGIN + FONT_SIZE + LINE + 4, inner)
    top = MARGIN + FONT_SIZE + LINE + used
    listed, used = _list_with_legend(drawn, top + LINE, inner)
    # The height of the list is known only now, and the map begins below it.
    drawn = drawn.below(top + used)
    notes, noted = paragraphs(list(drawn.notes), drawn.layout.height + 2 * LINE, inner)
    height = drawn.layout.height + 2 * LINE + noted - LINE + MARGIN
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
            *listed,
            *drawn_lanes(drawn.lanes, drawn.layout),
            *_drawn_arrows(drawn.arrows, drawn.edges, drawn.layout, drawn.boxes),
            *drawn_boxes(drawn.boxes.values(), drawn.layout, _LINES),
            *notes,
        ],
    )
    return Picture(svg, drawn.size, drawn.left_out)


def _arrow_label(one: ChangedArrow) -> str:
    passing, pairs = passing_text(one.passing), _times(one.pairs)
    sign = f"{_SIGNS[one.kind]} ".lstrip()
    # The sign and the number are never cut: without them the label would say something else.
    return sign + shortened(passing, _LONGEST_LABEL - text_width(sign + pairs)) + pairs


def _times(pairs: int) -> str:
    """The number of pairs of workloads that traffic is about, if there are several, and it is not about all pairs."""
    return f" ×{pairs:,}" if pairs > 1 else ""


def _boxes(found: ClusterDifference, drawn: ChangedArrows, lined: Collection[ChangedArrow]) -> dict[Ends, Box]:
    """The boxes of the ends.

    "Any address" has none: it is a line in the boxes that it is connected with, and so are the arrows `lined`. A class
    of which all arrows are those of its group has none either.
    """
    classes, names = _classes(drawn)
    lines = _lines(found, drawn, lined)
    joined = {end for one in drawn.arrows if one not in lined for end in (one.source, one.destination)}
    grouped = {one for group in drawn.groups for one in group}
    boxes: dict[Ends, Box] = {}
    for place, members in enumerate(classes):
        further = lines.get(members, [])
        if members[0] in grouped and members not in joined and not further:
            continue
        everything = "; ".join([", ".join(map(str, members)), *further])
        boxes[members] = Box(
            members[0].namespace,
            (names.of(place), *_shown(further)),
            _style(found, drawn.members.get(members, members)),
            everything,
        )
    for group in sorted(drawn.groups):
        further = lines.get(group, [])
        everything = "; ".join([", ".join(map(str, group)), *further])
        name = f"all {len(group)} that change"
        boxes[group] = Box(group[0].namespace, (name, *_shown(further)), "box group", everything)
    for addresses in drawn.ends:
        if isinstance(addresses, Addresses) and addresses in joined and addresses != ALL_ADDRESSES:
            blocks = few_lines(address_lines(addresses))
            boxes[addresses] = Box(OUTSIDE, tuple(blocks), "box outside", str(addresses))
    return boxes


def _classes(drawn: ChangedArrows) -> tuple[Sequence[tuple[Reference, ...]], ShortNames]:
    """The ends that are classes or namespaces, and their names."""
    classes = [end for end in drawn.ends if not isinstance(end, Addresses) and end not in drawn.groups]
    return classes, ShortNames(classes, LONGEST_LINE)


def _shown(lines: Iterable[str]) -> Iterator[str]:
    """The first lines, the traffic of long ones below them; of what is still too long, the number at the end stays."""
    for line in few_lines(wrapped_lines(lines)):
        text, times, number = line.rpartition(" ×") if " ×" in line else (line, "", "")
        yield shortened(text, LONGEST_LINE - text_width(times + number)) + times + number


def _style(found: ClusterDifference, members: Iterable[Reference]) -> str:
    """The classes of a box: whether its workloads have been added, or removed."""
    some = set(members)
    for kind, changed in (("came", found.added), ("gone", found.removed)):
        if some and some <= set(changed):
            return f"box {kind}"
    return "box"


def _lined(arrows: Iterable[ChangedArrow]) -> list[ChangedArrow]:
    """The arrows that are lines in boxes: all with addresses, if there are too many of these."""
    outside = [one for one in arrows if outside_ends([one]) - {ALL_ADDRESSES}]
    return outside if len(outside) > _MOST_OUTSIDE or len(outside_ends(outside)) > MOST_OUTSIDE_BOXES else []


def _lines(
    found: ClusterDifference, drawn: ChangedArrows, lined: Collection[ChangedArrow]
) -> Mapping[Ends, Sequence[str]]:
    """The lines in the boxes of classes: all changes that have no arrow."""
    lines: defaultdict[Ends, list[str]] = defaultdict(list)
    outside: defaultdict[tuple[Ends, str, str], list[ChangedArrow]] = defaultdict(list)
    for one in drawn.arrows:
        sign, passing = f"{_SIGNS[one.kind]} ".lstrip(), _passing(one)
        if one.source == one.destination:
            lines[one.source].append(f"{sign}↻ each other: {passing}")
        elif one.source == ALL_ADDRESSES:
            lines[one.destination].append(f"{sign}⇠ from any address: {passing}")
        elif one.destination == ALL_ADDRESSES:
            lines[one.source].append(f"{sign}⇢ to any address: {passing}")
        elif one in lined:
            is_from = isinstance(one.source, Addresses)
            end = one.destination if is_from else one.source
            outside[end, sign, "⇠ from" if is_from else "⇢ to"].append(one)
    for (end, sign, arrow), some in outside.items():
        written = _outside_lines(some, by_namespace=bool(drawn.members))
        lines[end] += (f"{sign}{arrow} {line}" for line in written)
    for bundle in drawn.bundles:
        lines[bundle.end].append(_bundle_line(bundle))
    told = _lines_by_workload(found, by_namespace=bool(drawn.members))
    for members in drawn.ends:
        if isinstance(members, Addresses) or members in drawn.groups:
            continue
        if workloads := drawn.members.get(members):
            times = Counter(line for one in workloads for line in told.get(one, ()))
            lines[members] += [f"{line}{_times(number)}" for line, number in times.items()]
        else:
            lines[members] += told.get(members[0], ())
    return lines


def _passing(one: ChangedArrow | ArrowBundle) -> str:
    return f"{passing_text(one.passing)}{_times(one.pairs)}"


def _outside_lines(arrows: Sequence[ChangedArrow], *, by_namespace: bool) -> Iterator[str]:
    """Addresses and traffic of arrows of one kind with one box; of a namespace, a single line about many."""
    if not by_namespace or len(arrows) <= _MOST_OUTSIDE_LINES:
        for one in arrows:
            addresses = one.source if isinstance(one.source, Addresses) else one.destination
            assert isinstance(addresses, Addresses)
            yield f"{short_addresses(addresses)}: {_passing(one)}"
        return
    traffic = NO_TRAFFIC
    for one in arrows:
        traffic |= one.passing.traffic
    pairs = sum(one.pairs for one in arrows)
    yield f"{len(outside_ends(arrows))} sets of addresses: {cell(traffic)}{_times(pairs)}"


def _bundle_line(bundle: ArrowBundle) -> str:
    arrow = "⇠ from" if bundle.is_incoming else "⇢ to"
    return f"{_SIGNS[bundle.kind]} {arrow} {len(bundle.others)} namespaces: {_passing(bundle)}"


def _lines_by_workload(found: ClusterDifference, *, by_namespace: bool) -> Mapping[Reference, Iterable[str]]:
    """What changes for workloads besides their connections with others; by namespace without the traffic."""
    lines: defaultdict[Reference, dict[str, None]] = defaultdict(dict)
    for what, workloads in (("+ added", found.added), ("- removed", found.removed)):
        for one in workloads:
            lines[one][what] = None
    for isolation in found.isolation:
        line = f"! {'now' if isolation.is_isolated else 'no longer'} isolated for {isolation.direction.field}"
        for one in isolation.workloads:
            lines[one][line] = None
    for exposure in found.exposure:
        line = _exposure_line(exposure, by_namespace=by_namespace)
        for one in exposure.workloads:
            lines[one][line] = None
    return lines


def _exposure_line(exposure: ChangedExposure, *, by_namespace: bool) -> str:
    from ringfence.render.possible_pods import possible_traffic_text

    sign = "+" if exposure.kind == _OPENED else "-"
    line = f"{sign} {'⇠' if exposure.direction is Direction.INGRESS else '⇢'} pods to come"
    if by_namespace:
        return line
    by_name = exposure.traffic.by_name
    return f"{line}: {possible_traffic_text(exposure.traffic) if by_name else cell(exposure.traffic.by_number)}"


def _listed(drawn: ChangedArrows, boxes: Mapping[Ends, Box]) -> Mapping[str, Sequence[str]]:
    """The first lines of what was opened and of what was closed, those about the most pairs of workloads first."""
    lines: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in drawn.arrows:
        ends = _name(one.source, boxes), _name(one.destination, boxes)
        between = f"{ends[0]}, each other" if one.source == one.destination else " -> ".join(ends)
        # Only arrows between namespaces have counted pairs. Of classes, every pair has the traffic.
        pairs = one.pairs or _size(one.source) * _size(one.destination)
        lines[one.kind].append((pairs, f"{_SIGNS[one.kind]} {between}: {_passing(one)}"))
    for bundle in drawn.bundles:
        ends = f"{len(bundle.others)} namespaces", _name(bundle.end, boxes)
        between = " -> ".join(ends if bundle.is_incoming else ends[::-1])
        lines[bundle.kind].append((bundle.pairs, f"{_SIGNS[bundle.kind]} {between}: {_passing(bundle)}"))
    return {kind: [line for _, line in sorted(some, key=lambda one: -one[0])] for kind, some in lines.items()}


def _size(end: Ends) -> int:
    return 1 if isinstance(end, Addresses) else len(end)


def _name(end: Ends, boxes: Mapping[Ends, Box]) -> str:
    """The name of an end in a sentence."""
    if isinstance(end, Addresses):
        return "any address" if end == ALL_ADDRESSES else short_addresses(end)
    shown = boxes[end]
    return f"{shown.lane}/{shown.lines[0]}" if shown.lane else shown.lines[0]


def _list_with_legend(drawn: DrawnChanges, y: float, width: float) -> tuple[list[Element], float]:
    """For each kind of line in the picture a sample of it, below it the first connections of this kind; the height."""
    made: list[Element] = []
    start, indent = y, 42
    for kind in (one for one in _KINDS if one in drawn.listed):
        line = f"M{MARGIN} {y - 4:.1f} H{MARGIN + 34}"
        made.append(element("path", d=line, class_=f"edge {kind}", marker_end=f"url(#head-{kind})"))
        lines = drawn.listed[kind]
        made.append(label(MARGIN + indent, y, f"{_SIGNS[kind]} {_WORDS[kind]}".strip(), style="small heading"))
        y += LINE
        if kind == _KEPT:
            continue
        few = list(lines[:_MOST_LISTED])
        if len(lines) > _MOST_LISTED + 1:
            few.append(f"and {len(lines) - _MOST_LISTED:,} more")
        # "and 1 more" would take as much room as the line itself.
        elif len(lines) > _MOST_LISTED:
            few.append(lines[_MOST_LISTED])
        for one in few:
            text = shortened(one, width - 2 * MARGIN - indent, SMALL_FONT_SIZE)
            made.append(label(MARGIN + indent, y, text, style=f"small {kind}"))
            y += LINE
        y += 4
    return made, y - start + (LINE / 2 if made else 0)


def _drawn_arrows(
    arrows: Sequence[ChangedArrow], edges: Sequence[LaneEdge], layout: LaneLayout, boxes: Mapping[Ends, Box]
) -> Iterator[Element]:
    """The arrows, those of unchanged traffic below the others, and their labels above them."""
    # SVG draws in order: what changes must be on top.
    drawn = sorted(zip(arrows, edges, layout.routes, strict=True), key=lambda one: one[0].kind != _KEPT)
    for arrow, _, route in drawn:
        ends = f"{boxes[arrow.source].tooltip} -> {boxes[arrow.destination].tooltip}"
        sentence = f"{_WORDS[arrow.kind]}: {ends}: {arrow.passing}{_times(arrow.pairs)}"
        path = element("path", d=route.path, class_=f"edge {arrow.kind}", marker_end=f"url(#head-{arrow.kind})")
        yield element("g", tooltip(sentence), path)
    yield from edge_labels(
        (edge, route, " quiet" if arrow.kind == _KEPT else f" {arrow.kind}") for arrow, edge, route in drawn
    )


def _notes(drawn: ChangedArrows, boxes: Mapping[Ends, Box], lined: Iterable[ChangedArrow]) -> Iterator[str]:
    """The notes: the meaning of the signs, the further members of boxes, and what is not drawn."""
    # Only what is in the picture is explained.
    texts = [line for one in boxes.values() for line in one.lines[1:]]
    if drawn.members:
        yield "The change is drawn by namespace, because it is too large for a box for each workload."
        yield "×12: for 12 pairs of workloads, some of these ports; of pods to come and isolation, for 12 workloads"
    if drawn.groups:
        yield "dashed border: all workloads of a namespace that change"
    if any("pods to come" in line for line in texts):
        yield "pods to come: pods that do not exist yet; the text of the difference says which"
    if any(one.passing.traffic == ALL_TRAFFIC for one in drawn.arrows):
        yield "all: all ports of TCP, UDP and SCTP"
    if any(one.passing.is_partial for one in drawn.arrows):
        yield "~ for some of the pods only"
    if not drawn.has_kept:
        yield "What stays between these is not drawn, because it is too much."
    if left_out := drawn.size - len(drawn.ends) + len(drawn.groups):
        yield f"{left_out} of {drawn.size} boxes are not drawn: those with the fewest changes."
    classes, names = _classes(drawn)
    yield from names.notes({place for place, members in enumerate(classes) if members in boxes})
    shown = [one for one in lined if any(short_addresses(end) in line for end in outside_ends([one]) for line in texts)]
    yield from address_notes(shown)
