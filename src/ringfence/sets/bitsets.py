"""Sets of small whole numbers as Python integers: bit n is set when n is a member.

Union, intersection and difference are the integers' own `|`, `&` and `& ~`; measured against numpy and roaring bitmaps,
a plain integer is the fastest of them up to about ten thousand members (docs/performance.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Final, TypeVar

T = TypeVar("T")

Bitset = int

_IS_SET: Final = bytes.maketrans(b"01", b"\x00\x01")


def of(members: Iterable[int]) -> Bitset:
    """The set of `members`."""
    bits = 0
    for member in members:
        bits |= 1 << member
    return bits


def members(bits: Bitset) -> Iterator[int]:
    """The members in ascending order; work is proportional to the highest member, not to pairs."""
    # `bin` converts all bits in one call in C, and `find` skips runs of zeros at its speed. Shifting the integer bit by
    # bit would copy it for each bit. The slice reverses the digits and drops the `0b`.
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def selected(items: Sequence[T], bits: Bitset) -> Iterator[T]:
    """The items at the places that are members, in their order; places beyond the items are ignored."""
    return compress(items, bin(bits)[:1:-1].encode().translate(_IS_SET))


def size(bits: Bitset) -> int:
    """How many members the set has."""
    return bits.bit_count()
