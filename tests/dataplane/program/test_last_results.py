"""The last results of a function of two large values: found again for the same values, and computed for others."""

from collections.abc import Callable

import pytest

from ringfence.dataplane.program import last_results
from ringfence.dataplane.program.last_results import LastResults


@pytest.fixture
def calls() -> list[tuple[frozenset[int], frozenset[int]]]:
    return []


@pytest.fixture
def difference(
    calls: list[tuple[frozenset[int], frozenset[int]]],
) -> LastResults[frozenset[int], frozenset[int]]:
    def computed(old: frozenset[int], new: frozenset[int]) -> frozenset[int]:
        calls.append((old, new))
        return new - old

    return LastResults(computed)


def values(count: int) -> list[frozenset[int]]:
    return [frozenset({number}) for number in range(count)]


Difference = Callable[[frozenset[int], frozenset[int]], frozenset[int]]


def test_the_same_values_are_compared_once(difference: Difference, calls: list[object]) -> None:
    one, other = values(2)
    assert [difference(one, other) for _ in range(3)] == [other] * 3
    assert len(calls) == 1


def test_equal_values_are_not_the_same_and_the_order_matters(difference: Difference, calls: list[object]) -> None:
    one, other = values(2)
    assert difference(one, other) == other
    assert difference(other, one) == one
    assert difference(frozenset({0}), other) == other
    assert len(calls) == 3


def test_only_the_last_results_are_kept(difference: Difference, calls: list[object]) -> None:
    one, *others = values(last_results._MOST + 2)
    for other in (*others, others[-1], others[0]):
        difference(one, other)
    assert len(calls) == len(others) + 1


def test_forgotten_results_are_computed_again(
    difference: LastResults[frozenset[int], frozenset[int]], calls: list[object]
) -> None:
    one, other = values(2)
    difference(one, other)
    difference.forget()
    assert difference(one, other) == other
    assert len(calls) == 2


def test_a_noted_result_is_not_computed(
    difference: LastResults[frozenset[int], frozenset[int]], calls: list[object]
) -> None:
    one, other = values(2)
    difference.note(one, other, other)
    assert difference(one, other) == other
    assert not calls
