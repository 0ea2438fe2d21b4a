"""Which of many address blocks an address lies in, found by one binary search.

The borders of all blocks cut the addresses of each family into cells; all addresses of a cell lie in the same blocks.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping

from ringfence.engine.population.facts import Block, InBlock
from ringfence.sets.addresses import FAMILIES, Family

BlockFacts = frozenset[InBlock]
_NONE: BlockFacts = frozenset()


class BlockIndex:
    """The blocks that policies read, indexed by address."""

    def __init__(self) -> None:
        # Two lists of equal length for each family: cell i holds the addresses from starts[i] up to, but not including,
        # starts[i + 1], and facts[i] holds for all of them. Lists beat a tree here: a lookup is one C call of bisect.
        self._starts: dict[Family, list[int]] = {family: [0] for family in FAMILIES}
        self._facts: dict[Family, list[BlockFacts]] = {family: [_NONE] for family in FAMILIES}
        self.covering: BlockFacts = _NONE
        """The facts that hold for a pod whose address is not known."""

    def add(self, block: Block) -> None:
        """Add a block, which must not be in the index."""
        for family in FAMILIES:
            fact = InBlock(block, family)
            for i in self._cells(block, family):
                self._facts[family][i] |= {fact}
            if block.covers_family:
                self.covering |= {fact}

    def remove(self, block: Block) -> None:
        """Remove a block, and the borders that no other block needs."""
        for family in FAMILIES:
            fact = InBlock(block, family)
            for i in self._cells(block, family):
                self._facts[family][i] -= {fact}
            self.covering -= {fact}
            self._join_equal_neighbours(block, family)

    def facts(self, addresses: tuple[tuple[Family, int], ...]) -> BlockFacts:
        """The facts that hold for a pod with these addresses: for each family, the blocks that it is in."""
        if not addresses:
            return self.covering
        if len(addresses) == 1:
            return self._at(*addresses[0])
        return _NONE.union(*(self._at(family, number) for family, number in addresses))

    def facts_within(self, bounds: Mapping[Family, tuple[int, int]]) -> BlockFacts | None:
        """The facts that hold for every pod with addresses within bounds, both included; None if pods may differ."""
        if not bounds:
            return self.covering
        found = _NONE
        for family, (low, high) in bounds.items():
            starts = self._starts[family]
            # bisect_right counts the cells that start at or below an address. A cell that starts at `high` itself is
            # another one: the pod with the highest address is then in a block that begins there, the others are not.
            cell = bisect_right(starts, low)
            if cell != bisect_right(starts, high, cell):
                return None
            found |= self._facts[family][cell - 1]
        return found

    def _at(self, family: Family, number: int) -> BlockFacts:
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
        """Remove the borders that adding a block made, where both sides hold the same facts.

        Without this, the index would grow with every block that ever was in it.
        """
        starts, facts = self._starts[family], self._facts[family]
        for border in {border for low, high in block.addresses.ranges(family) for border in (low, high + 1)}:
            at = bisect_left(starts, border)
            if 0 < at < len(starts) and starts[at] == border and facts[at] == facts[at - 1]:
                del starts[at], facts[at]
