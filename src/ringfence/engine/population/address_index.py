"""Identities by address: which of them lie in a block.

All pods of an identity lie in the same of the blocks that policies read, so one of their addresses represents all. The
identities are sorted by it, and each range of a block is a slice of them. The union of a long slice is the difference
of two beginnings, whose unions are kept for every 64th identity.
"""

from bisect import bisect_left, bisect_right
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from ringfence.engine.population.facts import Block
from ringfence.engine.population.identities import Identity
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset

_STEP: Final = 64


class _Sorted(NamedTuple):
    """The identities of one family in the order of their addresses: `unions[i]` is that of the first 64 times i."""

    addresses: list[int]
    bits: list[int]
    unions: list[Bitset]

    def between(self, low: int, high: int) -> Bitset:
        """The identities whose addresses lie within these bounds, both included."""
        first = bisect_left(self.addresses, low)
        end = bisect_right(self.addresses, high, first)
        # A short slice may contain no whole block of 64, and is as fast bit by bit.
        if end - first < 2 * _STEP:
            return bitsets.of(self.bits[first:end])
        inner, outer = -(-first // _STEP), end // _STEP
        edges = bitsets.of(self.bits[first : inner * _STEP]) | bitsets.of(self.bits[outer * _STEP : end])
        # The union up to `inner` is a part of that up to `outer`, so `^` is their difference.
        return edges | (self.unions[outer] ^ self.unions[inner])


class AddressIndex:
    """Sets of identities, by the blocks that their pods' addresses lie in."""

    def __init__(self) -> None:
        self._unknown: Bitset = 0
        """The identities of pods whose addresses are not known."""
        self._addresses: dict[Family, dict[int, int]] = {family: {} for family in FAMILIES}
        """An address of each identity, by its bit."""
        self._sorted: dict[Family, _Sorted] = {}

    def add(self, identity: Identity) -> None:
        """Index an identity, which has the bounds of its first pods."""
        if not identity.bounds:
            self._unknown |= 1 << identity.bit
        for family, (low, _) in identity.bounds.items():
            self._addresses[family][identity.bit] = low
            self._sorted.pop(family, None)

    def remove(self, identity: Identity) -> None:
        """Remove an identity."""
        if not identity.bounds:
            self._unknown &= ~(1 << identity.bit)
        for family in identity.bounds:
            del self._addresses[family][identity.bit]
            self._sorted.pop(family, None)

    def within(self, block: Block, family: Family) -> Bitset:
        """The identities whose address of a family lies in a block, or may lie in it (`Block.covers_family`)."""
        unknown = self._unknown if block.covers_family else 0
        known = self._sorted_of(family)
        return reduce(or_, (known.between(low, high) for low, high in block.addresses.ranges(family)), unknown)

    def _sorted_of(self, family: Family) -> _Sorted:
        if family not in self._sorted:
            pairs = sorted((address, bit) for bit, address in self._addresses[family].items())
            bits = [bit for _, bit in pairs]
            unions = [0]
            for start in range(0, len(bits) - _STEP + 1, _STEP):
                unions.append(unions[-1] | bitsets.of(bits[start : start + _STEP]))
            self._sorted[family] = _Sorted([address for address, _ in pairs], bits, unions)
        return self._sorted[family]
