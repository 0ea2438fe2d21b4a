"""Finds the address blocks that contain an address, as the mark of these facts, by one binary search.

The borders of all blocks cut the addresses of each family into cells; all addresses of a cell lie in the same blocks.
Only the change of the mark at each border is kept. So a block costs as much as it has ranges, however many blocks lie
around it. A block of thousands of ranges is searched by itself instead: it costs nothing until a question needs it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from operator import xor
from typing import Final, NamedTuple

from ringfence.engine.population.facts import Block
from ringfence.engine.population.identities import Bounds
from ringfence.engine.population.marks import NO_FACTS, Mark, new_mark
from ringfence.engine.population.pods import PodAddresses
from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.intervals import Intervals

BlockFacts = Mapping[Family, Mark]
"""The marks of the facts that an address of each family lies in one block."""


def new_block_facts(block: Block) -> BlockFacts:
    """The facts about one block, in the families of which it has addresses."""
    return {family: new_mark() for family in block.addresses.families}


LONG: Final = 2048
"""Ranges from which on a block is searched by itself. The largest policy has 45 such blocks at most."""


class _Cells(NamedTuple):
    """Cell i holds the addresses from starts[i] up to, but not including, starts[i + 1]."""

    starts: list[int]
    marks: list[Mark]


class BlockMarks:
    """Some blocks: the mark of the facts that hold for a pod, by its addresses."""

    def __init__(self) -> None:
        self.covering: Mark = NO_FACTS
        """The mark for a pod whose address is not known."""
        self._long: dict[Block, BlockFacts] = {}
        self._steps: dict[Family, dict[int, Mark]] = {family: {} for family in FAMILIES}
        """The change of the mark at each border of the other blocks."""
        self._cells: dict[Family, _Cells] = {}

    def toggle(self, blocks: Mapping[Block, BlockFacts]) -> "BlockMarks":
        """Add blocks that are not among these, or remove blocks that are; return the marks of these blocks alone."""
        # Only the changed blocks are searched for each identity, not all that policies read.
        change = BlockMarks()
        change._add(blocks)
        for block, facts in change._long.items():
            if self._long.pop(block, None) is None:
                self._long[block] = facts
        for family, steps in change._steps.items():
            if steps:
                _combine(self._steps[family], steps)
                self._cells.pop(family, None)
        self.covering ^= change.covering
        return change

    def _add(self, blocks: Mapping[Block, BlockFacts]) -> None:
        for block, facts in blocks.items():
            is_long = len(block.addresses.v4) + len(block.addresses.v6) >= LONG
            if is_long:
                self._long[block] = facts
            for family, mark in facts.items():
                # Toggled for each family: a block of both families counts as two facts also for a pod without a known
                # address.
                if block.covers_family:
                    self.covering ^= mark
                if not is_long:
                    _add_borders(self._steps[family], block.addresses.ranges(family), mark)

    def at(self, addresses: PodAddresses) -> Mark:
        """The mark for a pod with these addresses."""
        if not addresses:
            return self.covering
        mark = NO_FACTS
        for family, number in addresses:
            starts, marks = self._cells_of(family)
            mark ^= marks[bisect_right(starts, number) - 1]
            for block, facts in self._long.items():
                if block.addresses.contains(family, number):
                    mark ^= facts[family]
        return mark

    def within(self, bounds: Bounds) -> Mark | None:
        """The mark for every pod with addresses within bounds, both included; None if pods may differ."""
        if not bounds:
            return self.covering
        mark = NO_FACTS
        for family, (low, high) in bounds.items():
            starts, marks = self._cells_of(family)
            # bisect_right counts the cells that start at or below an address. A cell that starts at `high` itself is
            # another one: the pod with the highest address is then in a block that begins there, the others are not.
            cell = bisect_right(starts, low)
            if cell != bisect_right(starts, high, cell):
                return None
            mark ^= marks[cell - 1]
            for block, facts in self._long.items():
                ranges = block.addresses.ranges(family)
                place = intervals.position_of(low, ranges)
                if low != high and place != intervals.position_of(high, ranges):
                    return None
                if place % 2:
                    mark ^= facts[family]
        return mark

    def _cells_of(self, family: Family) -> _Cells:
        cells = self._cells.get(family)
        if cells is None:
            steps = self._steps[family]
            starts = sorted(steps)
            marks = accumulate((steps[start] for start in starts), xor, initial=NO_FACTS)
            # The first cell begins before every address, so that `bisect_right` always finds one.
            cells = self._cells[family] = _Cells([-1, *starts], list(marks))
        return cells


def _add_borders(steps: dict[int, Mark], ranges: Intervals, mark: Mark) -> None:
    """Change the mark wherever one of the ranges begins, and where it has ended."""
    # The borders of a block differ from each other, since its ranges are apart.
    _combine(steps, dict.fromkeys([border for low, high in ranges for border in (low, high + 1)], mark))


def _combine(steps: dict[int, Mark], change: Mapping[int, Mark]) -> None:
    """Change the mark at borders; a border where nothing changes any more is dropped."""
    if steps.keys().isdisjoint(change):
        steps.update(change)
        return
    for border, mark in change.items():
        changed = steps.get(border, NO_FACTS) ^ mark
        if changed == NO_FACTS:
            del steps[border]
        else:
            steps[border] = changed
