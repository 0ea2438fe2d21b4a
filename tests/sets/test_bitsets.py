"""Integers as sets of small numbers, against Python's own sets."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets import bitsets

numbers = st.sets(st.integers(0, 200))


@given(numbers)
def test_what_goes_in_comes_out_in_order(members: set[int]) -> None:
    assert list(bitsets.members(bitsets.of(members))) == sorted(members)


@given(numbers)
def test_size(members: set[int]) -> None:
    bits = bitsets.of(members)
    assert bitsets.size(bits) == len(members)
    assert bool(bits) is bool(members)


@given(numbers, numbers)
def test_operators_are_those_of_sets(a: set[int], b: set[int]) -> None:
    x, y = bitsets.of(a), bitsets.of(b)
    assert set(bitsets.members(x | y)) == a | b
    assert set(bitsets.members(x & y)) == a & b
    assert set(bitsets.members(x & ~y)) == a - b


@given(numbers, st.lists(st.text(), max_size=30))
def test_the_items_at_the_places_that_are_members_are_selected(members: set[int], items: list[str]) -> None:
    expected = [item for place, item in enumerate(items) if place in members]
    assert list(bitsets.selected(items, bitsets.of(members))) == expected
