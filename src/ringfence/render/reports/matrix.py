"""The matrix of a report: the traffic between classes of equal workloads, and with the outside of the cluster."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress, count, islice, pairwise
from operator import ne
from typing import Final

from ringfence.analysis.lists import Connection, FoldedView
from ringfence.render.formats import Json
from ringfence.render.matrix import cell, is_wide
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_NOTHING: Final = -1
"""The number that stands for no traffic."""


class MatrixData:
    """The cells of a matrix as numbers: the same traffic and the same addresses are written once."""

    def __init__(self, view: FoldedView) -> None:
        self._found = view.found
        self._traffic: dict[Traffic, int] = {}
        self._addresses: dict[Addresses, int] = {}

    def json(self) -> Json:
        """For each class, the classes that it reaches and those that reach it, as numbers (docs/formats.md)."""
        found = self._found
        rows = [found.row(source) for source in found.sources]
        numbers = {0: _NOTHING}
        for row in rows:
            for number in dict.fromkeys(row):
                if number not in numbers and (one := found.passing(number)):
                    numbers[number] = self._number(one)
        common = tuple(Counter(column).most_common(1)[0][0] for column in zip(*rows, strict=True))
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
            "common": _runs(common, numbers),
            "rows": [_row(row, common, numbers) for row in rows],
            "outgoing": outgoing,
            "incoming": incoming,
        }

    def _number(self, one: Connection) -> int:
        return self._traffic.setdefault(one.traffic, len(self._traffic))

    def _place(self, end: object) -> int:
        assert isinstance(end, Addresses)
        return self._addresses.setdefault(end, len(self._addresses))


def _row(row: Sequence[int], common: Sequence[int], numbers: Mapping[int, int]) -> Json:
    """A row as its differences from an empty row or from the most frequent row, whichever is shorter."""
    alone = _runs(row, numbers)
    beside = _different(row, common, numbers, len(alone))
    return {"cells": alone} if beside is None else {"cells": beside, "common": True}


def _runs(row: Sequence[int], numbers: Mapping[int, int]) -> list[int]:
    """The cells of a row with traffic, as ranges: first, last and traffic in turn."""
    # Millions of cells are compared: `map` and `compress` do it without a step of Python for each.
    starts = [0, *compress(count(1), map(ne, row, islice(row, 1, None)))] if row else []
    runs: list[int] = []
    for start, after in pairwise([*starts, len(row)]):
        if row[start]:
            runs += [start, after - 1, numbers[row[start]]]
    return runs


def _different(row: Sequence[int], common: Sequence[int], numbers: Mapping[int, int], length: int) -> list[int] | None:
    """Where a row differs from another, as ranges like those of `_runs`; None unless they are fewer than `length`."""
    ranges: list[int] = []
    for place in compress(count(), map(ne, row, common)):
        traffic = numbers[row[place]]
        if ranges and ranges[-2] == place - 1 and ranges[-1] == traffic:
            ranges[-2] = place
            continue
        ranges += [place, place, traffic]
        if len(ranges) >= length:
            return None
    return ranges if len(ranges) < length else None
