"""Ranges of addresses as blocks with exceptions, as an ipBlock is written: `0.0.0.0/0 except 10.0.0.0/8`.

The blocks are those of the smallest routing table that has the ranges as its routes: the longest prefix that contains
an address decides whether it belongs to the set. A route to the set starts a block, and the routes away from it just
below are the exceptions of the block. Computed from the halves of each block upwards, as in "Constructing Optimal IP
Routing Tables" (Draves, King, Venkatachary, Zill; INFOCOM 1999), with two next hops: in the set, or not.
"""

from typing import NamedTuple

from ringfence.sets.intervals import Interval, Intervals

Prefix = tuple[int, int]
"""The first address of a CIDR as a number, and the length of its prefix."""


class CidrBlock(NamedTuple):
    """A CIDR without its exceptions."""

    prefix: Prefix
    exceptions: tuple[Prefix, ...] = ()


class _Routes(NamedTuple):
    """What must be written for a part of the address space: exceptions of the block around it, and blocks."""

    cidrs: int = 0
    exceptions: tuple[Prefix, ...] = ()
    blocks: tuple[CidrBlock, ...] = ()

    def and_also(self, more: "_Routes") -> "_Routes":
        return _Routes(self.cidrs + more.cidrs, self.exceptions + more.exceptions, self.blocks + more.blocks)


def blocks(ranges: Intervals, whole: Interval) -> tuple[CidrBlock, ...]:
    """The blocks whose union is exactly `ranges` of the address family `whole`, in as few CIDRs as possible, ascending.

    If there are several such lists, the one without exceptions.
    """
    outside, _ = _routes(list(ranges), 0, 0, whole[1].bit_length())
    return tuple(sorted(outside.blocks))


def _routes(ranges: list[Interval], low: int, length: int, bits: int) -> tuple[_Routes, _Routes]:
    """What must be written for a prefix, in the two cases that the addresses around it are in the set or not."""
    prefix = (low, length)
    size = 1 << bits - length
    if not ranges:
        return _Routes(), _Routes(1, (prefix,))
    if ranges == [(low, low + size - 1)]:
        return _Routes(1, (), (CidrBlock(prefix),)), _Routes()
    # An empty or a full prefix has ended the recursion above, so only prefixes that contain the border of a range are
    # halved: work grows with ranges times prefix length, not with addresses.
    middle = low + size // 2
    left = [(start, min(end, middle - 1)) for start, end in ranges if start < middle]
    right = [(max(start, middle), end) for start, end in ranges if end >= middle]
    left_outside, left_inside = _routes(left, low, length + 1, bits)
    right_outside, right_inside = _routes(right, middle, length + 1, bits)
    outside, inside = left_outside.and_also(right_outside), left_inside.and_also(right_inside)
    # One CIDR for the whole prefix changes from outside to inside; it must save more than itself. With equal counts the
    # form without an exception remains, which is easier to read.
    if 1 + inside.cidrs < outside.cidrs:
        block = CidrBlock(prefix, inside.exceptions)
        return _Routes(1 + inside.cidrs, (), (block, *inside.blocks)), inside
    if 1 + outside.cidrs < inside.cidrs:
        return outside, _Routes(1 + outside.cidrs, (prefix,), outside.blocks)
    return outside, inside
