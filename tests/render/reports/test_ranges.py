"""Sets of numbers as ranges, whatever the order in which the numbers come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.render.reports.ranges import number_ranges


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [
        pytest.param([], [], id="none"),
        pytest.param([7], [7, 7], id="one"),
        pytest.param([0, 1, 2, 3, 7], [0, 3, 7, 7], id="in order"),
        pytest.param([7, 2, 0, 3, 1], [0, 3, 7, 7], id="not in order"),
    ],
)
def test_ranges(numbers: list[int], ranges: list[int]) -> None:
    assert number_ranges(numbers) == ranges


@given(st.sets(st.integers(0, 30)))
def test_the_ranges_contain_the_numbers_and_as_few_as_possible_do(numbers: set[int]) -> None:
    ranges = number_ranges(numbers)
    pairs = list(zip(ranges[::2], ranges[1::2], strict=True))
    assert {one for first, last in pairs for one in range(first, last + 1)} == numbers
    assert len(pairs) == sum(one - 1 not in numbers for one in numbers)
