"""Joins equal changes to few rows, each from all of its sources to all of its destinations."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec

from ringfence.analysis.differences.causes import Cause
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

_replace = msgspec.structs.replace
_FEWEST_CELLS: Final = 3
"""With fewer cells there is nothing to gain: two cells that share no side cannot become one row."""
_MOST_SOURCES: Final = 100_000
"""The bound of the search for fewer rows, which looks at each source: some 0.1 s."""
_MOST_ROWS: Final = 24
"""The most different sets of destinations of which all pairs are tried."""


class FoldedCell(msgspec.Struct, frozen=True):
    """What was opened or closed from each source to each destination, for the same reasons."""

    kind: str
    traffic: Traffic
    before: Traffic
    after: Traffic
    causes: tuple[Cause, ...]
    sources: Bitset
    destinations: Bitset

    @property
    def order(self) -> tuple[str, Bitset, Bitset, str]:
        """The sort key of cells before they are joined: the result must not depend on the order of the input."""
        return self.kind, self.sources, self.destinations, str(self.traffic)


def fold(cells: Iterable[FoldedCell]) -> list[FoldedCell]:
    """The cells as few rows, no pair in two of them: equal changes joined to rectangles of sources and destinations.

    To find the minimum is NP-hard (biclique partition). For each part that shares neither sources nor destinations with
    another one, the best of four heuristics is taken: cells joined where they differ in one side only, rows by sources,
    rows by destinations, and repeatedly the largest rectangle.
    """
    found = sorted(cells, key=lambda cell: cell.order)
    while True:
        folded = _joined(_joined(found, _by_destinations), _by_sources)
        # Joining by one side can make cells equal in the other, so both are repeated until nothing joins. The number of
        # cells falls each time, so this ends.
        if len(folded) == len(found):
            return [row for alike in _alike(folded) for row in _in_fewest(alike)]
        found = folded


def _alike(cells: Iterable[FoldedCell]) -> Iterable[list[FoldedCell]]:
    """The cells grouped by their change and its causes."""
    found: dict[FoldedCell, list[FoldedCell]] = {}
    for cell in cells:
        found.setdefault(_replace(cell, sources=0, destinations=0), []).append(cell)
    return found.values()


def _in_fewest(cells: list[FoldedCell]) -> Iterator[FoldedCell]:
    if len(cells) < _FEWEST_CELLS or sum(cell.sources.bit_count() for cell in cells) > _MOST_SOURCES:
        yield from cells
        return
    for part in _parts([(cell.sources, cell.destinations) for cell in cells]):
        by_destinations = [(sources, ends) for ends, sources in _rows([(ends, sources) for sources, ends in part])]
        by_sources = _rows(part)
        fewest = min(part, by_sources, by_destinations, _largest_first(by_sources), key=len)
        for sources, ends in sorted(fewest):
            yield _replace(cells[0], sources=sources, destinations=ends)


def _parts(rectangles: Iterable["_Rectangle"]) -> Iterable[list["_Rectangle"]]:
    """The rectangles grouped into parts that share neither sources nor destinations."""
    parts: list[tuple[Bitset, Bitset, list[_Rectangle]]] = []
    for sources, ends in rectangles:
        apart = [one for one in parts if not (one[0] & sources or one[1] & ends)]
        joined = [one for one in parts if one[0] & sources or one[1] & ends]
        within = [(sources, ends), *(rectangle for one in joined for rectangle in one[2])]
        parts = [
            *apart,
            (reduce(or_, (one[0] for one in joined), sources), reduce(or_, (one[1] for one in joined), ends), within),
        ]
    return [within for _, _, within in parts]


_Rectangle = tuple[Bitset, Bitset]
"""Sources, and the destinations that each of them has."""


def _rows(rectangles: Iterable[_Rectangle]) -> list[_Rectangle]:
    """The sources by their destinations: those with the same ones together."""
    by_source: dict[int, Bitset] = {}
    for sources, destinations in rectangles:
        for source in bitsets.members(sources):
            by_source[source] = by_source.get(source, 0) | destinations
    rows: dict[Bitset, Bitset] = {}
    for source, destinations in by_source.items():
        rows[destinations] = rows.get(destinations, 0) | 1 << source
    return [(sources, destinations) for destinations, sources in rows.items()]


def _largest_first(rows: list[_Rectangle]) -> list[_Rectangle]:
    """Repeatedly the largest rectangle, whose destinations are those of one row or those that two rows share."""
    if len(rows) > _MOST_ROWS:
        return rows
    left = {destinations: sources for sources, destinations in rows}
    found: list[_Rectangle] = []
    while left:
        shared = {one & other for one in left for other in left if one & other}

        # The default argument binds the present `left`: the loop replaces it.
        def sources_of(destinations: Bitset, left: dict[Bitset, Bitset] = left) -> Bitset:
            return reduce(or_, (some for ends, some in left.items() if not destinations & ~ends))

        # `-ends` breaks ties in the same way in every process.
        best = max(shared, key=lambda ends: (sources_of(ends).bit_count() * ends.bit_count(), -ends))
        found.append((sources_of(best), best))
        after: dict[Bitset, Bitset] = {}
        for ends, sources in left.items():
            if rest := ends & ~best if not best & ~ends else ends:
                after[rest] = after.get(rest, 0) | sources
        left = after
    return found


def _by_destinations(cell: FoldedCell) -> FoldedCell:
    return _replace(cell, sources=0)


def _by_sources(cell: FoldedCell) -> FoldedCell:
    return _replace(cell, destinations=0)


def _joined(cells: Iterable[FoldedCell], key_of: Callable[[FoldedCell], Any]) -> list[FoldedCell]:
    joined: dict[Any, FoldedCell] = {}
    for cell in cells:
        key = key_of(cell)
        first = joined.get(key)
        if first is not None:
            cell = _replace(
                cell,
                sources=first.sources | cell.sources,
                destinations=first.destinations | cell.destinations,
            )
        joined[key] = cell
    return list(joined.values())
