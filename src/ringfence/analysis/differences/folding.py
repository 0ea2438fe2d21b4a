"""Equal changes in as few rows as possible: each from every one of some sources to every one of some destinations."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ringfence.analysis.differences.causes import Cause
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic

_replace = msgspec.structs.replace


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
        """What cells are sorted by before they are joined, so that the order of the input does not matter."""
        return self.kind, self.sources, self.destinations, str(self.traffic)


def fold(cells: Iterable[FoldedCell]) -> list[FoldedCell]:
    """The cells joined where they differ in their sources or in their destinations only."""
    found = sorted(cells, key=lambda cell: cell.order)
    while True:
        folded = _joined(_joined(found, _by_destinations), _by_sources)
        if len(folded) == len(found):
            return folded
        found = folded


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
