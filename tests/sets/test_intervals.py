"""Sets of whole numbers as intervals, against Python's own sets."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets import intervals
from ringfence.sets.intervals import Intervals

HIGHEST = 40
UNIVERSE: Intervals = ((0, HIGHEST),)

numbers = st.integers(0, HIGHEST)
spans = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
some_spans = st.lists(spans, max_size=6)
some_intervals = some_spans.map(intervals.normalise)


def members(of: Intervals) -> set[int]:
    return {number for low, high in of for number in range(low, high + 1)}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param([(8, 9), (1, 2)], ((1, 2), (8, 9)), id="sorted"),
        pytest.param([(1, 2), (3, 4)], ((1, 4),), id="neighbours are joined"),
        pytest.param([(1, 2), (4, 5)], ((1, 2), (4, 5)), id="a gap of one number is a gap"),
        pytest.param([(1, 9), (3, 4)], ((1, 9),), id="what lies inside adds nothing"),
        pytest.param([(1, 5), (3, 9)], ((1, 9),), id="what overlaps is joined"),
        pytest.param([(7, 7), (7, 7)], ((7, 7),), id="the same number twice is one number"),
    ],
)
def test_normal_form(written: list[tuple[int, int]], kept: Intervals) -> None:
    assert intervals.normalise(written) == kept


@given(some_spans)
def test_normalising_keeps_the_members_and_gives_sorted_intervals_with_gaps(written: list[tuple[int, int]]) -> None:
    kept = intervals.normalise(written)
    assert members(kept) == members(tuple(written))
    assert all(low <= high for low, high in kept)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(kept))


@pytest.mark.parametrize(
    ("operation", "definition"),
    [
        pytest.param(intervals.union, set.union, id="union"),
        pytest.param(intervals.intersection, set.intersection, id="intersection"),
        pytest.param(intervals.difference, set.difference, id="difference"),
    ],
)
@given(a=some_intervals, b=some_intervals)
def test_operations_are_those_of_sets_and_keep_the_normal_form(
    operation: Callable[[Intervals, Intervals], Intervals],
    definition: Callable[[set[int], set[int]], set[int]],
    a: Intervals,
    b: Intervals,
) -> None:
    result = operation(a, b)
    assert members(result) == definition(members(a), members(b))
    assert result == intervals.normalise(result)


@given(some_intervals.filter(bool), spans)
def test_a_short_set_and_one_that_is_much_longer_are_intersected_by_searching(
    some: Intervals, one: tuple[int, int]
) -> None:
    longer = tuple((100 * at + low, 100 * at + high) for at in range(20) for low, high in some)
    short = ((one[0] + 500, one[1] + 500),)
    expected = intervals.normalise((number, number) for number in members(short) & members(longer))
    assert intervals.intersection(short, longer) == intervals.intersection(longer, short) == expected


@given(some_intervals, numbers)
def test_contains(of: Intervals, number: int) -> None:
    assert intervals.contains(of, number) is (number in members(of))


@given(some_intervals)
def test_size(of: Intervals) -> None:
    assert intervals.size(of) == len(members(of))


def test_positions_count_gaps_and_intervals() -> None:
    of = ((10, 20), (30, 30))
    assert [intervals.position_of(number, of) for number in (9, 10, 20, 21, 29, 30, 31)] == [0, 1, 1, 2, 2, 3, 4]


@given(some_intervals, numbers, numbers)
def test_numbers_of_one_position_have_no_border_between_them(of: Intervals, a: int, b: int) -> None:
    inside = [number in members(of) for number in range(min(a, b), max(a, b) + 1)]
    assert (intervals.position_of(a, of) == intervals.position_of(b, of)) is (len(set(inside)) == 1)


@given(st.lists(some_intervals, max_size=4))
def test_cells_are_the_coarsest_partition_that_every_set_is_a_union_of(sets: list[Intervals]) -> None:
    cells = intervals.cells(sets, UNIVERSE)
    assert all(cells), "no cell is empty"
    assert sum(map(intervals.size, cells)) == HIGHEST + 1, "disjoint"
    signatures = [tuple(members(cell) <= members(one) for one in sets) for cell in cells]
    for number in range(HIGHEST + 1):
        (cell,) = (at for at, cell in enumerate(cells) if intervals.contains(cell, number))
        assert signatures[cell] == tuple(number in members(one) for one in sets)
    assert len(set(signatures)) == len(cells), "coarsest: no two cells are in the same sets"


@given(st.lists(some_intervals, max_size=3))
def test_nothing_has_no_cells(sets: list[Intervals]) -> None:
    assert intervals.cells(sets, intervals.NOTHING) == []


def test_the_whole_of_ipv6_fits() -> None:
    whole = ((0, (1 << 128) - 1),)
    assert intervals.contains(whole, (1 << 128) - 1)
    assert intervals.difference(whole, ((1, 1),)) == ((0, 0), (2, (1 << 128) - 1))
