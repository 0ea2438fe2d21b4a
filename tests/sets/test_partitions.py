"""Partitions: a value for every member of a set, said of disjoint extents."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets import bitsets
from ringfence.sets.partitions import Partition, added_within, changed_within, combined, merged

WHOLE = range(12)

values = st.integers(0, 3)
functions = st.lists(values, min_size=len(WHOLE), max_size=len(WHOLE))
"""A value for each member: what a partition says, written out."""
extents = st.sets(st.sampled_from(WHOLE)).map(bitsets.of)


def partition(function: list[int]) -> Partition[int, int]:
    """The finest one: a cell for each member."""
    return [(1 << member, value) for member, value in enumerate(function)]


def written_out(cells: Partition[int, int]) -> list[int]:
    """The value of each member; there must be exactly one."""
    (found,) = zip(*([value for cell, value in cells if cell >> member & 1] for member in WHOLE), strict=True)
    return list(found)


@given(functions)
def test_merging_leaves_one_cell_for_each_value_and_changes_no_value(function: list[int]) -> None:
    cells = merged(partition(function))
    assert written_out(cells) == function
    assert len(cells) == len(set(function))


@given(functions, extents)
def test_a_change_is_made_inside_its_extent_only(function: list[int], extent: int) -> None:
    cells = changed_within(merged(partition(function)), extent, lambda value: value + 10)
    assert written_out(cells) == [
        value + 10 if extent >> member & 1 else value for member, value in enumerate(function)
    ]
    assert all(cell for cell, _ in cells), "no cell is empty"


@given(functions)
def test_a_change_of_everything_splits_nothing(function: list[int]) -> None:
    cells = merged(partition(function))
    assert len(changed_within(cells, bitsets.of(WHOLE), lambda value: value + 1)) == len(cells)


@given(st.lists(extents, max_size=5))
def test_what_is_added_to_a_member_is_found_in_its_cell(added: list[int]) -> None:
    cells: Partition[int, tuple[int, ...]] = []
    for number, extent in enumerate(added):
        cells = added_within(cells, extent, number)
    for member in WHOLE:
        found = [numbers for cell, numbers in cells if cell >> member & 1]
        expected = tuple(number for number, extent in enumerate(added) if extent >> member & 1)
        assert found == ([expected] if expected else []), "a member without any value is in no cell"
    assert all(cell for cell, _ in cells), "no cell is empty"


@given(functions, functions)
def test_two_partitions_are_combined_member_by_member(a: list[int], b: list[int]) -> None:
    cells = combined(merged(partition(a)), merged(partition(b)), lambda x, y: 10 * x + y)
    assert written_out(cells) == [10 * x + y for x, y in zip(a, b, strict=True)]
    assert all(cell for cell, _ in cells)
