"""The priorities of converted policies: a tier keeps its order, and other policies keep their priorities."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.analysis.conversion import priorities
from ringfence.analysis.conversion.priorities import InTier, NoRoom, converted_priorities


def fixed(priority: int) -> InTier:
    return InTier(priority, None)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param([InTier(5, 1), InTier(9, 1)], [5, 9], id="all keep theirs"),
        pytest.param([InTier(5, 1), InTier(5, 1)], [5, 5], id="equal priorities stay equal"),
        pytest.param([InTier(5, 3), InTier(9, 1)], [5, 9], id="parts fit in between"),
        pytest.param([InTier(5, 3), InTier(6, 1), InTier(20, 1)], [5, 8, 20], id="the next one makes room"),
        pytest.param([InTier(5, 2), InTier(5, 1)], [5, 7], id="an equal one comes after all parts"),
        pytest.param([InTier(5, 1), InTier(5, 2)], [5, 6], id="an equal one comes before all parts"),
        pytest.param([InTier(999, 1), InTier(1000, 3)], [997, 998], id="at the end they start earlier"),
        pytest.param([InTier(4, 1), InTier(5, 2), fixed(6)], [3, 4], id="one that is not converted keeps its place"),
        pytest.param([InTier(5, 1), fixed(5)], [5], id="equal to one that is not converted"),
        pytest.param(
            [fixed(5), fixed(5), InTier(5, 2)], [6], id="several that are not converted, and parts after them"
        ),
        pytest.param([], [], id="none"),
    ],
)
def test_priorities(policies: list[InTier], expected: list[int]) -> None:
    assert converted_priorities(policies) == expected


@pytest.mark.parametrize(
    ("policies", "number"),
    [
        pytest.param([fixed(3), InTier(4, 2), fixed(5)], 0, id="between two that stay"),
        pytest.param([InTier(0, 2), fixed(1)], 0, id="before the first"),
        pytest.param([fixed(999), InTier(1000, 2)], 0, id="after the last"),
        pytest.param([fixed(5), InTier(5, 2), fixed(5)], 0, id="between equal ones"),
        pytest.param([InTier(1, 1), fixed(3), InTier(4, 2), fixed(5)], 1, id="the second one"),
    ],
)
def test_where_there_is_no_room_it_says_for_which_policy(policies: list[InTier], number: int) -> None:
    with pytest.raises(NoRoom) as error:
        converted_priorities(policies)
    assert error.value.number == number


tiers = st.lists(st.builds(InTier, st.integers(0, 5), st.sampled_from([None, 1, 1, 2, 3])), max_size=5).map(
    lambda some: sorted(some, key=lambda one: one.priority)
)


@given(tiers)
def test_an_order_is_found_if_there_is_any(policies: list[InTier]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(priorities, "HIGHEST_PRIORITY", 5)
        try:
            found = converted_priorities(policies)
        except NoRoom:
            found = None
    ways = product(range(6), repeat=sum(one.parts is not None for one in policies))
    assert found is None or keeps_the_order(policies, tuple(found))
    assert (found is None) is not any(keeps_the_order(policies, way) for way in ways)


def keeps_the_order(policies: list[InTier], starts: tuple[int, ...]) -> bool:
    """Whether policies are still evaluated in the same order; equal ones share a priority unless one is divided."""
    given = iter(starts)
    intervals = []
    for one in policies:
        start = one.priority if one.parts is None else next(given)
        intervals.append((start, start + (one.parts or 1) - 1))
    if any(end > 5 for _, end in intervals):
        return False
    for index, (before, after) in enumerate(pairwise(policies)):
        equal = before.priority == after.priority
        parts_among = any((one.parts or 1) > 1 for one in policies if one.priority == before.priority)
        is_free = equal and before.parts is None and after.parts is None
        if equal and not parts_among:
            if intervals[index][0] != intervals[index + 1][0]:
                return False
        elif not is_free and not intervals[index][1] < intervals[index + 1][0]:
            return False
    return True
