"""The places of the nodes of a layered graph: boxes in lanes, and edges in the gaps between columns.

A lane is a strip over the whole width, with its title in a line of its own. Within a lane and a column, boxes keep
their order and are placed as near to their neighbours in the graph as there is room. Edges turn in the gaps between the
columns only, so they cross neither boxes nor the labels of other edges, which stand beside the arrowheads.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

import msgspec

from ringfence.render.pictures.layers import Layered, LayeredEdge, layered
from ringfence.render.pictures.look import LINE, MARGIN, SMALL_FONT_SIZE, text_width

_PORT: Final = 18
"""The distance between two edges that end at the same side of a box."""
_BEND: Final = 10
"""The height kept free for an edge that passes a column."""
_SPACE: Final = 12
_PADDING: Final = 10
_TURN: Final = 56
"""The width in which edges turn from one height to another."""
_ARROW: Final = 10
_ROUNDS: Final = 6


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


class Rectangle(msgspec.Struct, frozen=True):
    """A rectangle in CSS pixels."""

    x: float
    y: float
    width: float
    height: float


class Route(msgspec.Struct, frozen=True):
    """An edge as an SVG path, and where its label is: its baseline, and whether it ends there or begins."""

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
    sides = _Sides(graph)
    heights = _heights(nodes, sides)
    columns = _with_single_nodes(graph, nodes, heights, edges)
    tops, lane_boxes = _lane_tops(columns, heights, lanes, top)
    centres = _centres(columns, heights, tops, graph)
    xs, widths, gaps = _across(columns, nodes, graph, edges)
    whole = xs[-1] + widths[-1] + _PADDING if xs else MARGIN
    column_of = {place: number for number, column in enumerate(columns) for lane in column for place in lane}
    rectangles = tuple(
        Rectangle(xs[column_of[place]], centres[place] - heights[place] / 2, widths[column_of[place]], heights[place])
        for place in range(len(nodes))
    )
    ports = sides.ports(centres, len(nodes))
    routes = tuple(
        _route(edge, ports, [column_of[place] for place in edge.places], xs, widths, gaps) for edge in graph.edges
    )
    return LaneLayout(
        whole,
        lane_boxes[-1][0] + lane_boxes[-1][1] if lane_boxes else top,
        rectangles,
        tuple(Rectangle(MARGIN, y, whole - MARGIN, height) for y, height in lane_boxes),
        routes,
    )


_Ports = Mapping[tuple[int, int, bool, int], float]
"""The height at which edges of a strand leave a place for another (True) or come to it from there (False)."""


class _Sides:
    """What each place is joined with at its left and at its right side: each is a port, at a height of its own."""

    def __init__(self, graph: Layered) -> None:
        column_of = {place: number for number, column in enumerate(graph.columns) for lane in column for place in lane}
        self._joined: defaultdict[tuple[int, bool], set[tuple[int, bool, int]]] = defaultdict(set)
        self._edges = graph.edges
        for edge in graph.edges:
            for one, other in pairwise(edge.places):
                is_right = column_of[one] < column_of[other]
                self._joined[one, is_right].add((other, True, edge.strand))
                self._joined[other, not is_right].add((one, False, edge.strand))

    def most(self, place: int) -> int:
        """The number of ports at the fuller side of a place."""
        return max(len(self._joined.get((place, side), ())) for side in (False, True))

    def ports(self, centres: Mapping[int, float], nodes: int) -> "_Ports":
        """The heights of the ports of all places."""
        heights = {}
        for (place, is_right), joined in self._joined.items():
            # Of two edges in opposite directions, the same one is above at both ends.
            ports = [(centres[other], other, is_outgoing != is_right, strand) for other, is_outgoing, strand in joined]
            ordered = [(other, differs != is_right, strand) for _, other, differs, strand in sorted(ports)]
            distance = _PORT if place < nodes else 0  # edges that share a bend part behind it
            for number, (other, is_outgoing, strand) in enumerate(ordered):
                heights[place, other, is_outgoing, strand] = (
                    centres[place] + (number - (len(ordered) - 1) / 2) * distance
                )
        return heights


def _heights(nodes: Sequence[LaneNode], sides: _Sides) -> defaultdict[int, float]:
    heights: defaultdict[int, float] = defaultdict(lambda: float(_BEND))
    for place, node in enumerate(nodes):
        heights[place] = max(len(node.lines) * LINE + _PADDING, sides.most(place) * _PORT + 4)
    return heights


def _with_single_nodes(
    graph: Layered, nodes: Sequence[LaneNode], heights: Mapping[int, float], edges: Iterable[LaneEdge]
) -> list[list[list[int]]]:
    """The columns, in which nodes without edges stand where their lane has room: in four columns at least."""
    joined = {end for edge in edges for end in (edge.start, edge.end)}
    columns = [
        [[place for place in lane if place >= len(nodes) or place in joined] for lane in one] for one in graph.columns
    ]
    lanes = max((node.lane for node in nodes), default=-1) + 1
    if len(joined) < len(nodes):
        columns += [[[] for _ in range(lanes)] for _ in range(4 - len(columns))]
    for place, node in enumerate(nodes):
        if place not in joined:
            used = [sum(heights[one] + _SPACE for one in column[node.lane]) for column in columns]
            columns[used.index(min(used))][node.lane].append(place)
    return columns


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
    for _ in range(_ROUNDS):
        for column in columns:
            for lane, places in enumerate(column):
                wanted = {
                    place: sum(centres[one] for one in joined[place]) / len(joined[place])
                    for place in places
                    if joined[place]
                }
                centres |= _stack(places, heights, rooms[lane], {**centres, **wanted})
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
        start = wanted.get(place, room[0] + offset + heights[place] / 2) - heights[place] / 2 - offset
        pools.append((start, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, few), (other, more) = pools[-2:]
            pools[-2:] = [((one * few + other * more) / (few + more), few + more)]
    highest = room[1] - _stacked(places, heights)
    starts = [min(max(start, room[0]), highest) for start, number in pools for _ in range(number)]
    return {
        place: start + offset + heights[place] / 2
        for place, start, offset in zip(places, starts, offsets, strict=False)
    }


def _across(
    columns: Sequence[Sequence[Sequence[int]]], nodes: Sequence[LaneNode], graph: Layered, edges: Sequence[LaneEdge]
) -> tuple[list[float], list[float], list[tuple[float, float]]]:
    """The left side and the width of each column, and between which x edges turn behind it."""
    widths = [
        max(
            (
                text_width(line)
                for lane in column
                for place in lane
                if place < len(nodes)
                for line in nodes[place].lines
            ),
            default=0.0,
        )
        + 2 * _PADDING
        for column in columns
    ]
    column_of = {place: number for number, column in enumerate(columns) for lane in column for place in lane}
    leading, trailing = [0.0] * len(columns), [0.0] * len(columns)
    for edge, route in zip(edges, graph.edges, strict=True):
        room = text_width(edge.label, SMALL_FONT_SIZE) + _ARROW + 6
        before, end = column_of[route.places[-2]], column_of[route.places[-1]]
        if before < end:
            trailing[before] = max(trailing[before], room)
        else:
            leading[end] = max(leading[end], room)
    xs, gaps = [], []
    x = float(MARGIN + _PADDING)
    for number, width in enumerate(widths):
        xs.append(x)
        turn = x + width + leading[number]
        gaps.append((turn, turn + _TURN))
        x = turn + _TURN + trailing[number]
    return xs, widths, gaps


def _route(
    edge: LayeredEdge,
    ports: _Ports,
    columns: Sequence[int],
    xs: Sequence[float],
    widths: Sequence[float],
    gaps: Sequence[tuple[float, float]],
) -> Route:
    """The path of an edge: straight beside boxes and through columns, and turning in the gaps."""
    rightward = columns[0] < columns[1]
    x = xs[columns[0]] + (widths[columns[0]] if rightward else 0)
    path = [f"M{x:.1f} {ports[edge.places[0], edge.places[1], True, edge.strand]:.1f}"]
    for step, (here, there) in enumerate(pairwise(edge.places)):
        start, end = gaps[columns[step]] if rightward else reversed(gaps[columns[step + 1]])
        middle = (start + end) / 2
        one, other = ports[here, there, True, edge.strand], ports[there, here, False, edge.strand]
        path.append(f"H{start:.1f} C{middle:.1f} {one:.1f} {middle:.1f} {other:.1f} {end:.1f} {other:.1f}")
    last = columns[-1]
    tip = xs[last] if rightward else xs[last] + widths[last]
    away = -_ARROW if rightward else _ARROW
    path.append(f"H{tip:.1f}")
    return Route(" ".join(path), tip + away, ports[edge.places[-1], edge.places[-2], False, edge.strand] - 4, rightward)
