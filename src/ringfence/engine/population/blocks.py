"""Which of many address blocks an address lies in, in the time of one binary search.

The borders of all blocks cut each family's addresses into cells; every address of a cell lies in the same blocks.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping

from ringfence.engine.population.facts import Block, InBlock
from ringfence.sets.addresses import FAMILIES, Family

Facts = frozenset[InBlock]
_NONE: Facts = frozenset()


class BlockIndex:
    """The blocks that are read, indexed by address."""

    def __init__(self) -> None:
        self._starts: dict[Family, list[int]] = {family: [0] for family in FAMILIES}
        self._facts: dict[Family, list[Facts]] = {family: [_NONE] for family in FAMILIES}
        self.covering: Facts = _NONE
        """What holds for a pod whose address is not known."""

    def add(self, block: Block) -> None:
        """Start to tell whether addresses lie in `block`."""
        for family in FAMILIES:
            fact = InBlock(block, family)
            for i in self._cells(block, family):
                self._facts[family][i] |= {fact}
            if block.covers_family:
                self.covering |= {fact}

    def remove(self, block: Block) -> None:
        """Forget a block, and the borders that no other block needs."""
        for family in FAMILIES:
            fact = InBlock(block, family)
            for i in self._cells(block, family):
                self._facts[family][i] -= {fact}
            self.covering -= {fact}
            self._join_equal_neighbours(block, family)

    def facts(self, addresses: tuple[tuple[Family, int], ...]) -> Facts:
        """What holds for a pod with these addresses: the blocks that it is in, by family."""
        if not addresses:
            return self.covering
        if len(addresses) == 1:
            return self._at(*addresses[0])
        return _NONE.union(*(self._at(family, number) for family, number in addresses))

    def facts_within(self, bounds: Mapping[Family, tuple[int, int]]) -> Facts | None:
        """What holds for all pods with addresses within some bounds; None where they may differ."""
        if not bounds:
            return self.covering
        found = _NONE
        for family, (low, high) in bounds.items():
            starts = self._starts[family]
            cell = bisect_right(starts, low)
            if cell != bisect_right(starts, high, cell - 1):
                return None
            found |= self._facts[family][cell - 1]
        return found

    def _at(self, family: Family, number: int) -> Facts:
        return self._facts[family][bisect_right(self._starts[family], number) - 1]

    def _cells(self, block: Block, family: Family) -> list[int]:
        """The cells that make up the block, cut where it begins and ends."""
        ranges = block.addresses.ranges(family)
        for low, high in ranges:
            self._cut(family, low)
            self._cut(family, high + 1)
        starts = self._starts[family]
        return [i for low, high in ranges for i in range(bisect_left(starts, low), bisect_right(starts, high))]

    def _cut(self, family: Family, number: int) -> None:
        starts = self._starts[family]
        at = bisect_left(starts, number)
        if at == len(starts) or starts[at] != number:
            insort(starts, number)
            self._facts[family].insert(at, self._facts[family][at - 1])

    def _join_equal_neighbours(self, block: Block, family: Family) -> None:
        starts, facts = self._starts[family], self._facts[family]
        for border in {border for low, high in block.addresses.ranges(family) for border in (low, high + 1)}:
            at = bisect_left(starts, border)
            if 0 < at < len(starts) and starts[at] == border and facts[at] == facts[at - 1]:
                del starts[at], facts[at]
