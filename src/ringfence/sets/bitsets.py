"""Sets of small whole numbers as Python integers: bit n is set when n is a member.

Union, intersection and difference are the integers' own `|`, `&` and `& ~`; measured against numpy and roaring bitmaps,
a plain integer is the fastest of all up to some ten thousand members (docs/performance.md).
"""

from collections.abc import Iterable, Iterator

Bitset = int


def of(members: Iterable[int]) -> Bitset:
    """The set of `members`."""
    bits = 0
    for member in members:
        bits |= 1 << member
    return bits


def members(bits: Bitset) -> Iterator[int]:
    """The members in ascending order; work is proportional to the highest member, not to pairs."""
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def size(bits: Bitset) -> int:
    """How many members the set has."""
    return bits.bit_count()


def lowest(bits: Bitset) -> int:
    """The smallest member of a set that is not empty."""
    return (bits & -bits).bit_length() - 1


class Weights:
    """Sums a weight over the members of a set, in a few bit operations however large the set.

    The weights are kept as binary digits: plane k holds the members whose weight has bit k set, so the sum over a set
    is the count of the set in each plane, times 2**k.
    """

    def __init__(self, weights: Iterable[tuple[int, int]]) -> None:
        """`weights` are (member, weight) pairs; a member that is not named weighs nothing."""
        planes: list[int] = []
        for member, weight in weights:
            for k in members(weight):
                if k >= len(planes):
                    planes.extend([0] * (k + 1 - len(planes)))
                planes[k] |= 1 << member
        self._planes = planes

    def total(self, bits: Bitset) -> int:
        """The sum of the weights of the members of `bits`."""
        return sum((bits & plane).bit_count() << k for k, plane in enumerate(self._planes))


def transpose(rows: list[Bitset], width: int) -> list[Bitset]:
    """Columns of a bit matrix: row r has bit c exactly when column c, of `width`, has bit r."""
    if not rows:
        return [0] * width
    lines = [format(row, f"0{width}b")[::-1] for row in reversed(rows)]
    return [int("".join(column), 2) for column in zip(*lines, strict=True)]
