"""A graph in layers: each node gets a column, so that most edges lead to the right, and few of them cross.

The method of Sugiyama, Tagawa and Toda (1981), in the variant with lanes: a node stays in its lane, a horizontal strip,
and nodes are ordered within their lane and column only. Cycles are broken as Eades, Lin and Smyth (1993) do. An edge
over several columns gets a bend in each column between, so that it never crosses a node; edges of the same start share
their bends, and part from one another where they have to. The longest path may be too long for a page, and that of
nodes which all have edges with each other always is: then neighbouring columns become one, and edges between them lead
from the right side of one node to the right side of the other. Everything is deterministic: ties are broken by the
order of the nodes.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

_SWEEPS: Final = 8
"""How often the places of all layers are ordered again, from left to right and back, to have fewer crossings."""

MOST_COLUMNS: Final = 5
"""The largest number of columns: the text of a picture that is wider cannot be read on a screen."""


class LayeredEdge(msgspec.Struct, frozen=True):
    """An edge by the places that it passes, from its start to its end; of one that leads left, from right to left.

    One within a column passes no other place.

    Edges of one strand share bends; those of others are apart from them all the way.
    """

    start: int
    end: int
    places: tuple[int, ...]
    strand: int = 0


class Layered(msgspec.Struct, frozen=True):
    """Columns of places from left to right, and in each the places by lane, from top to bottom.

    A place below the number of nodes is that node; any other is the bend of an edge.
    """

    columns: tuple[tuple[tuple[int, ...], ...], ...]
    edges: tuple[LayeredEdge, ...]


def layered(lanes: Sequence[int], edges: Sequence[tuple[int, int]], strands: Sequence[int] = ()) -> Layered:
    """The layers of a graph. `lanes` has the lane of each node; no edge leads from a node to itself.

    `strands` has the strand of each edge; without it, all are of one. Two nodes may have an edge of each strand.
    """
    column = _in_few_columns(_columns(len(lanes), edges), edges)
    lane = dict(enumerate(lanes))
    bends: dict[tuple[int, int, int], int] = {}
    routes: list[LayeredEdge] = []
    for (start, end), strand in zip(edges, strands or [0] * len(edges), strict=True):
        step = 1 if column[start] < column[end] else -1
        places = [start]
        for between in range(column[start] + step, column[end], step):
            # One bend for all edges of a start that pass this column: they run as one line until they part.
            bend = bends.setdefault((start, between, strand), len(lane))
            # In the lane of the start, so that a long edge changes lanes only once, near its end.
            lane[bend], column[bend] = lane[start], between
            places.append(bend)
        routes.append(LayeredEdge(start, end, (*places, end), strand))
    count = max(lanes, default=-1) + 1
    columns: list[list[list[int]]] = [[[] for _ in range(count)] for _ in range(max(column.values(), default=-1) + 1)]
    for place in lane:
        columns[column[place]][lane[place]].append(place)
    ordered = _ordered(columns, _neighbours(routes, column))
    return Layered(tuple(tuple(map(tuple, one)) for one in ordered), tuple(routes))


def _columns(nodes: int, edges: Collection[tuple[int, int]]) -> dict[int, int]:
    """The column of each node: the length of the longest path to it. One that has no edges gets none.

    A node that nothing leads to is moved to the right, beside the first node that it leads to.
    """
    rank = {node: number for number, node in enumerate(_acyclic_order(nodes, edges))}
    # Edges that lead back are turned round for the columns only. They are drawn from right to left later.
    forward = {(start, end) if rank[start] < rank[end] else (end, start) for start, end in edges}
    following, preceding = _ends(forward), _ends((end, start) for start, end in forward)
    column: dict[int, int] = {}
    for node in sorted(rank, key=rank.__getitem__):
        column[node] = max((column[one] + 1 for one in preceding[node]), default=0)
    for node in range(nodes):
        if not preceding[node] and following[node]:
            column[node] = min(column[one] for one in following[node]) - 1
    return column


def _in_few_columns(column: Mapping[int, int], edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The columns, of which neighbouring ones are joined if there are too many: so that few edges are within one."""
    count = max(column.values(), default=-1) + 1
    if count <= MOST_COLUMNS:
        return dict(column)
    spans = Counter(tuple(sorted((column[start], column[end]))) for start, end in edges)
    within = _edges_within(spans, count)
    # For each number of columns so far: the fewest edges within a column, and where each of these begins.
    best: list[tuple[int, tuple[int, ...]]] = [(within[0, last], (0,)) for last in range(count)]
    for _ in range(MOST_COLUMNS - 1):
        best = [
            min(
                [
                    best[last],
                    *(
                        (best[begin - 1][0] + within[begin, last], (*best[begin - 1][1], begin))
                        for begin in range(1, last + 1)
                    ),
                ]
            )
            for last in range(count)
        ]
    begins = best[-1][1]
    return {place: bisect_right(begins, one) - 1 for place, one in column.items()}


def _edges_within(spans: Mapping[tuple[int, ...], int], count: int) -> dict[tuple[int, int], int]:
    """The number of edges of which both ends are between two columns, by these columns."""
    within: dict[tuple[int, int], int] = {}
    for last in range(count):
        for first in range(last, -1, -1):
            shorter = within.get((first + 1, last), 0)
            within[first, last] = shorter + sum(spans.get((first, end), 0) for end in range(first, last + 1))
    return within


def _acyclic_order(nodes: int, edges: Collection[tuple[int, int]]) -> list[int]:
    """The nodes in an order in which few edges lead back: sinks at the end, sources at the beginning."""
    following, preceding = _ends(edges), _ends((end, start) for start, end in edges)
    left, first, last = set(range(nodes)), list[int](), list[int]()

    def take(node: int, order: list[int]) -> None:
        left.discard(node)
        order.append(node)
        for one in following[node]:
            preceding[one].discard(node)
        for one in preceding[node]:
            following[one].discard(node)

    while left:
        sinks = sorted(node for node in left if not following[node])
        if sinks:
            for node in sinks:
                take(node, last)
            continue
        sources = sorted(node for node in left if not preceding[node])
        if sources:
            for node in sources:
                take(node, first)
            continue
        # Only cycles are left. The node that leads to the most others makes the fewest edges lead back.
        take(max(left, key=lambda node: (len(following[node]) - len(preceding[node]), -node)), first)
    return first + last[::-1]


def _ends(edges: Iterable[tuple[int, int]]) -> defaultdict[int, set[int]]:
    ends: defaultdict[int, set[int]] = defaultdict(set)
    for start, end in edges:
        ends[start].add(end)
    return ends


_Neighbours = Mapping[int, Sequence[int]]


def _neighbours(routes: Iterable[LayeredEdge], column: Mapping[int, int]) -> tuple[_Neighbours, _Neighbours]:
    """For each place, its neighbours in the previous and in the next column."""
    before: defaultdict[int, list[int]] = defaultdict(list)
    behind: defaultdict[int, list[int]] = defaultdict(list)
    joined = {tuple(sorted(pair, key=column.__getitem__)) for route in routes for pair in pairwise(route.places)}
    for left, right in sorted(joined):
        if column[left] == column[right]:
            continue
        before[right].append(left)
        behind[left].append(right)
    return before, behind


_Columns = list[list[list[int]]]


def _ordered(columns: _Columns, neighbours: tuple[_Neighbours, _Neighbours]) -> _Columns:
    """The columns with their places in an order of few crossings: the best of some sweeps by barycentres."""
    before, behind = neighbours
    best, fewest = columns, _crossings(columns, behind)
    current = columns
    for sweep in range(_SWEEPS):
        to_the_right = sweep % 2 == 0
        current = _swept(current, before if to_the_right else behind, to_the_right=to_the_right)
        crossings = _crossings(current, behind)
        # A sweep may also make it worse, so the best one is kept, and not the last.
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _swept(columns: _Columns, towards: _Neighbours, *, to_the_right: bool) -> _Columns:
    """The columns one after another, each ordered by the mean height of the neighbours in the column before it."""
    swept = list(columns)
    numbers = range(len(columns)) if to_the_right else range(len(columns) - 1, -1, -1)
    heights: dict[int, float] = {}
    for number in numbers:
        # A place without neighbours in the column before it keeps its height.
        wanted = _heights(columns[number])
        for place in wanted:
            joined = [heights[one] for one in towards.get(place, ())]
            if joined:
                wanted[place] = sum(joined) / len(joined)
        swept[number] = [sorted(lane, key=wanted.__getitem__) for lane in columns[number]]
        heights = _heights(swept[number])
    return swept


def _heights(column: Iterable[Iterable[int]]) -> dict[int, float]:
    """How far down each place of a column is, between 0 and the number of lanes, so that columns can be compared."""
    heights = {}
    for number, lane in enumerate(column):
        places = list(lane)
        for position, place in enumerate(places):
            heights[place] = number + (position + 0.5) / len(places)
    return heights


def _crossings(columns: Iterable[Iterable[Iterable[int]]], behind: _Neighbours) -> int:
    """How many pairs of edges cross between neighbouring columns."""
    heights: dict[int, float] = {}
    for column in columns:
        heights |= _heights(column)
    crossings = 0
    for column in columns:
        seen: list[float] = []
        for place in (place for lane in column for place in lane):
            ends = [heights[one] for one in behind.get(place, ())]
            crossings += sum(end < one for end in ends for one in seen)
            seen += ends
    return crossings
