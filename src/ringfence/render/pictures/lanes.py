"""The places of the nodes of a layered graph: boxes in lanes, and edges in the gaps between columns.

A lane is a strip over the whole width, with its title in a line of its own. Within a lane and a column, boxes keep
their order and are placed as near to their neighbours in the graph as there is room. Edges turn in the gaps between the
columns only, so they cross neither boxes nor the labels of other edges, which stand beside the arrowheads. Edges leave
a side of a box together. Those with the same label that come to it share an arrowhead and the label: if 30 workloads
may open the same port, one label can be read, and 30 cannot.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from itertools import accumulate, chain, pairwise
from typing import Final, NamedTuple

import msgspec

from ringfence.render.pictures.layers import Layered, LayeredEdge, layered
from ringfence.render.pictures.look import LINE, MARGIN, SMALL_FONT_SIZE, Rectangle, text_width

_PORT: Final = 18
"""The distance between two ports at the same side of a box."""
_BEND: Final = 10
"""The height kept free for an edge that passes a column."""
_SPACE: Final = 12
"""The space between two boxes of one column."""
_PADDING: Final = 10
"""The space between the border of a box or lane and what is in it."""
_TURN: Final = 56
"""The width in which edges turn from one height to another."""
_ARROW: Final = 10
"""The length that is kept free for the head of an arrow."""
_ROUNDS: Final = 6
"""How often all boxes are moved towards those that they are joined with."""


class LaneNode(msgspec.Struct, frozen=True):
    """A box: its lane, and the lines in it."""

    lane: int
    lines: tuple[str, ...]


class LaneEdge(msgspec.Struct, frozen=True):
    """An edge between two nodes by their positions, and its label. Two nodes may have an edge of each strand."""

    start: int
    end: int
    label: str
    strand: int = 0


class Route(msgspec.Struct, frozen=True):
    """An edge as an SVG path, and where its label is: its baseline, and whether it ends there or begins.

    Edges with the same label that share an arrowhead have their label at the same place.
    """

    path: str
    label_x: float
    label_y: float
    label_ends: bool


class LaneLayout(msgspec.Struct, frozen=True):
    """The rectangles of nodes and lanes, and the routes of edges, in the order in which they were given."""

    width: float
    height: float
    nodes: tuple[Rectangle, ...]
    lanes: tuple[Rectangle, ...]
    routes: tuple[Route, ...]


def lane_layout(lanes: int, nodes: Sequence[LaneNode], edges: Sequence[LaneEdge], top: float) -> LaneLayout:
    """The layout of nodes and edges in a number of lanes, which begins at a height."""
    graph = layered(
        [node.lane for node in nodes], [(edge.start, edge.end) for edge in edges], [edge.strand for edge in edges]
    )
    sides = _Sides(graph, len(nodes), [edge.label for edge in edges])
    heights = _heights(nodes, sides)
    columns = _with_single_nodes(graph, nodes, heights, edges)
    tops, lane_boxes = _lane_tops(columns, heights, lanes, top)
    centres = _centres(columns, heights, tops, graph)
    across = _across(columns, nodes, graph, edges)
    column_of = {place: number for number, column in enumerate(columns) for lane in column for place in lane}
    whole = across.right(-1) + _PADDING if columns else MARGIN
    if any(column_of[edge.start] == column_of[edge.end] == len(columns) - 1 for edge in graph.edges):
        whole = across.gaps[-1][1]  # these edges turn behind the last column
    rectangles = []
    for place in range(len(nodes)):
        column = column_of[place]
        y = centres[place] - heights[place] / 2
        rectangles.append(Rectangle(across.lefts[column], y, across.widths[column], heights[place]))
    heights_of = sides.heights(centres)
    routes = tuple(
        _route(edge, heights_of(number), [column_of[place] for place in edge.places], across)
        for number, edge in enumerate(graph.edges)
    )
    return LaneLayout(
        whole,
        lane_boxes[-1][0] + lane_boxes[-1][1] if lane_boxes else top,
        tuple(rectangles),
        tuple(Rectangle(MARGIN, y, whole - MARGIN, height) for y, height in lane_boxes),
        routes,
    )


class _Port(NamedTuple):
    """What edges have in common that leave a side of a place together (`is_outgoing`) or come to it together.

    `label` is empty for outgoing edges, and `other` is the place at the other end where each has a port of its own: at
    the bends of edges, which all have the same height.
    """

    is_outgoing: bool
    strand: int
    label: str
    other: int = -1


class _Sides:
    """The ports at the left and right sides of the places; each has a height of its own."""

    def __init__(self, graph: Layered, nodes: int, labels: Sequence[str]) -> None:
        column_of = {place: number for number, column in enumerate(graph.columns) for lane in column for place in lane}
        self._nodes = nodes
        self._ports: defaultdict[tuple[int, bool], dict[_Port, set[int]]] = defaultdict(dict)
        """For each side of a place (True is the right one), its ports and the places that they are joined with."""
        self._steps: list[list[tuple[tuple[int, bool, _Port], tuple[int, bool, _Port]]]] = []
        """For each edge and each of its steps, the ports at both ends."""
        for edge, label in zip(graph.edges, labels, strict=True):
            steps = []
            for one, other in pairwise(edge.places):
                # Within a column, both ends are at the right side: then the edge is a bracket beside the boxes.
                is_right = column_of[one] <= column_of[other]
                ends_right = column_of[one] >= column_of[other]
                start = _Port(True, edge.strand, "", -1 if one < nodes else other)
                end = _Port(False, edge.strand, label, -1) if other < nodes else _Port(False, edge.strand, "", one)
                self._ports[one, is_right].setdefault(start, set()).add(other)
                self._ports[other, ends_right].setdefault(end, set()).add(one)
                steps.append(((one, is_right, start), (other, ends_right, end)))
            self._steps.append(steps)

    def most(self, place: int) -> int:
        """The number of ports at the fuller side of a place."""
        return max(len(self._ports.get((place, side), ())) for side in (False, True))

    def heights(self, centres: Mapping[int, float]) -> Callable[[int], list[tuple[float, float]]]:
        """A function from the number of an edge to the heights at which each of its steps begins and ends."""
        found: dict[tuple[int, bool, _Port], float] = {}
        for (place, is_right), ports in self._ports.items():
            distance = _PORT if place < self._nodes else 0  # edges that share a bend part behind it
            # Sorted by where they lead, so that edges of one side do not cross each other just behind it.
            ordered = sorted(ports, key=lambda port: _rank(port, ports[port], centres, is_right=is_right))
            for number, port in enumerate(ordered):
                found[place, is_right, port] = centres[place] + (number - (len(ordered) - 1) / 2) * distance
        return lambda number: [(found[start], found[end]) for start, end in self._steps[number]]


def _rank(
    port: _Port, joined: Collection[int], centres: Mapping[int, float], *, is_right: bool
) -> tuple[float, int, bool, int, str]:
    """The key by which the ports of a side are ordered: those that lead up come first.

    Of two edges in opposite directions, the same one is above at both ends.
    """
    mean = sum(centres[one] for one in joined) / len(joined)
    return mean, min(joined), port.is_outgoing != is_right, port.strand, port.label


def _heights(nodes: Sequence[LaneNode], sides: _Sides) -> defaultdict[int, float]:
    heights: defaultdict[int, float] = defaultdict(lambda: float(_BEND))
    for place, node in enumerate(nodes):
        # A box needs room for its text, and for its ports beside each other.
        heights[place] = max(len(node.lines) * LINE + _PADDING, sides.most(place) * _PORT + 4)
    return heights


def _with_single_nodes(
    graph: Layered, nodes: Sequence[LaneNode], heights: Mapping[int, float], edges: Iterable[LaneEdge]
) -> list[list[list[int]]]:
    """The columns, in which nodes without edges stand where their lane has room: in four columns at least."""
    joined = {end for edge in edges for end in (edge.start, edge.end)}
    columns = [[_without_single_nodes(lane, len(nodes), joined) for lane in column] for column in graph.columns]
    lanes = max((node.lane for node in nodes), default=-1) + 1
    if len(joined) < len(nodes):
        # Boxes without edges beside each other make a picture that is wide rather than long, as screens are.
        columns += [[[] for _ in range(lanes)] for _ in range(4 - len(columns))]
    for place, node in enumerate(nodes):
        if place not in joined:
            used = [sum(heights[one] + _SPACE for one in column[node.lane]) for column in columns]
            columns[used.index(min(used))][node.lane].append(place)
    return columns


def _without_single_nodes(places: Iterable[int], nodes: int, joined: Set[int]) -> list[int]:
    """The places of nodes with edges, and those where edges pass: these come behind the places of all nodes."""
    return [place for place in places if place >= nodes or place in joined]


def _lane_tops(
    columns: Sequence[Sequence[Sequence[int]]], heights: Mapping[int, float], lanes: int, top: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """For each lane, between which heights its boxes stand, and the top and height of the lane itself."""
    rooms, boxes = [], []
    for lane in range(lanes):
        room = max((_stacked(column[lane], heights) for column in columns), default=0.0)
        inner = top + LINE + _PADDING
        rooms.append((inner, inner + room))
        boxes.append((top, room + LINE + 2 * _PADDING))
        top += room + LINE + 3 * _PADDING
    return rooms, boxes


def _stacked(places: Sequence[int], heights: Mapping[int, float]) -> float:
    return sum(heights[place] for place in places) + _SPACE * max(0, len(places) - 1)


def _centres(
    columns: Sequence[Sequence[Sequence[int]]],
    heights: Mapping[int, float],
    rooms: Sequence[tuple[float, float]],
    graph: Layered,
) -> dict[int, float]:
    """The height of the middle of each place: near to those that it is joined with."""
    joined: defaultdict[int, list[int]] = defaultdict(list)
    for edge in graph.edges:
        for one, other in pairwise(edge.places):
            joined[one].append(other)
            joined[other].append(one)
    centres: dict[int, float] = {}
    for column in columns:
        for lane, places in enumerate(column):
            centres |= _stack(places, heights, rooms[lane], {})
    # Every round moves a box by what its neighbours were in the round before. After a few, hardly anything moves.
    for _ in range(_ROUNDS):
        for column in columns:
            for lane, places in enumerate(column):
                wanted = dict(centres)
                for place in places:
                    if joined[place]:
                        wanted[place] = sum(centres[one] for one in joined[place]) / len(joined[place])
                centres |= _stack(places, heights, rooms[lane], wanted)
    return centres


def _stack(
    places: Sequence[int], heights: Mapping[int, float], room: tuple[float, float], wanted: Mapping[int, float]
) -> dict[int, float]:
    """Centres in the order of `places`, with the least sum of squared distances from the wanted ones.

    Boxes that would overlap are moved as one block (pool adjacent violators), and then all of them into the available
    height.
    """
    offsets = list(accumulate((heights[place] + _SPACE for place in places), initial=0.0))
    pools: list[tuple[float, int]] = []
    for place, offset in zip(places, offsets, strict=False):
        # With the offset subtracted, boxes that just touch have equal starts. So the starts need only be in order.
        start = wanted.get(place, room[0] + offset + heights[place] / 2) - heights[place] / 2 - offset
        pools.append((start, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, few), (other, more) = pools[-2:]
            pools[-2:] = [((one * few + other * more) / (few + more), few + more)]
    highest = room[1] - _stacked(places, heights)
    # Clamping keeps the order, so the boxes still do not overlap.
    starts = [min(max(start, room[0]), highest) for start, number in pools for _ in range(number)]
    return {
        place: start + offset + heights[place] / 2
        for place, start, offset in zip(places, starts, offsets, strict=False)
    }


class _Across(NamedTuple):
    """The left side and the width of each column, and between which x edges turn behind it."""

    lefts: list[float]
    widths: list[float]
    gaps: list[tuple[float, float]]

    def right(self, column: int) -> float:
        """The right side of a column."""
        return self.lefts[column] + self.widths[column]


def _across(
    columns: Sequence[Sequence[Sequence[int]]], nodes: Sequence[LaneNode], graph: Layered, edges: Sequence[LaneEdge]
) -> _Across:
    widths = [_column_width(chain.from_iterable(column), nodes) for column in columns]
    column_of = {place: number for number, column in enumerate(columns) for lane in column for place in lane}
    leading, trailing = [0.0] * len(columns), [0.0] * len(columns)
    for edge, route in zip(edges, graph.edges, strict=True):
        # A label stands beside its arrowhead, in the gap, which must be as wide as the longest one.
        room = text_width(edge.label, SMALL_FONT_SIZE) + _ARROW + 6
        before, end = column_of[route.places[-2]], column_of[route.places[-1]]
        if before < end:
            trailing[before] = max(trailing[before], room)
        else:
            leading[end] = max(leading[end], room)
    lefts, gaps = [], []
    x = float(MARGIN + _PADDING)
    for number, width in enumerate(widths):
        lefts.append(x)
        turn = x + width + leading[number]
        gaps.append((turn, turn + _TURN))
        x = turn + _TURN + trailing[number]
    return _Across(lefts, widths, gaps)


def _column_width(places: Iterable[int], nodes: Sequence[LaneNode]) -> float:
    """The width of the longest line of the boxes in a column, with the space beside it."""
    boxes = (nodes[place] for place in places if place < len(nodes))
    return max((text_width(line) for box in boxes for line in box.lines), default=0.0) + 2 * _PADDING


def _route(edge: LayeredEdge, heights: Sequence[tuple[float, float]], columns: Sequence[int], across: _Across) -> Route:
    """The path of an edge: straight beside boxes and through columns, and turning in the gaps.

    `heights` are those at which its steps begin and end, and `columns` are those of its places.
    """
    if columns[0] == columns[1]:
        return _bracket(heights[0], columns[0], across)
    rightward = columns[0] < columns[1]
    x = across.right(columns[0]) if rightward else across.lefts[columns[0]]
    path = [f"M{x:.1f} {heights[0][0]:.1f}"]
    for step, (one, other) in enumerate(heights):
        start, end = across.gaps[columns[step]] if rightward else reversed(across.gaps[columns[step + 1]])
        middle = (start + end) / 2
        path.append(f"H{start:.1f} C{middle:.1f} {one:.1f} {middle:.1f} {other:.1f} {end:.1f} {other:.1f}")
    last = columns[-1]
    tip = across.lefts[last] if rightward else across.right(last)
    away = -_ARROW if rightward else _ARROW
    path.append(f"H{tip:.1f}")
    return Route(" ".join(path), tip + away, heights[-1][1] - 4, rightward)


def _bracket(heights: tuple[float, float], column: int, across: _Across) -> Route:
    """The path of an edge within a column: it leaves and comes at the right side."""
    (one, other), right, (start, end) = heights, across.right(column), across.gaps[column]
    path = f"M{right:.1f} {one:.1f} H{start:.1f} C{end:.1f} {one:.1f} {end:.1f} {other:.1f} {start:.1f} {other:.1f}"
    return Route(f"{path} H{right:.1f}", right + _ARROW, other - 4, False)
