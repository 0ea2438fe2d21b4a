"""The matrix of a report: what passes between classes of equal workloads, and between these and the outside."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ringfence.analysis.lists import Connection, FoldedView
from ringfence.render.formats import Json
from ringfence.render.matrix import cell, is_wide
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_NOTHING: Final = -1
"""Stands for a traffic where nothing passes."""


class MatrixData:
    """The cells of a matrix as numbers: the same traffic and the same addresses are written once."""

    def __init__(self, view: FoldedView) -> None:
        self._found = view.found
        self._traffic: dict[Traffic, int] = {}
        self._addresses: dict[Addresses, int] = {}

    def json(self) -> Json:
        """Of each class what it reaches and what reaches it, as numbers (docs/formats.md)."""
        found = self._found
        cells = [[self._cell(source, destination) for destination in found.destinations] for source in found.sources]
        common = [Counter(column).most_common(1)[0][0] for column in zip(*cells, strict=True)]
        outgoing: list[list[int]] = [[] for _ in found.classes]
        incoming: list[list[int]] = [[] for _ in found.classes]
        for source in found.sources:
            for one in found.outgoing(source):
                outgoing[source] += [self._place(one.destination), self._number(one)]
        for destination in found.destinations:
            for one in found.incoming(destination):
                incoming[destination] += [self._place(one.source), self._number(one)]
        return {
            "traffic": [
                {"text": str(traffic), "short": cell(traffic), **({"all": True} if traffic == ALL_TRAFFIC else {})}
                for traffic in self._traffic
            ],
            "addresses": [
                {
                    "text": str(addresses),
                    **({"all": True} if addresses == ALL_ADDRESSES else {"most": True} if is_wide(addresses) else {}),
                }
                for addresses in self._addresses
            ],
            "common": _ranges(common, [_NOTHING] * len(common)),
            "rows": [_row(row, common) for row in cells],
            "outgoing": outgoing,
            "incoming": incoming,
        }

    def _cell(self, source: int, destination: int) -> int:
        one = self._found.between(source, destination)
        return _NOTHING if one is None else self._number(one)

    def _number(self, one: Connection) -> int:
        return self._traffic.setdefault(one.traffic, len(self._traffic))

    def _place(self, end: object) -> int:
        assert isinstance(end, Addresses)
        return self._addresses.setdefault(end, len(self._addresses))


def _row(row: Sequence[int], common: Sequence[int]) -> Json:
    """A row by what differs from nothing, or from what most rows have, whichever is shorter."""
    alone, beside = _ranges(row, [_NOTHING] * len(row)), _ranges(row, common)
    return {"cells": alone} if len(alone) <= len(beside) else {"cells": beside, "common": True}


def _ranges(row: Sequence[int], base: Sequence[int]) -> list[int]:
    """Where a row differs from another, as ranges: first, last and traffic in turn."""
    ranges: list[int] = []
    for place, (traffic, other) in enumerate(zip(row, base, strict=True)):
        if traffic == other:
            continue
        if ranges and ranges[-2] == place - 1 and ranges[-1] == traffic:
            ranges[-2] = place
        else:
            ranges += [place, place, traffic]
    return ranges
