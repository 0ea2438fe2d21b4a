"""Sets of numbers as ranges: `[0, 3, 7, 7]` is 0 to 3, and 7."""

from collections.abc import Iterable


def number_ranges(numbers: Iterable[int]) -> list[int]:
    """Numbers as ranges, first and last of each in turn."""
    ranges: list[int] = []
    for number in sorted(numbers):
        if ranges and ranges[-1] == number - 1:
            ranges[-1] = number
        else:
            ranges += [number, number]
    return ranges
