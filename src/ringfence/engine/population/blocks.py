"""Which of many address blocks an address lies in, as the mark of the facts that it does, by one binary search.

The borders of all blocks cut the addresses of each family into cells; all addresses of a cell lie in the same blocks.
Only the change of the mark at each border is kept. So a block costs as much as it has ranges, however many blocks lie
around it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from operator import xor
from typing import NamedTuple

from ringfence.engine.population.facts import Block
from ringfence.engine.population.identities import Bounds
from ringfence.engine.population.marks import NO_FACTS, Mark, new_mark
from ringfence.engine.population.pods import PodAddresses
from ringfence.sets.addresses import FAMILIES, Family

BlockFacts = Mapping[Family, Mark]
"""The marks of the facts that an address of each family lies in one block."""


def new_block_facts() -> BlockFacts:
    """The facts about one block."""
    return {family: new_mark() for family in FAMILIES}


class _Cells(NamedTuple):
    """Cell i holds the addresses from starts[i] up to, but not including, starts[i + 1]."""

    starts: list[int]
    marks: list[Mark]


class BlockMarks:
    """Some blocks: the mark of the facts that hold for a pod, by its addresses."""

    def __init__(self) -> None:
        self.covering: Mark = NO_FACTS
        """The mark for a pod whose address is not known."""
        self._steps: dict[Family, dict[int, Mark]] = {family: {} for family in FAMILIES}
        self._cells: dict[Family, _Cells] = {}

    def toggle(self, blocks: Mapping[Block, BlockFacts]) -> "BlockMarks":
        """Add blocks that are not among these, or remove blocks that are; return the marks of these blocks alone."""
        change = BlockMarks()
        change._add(blocks)
        for family, steps in change._steps.items():
            for border, mark in steps.items():
                _step(self._steps[family], border, mark)
        self.covering ^= change.covering
        self._cells.clear()
        return change

    def _add(self, blocks: Mapping[Block, BlockFacts]) -> None:
        for block, facts in blocks.items():
            for family, mark in facts.items():
                steps = self._steps[family]
                for low, high in block.addresses.ranges(family):
                    _step(steps, low, mark)
                    _step(steps, high + 1, mark)
                if block.covers_family:
                    self.covering ^= mark

    def at(self, addresses: PodAddresses) -> Mark:
        """The mark for a pod with these addresses."""
        if not addresses:
            return self.covering
        mark = NO_FACTS
        for family, number in addresses:
            starts, marks = self._cells_of(family)
            mark ^= marks[bisect_right(starts, number) - 1]
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
        return mark

    def _cells_of(self, family: Family) -> _Cells:
        cells = self._cells.get(family)
        if cells is None:
            steps = self._steps[family]
            starts = sorted(steps)
            marks = accumulate((steps[start] for start in starts), xor, initial=NO_FACTS)
            cells = self._cells[family] = _Cells([-1, *starts], list(marks))
        return cells


def _step(steps: dict[int, Mark], border: int, mark: Mark) -> None:
    """Change the mark at a border; a border where nothing changes any more is dropped."""
    changed = steps.get(border, NO_FACTS) ^ mark
    if changed == NO_FACTS:
        del steps[border]
    else:
        steps[border] = changed
