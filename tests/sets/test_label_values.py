"""Sets of values of one label key."""

import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets.label_values import (
    ABSENT,
    ANY_VALUE,
    NO_VALUE,
    ONLY_ABSENT,
    PRESENT,
    LabelValues,
    none_of,
    one_of,
)

VALUES = (ABSENT, "", "a", "b", "c", "other", "other-2")
"""Values that the sets below list, and one that none of them does."""

label_values = st.builds(LabelValues, st.frozensets(st.sampled_from(VALUES[:-1])), st.booleans())


def members(values: LabelValues) -> set[str | None]:
    """What of all samples is in the set, by asking for each."""
    return {value for value in VALUES if values.contains(value)}


@pytest.mark.parametrize("operation", [operator.or_, operator.and_, operator.sub])
@given(a=label_values, b=label_values)
def test_operators_are_those_of_sets(
    operation: Callable[[object, object], object], a: LabelValues, b: LabelValues
) -> None:
    result = operation(a, b)
    assert isinstance(result, LabelValues)
    assert members(result) == operation(members(a), members(b))


@given(label_values)
def test_the_complement_has_what_the_set_has_not(values: LabelValues) -> None:
    assert members(~values) == set(VALUES) - members(values)


@given(label_values, label_values)
def test_a_set_has_one_form(a: LabelValues, b: LabelValues) -> None:
    assert (a == b) is (members(a) == members(b))


@given(label_values)
def test_a_set_is_true_unless_it_is_empty(values: LabelValues) -> None:
    assert bool(values) is bool(members(values))


@given(label_values.filter(bool))
def test_an_example_is_a_member(values: LabelValues) -> None:
    assert values.contains(values.example())


@pytest.mark.parametrize(
    ("values", "example"),
    [
        pytest.param(ANY_VALUE, ABSENT, id="as few labels as possible: absent if it may be"),
        pytest.param(ONLY_ABSENT, ABSENT, id="absent"),
        pytest.param(none_of("a"), ABSENT, id="NotIn is met by an absent label"),
        pytest.param(PRESENT, "other", id="Exists: any value"),
        pytest.param(none_of(ABSENT, "other"), "other-2", id="a value that is not listed"),
        pytest.param(one_of("web", "db"), "db", id="the shortest of the listed values"),
        pytest.param(one_of("b", "a"), "a", id="of equally short values the first"),
        pytest.param(one_of("", "a"), "", id="the empty value is one"),
        pytest.param(one_of("a", ABSENT), ABSENT, id="absent rather than a value"),
    ],
)
def test_example(values: LabelValues, example: str | None) -> None:
    assert values.example() == example


def test_the_empty_set_has_no_example() -> None:
    with pytest.raises(ValueError, match="empty"):
        NO_VALUE.example()
