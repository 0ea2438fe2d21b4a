"""Regions of label values against sets of points, one by one."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets.label_values import ABSENT, ANY_VALUE, ONLY_ABSENT, PRESENT, LabelValues, none_of, one_of
from ringfence.sets.regions import OTHER, OrderedAxis, Region, Regions, nodes_of

APP, TIER, ENV = AXES = [OrderedAxis(0, "app"), OrderedAxis(1, "env"), OrderedAxis(1, "tier")]
VALUES = (ABSENT, "1", "2", "of no selector")
POINTS = list(product(VALUES, repeat=len(AXES)))
Limits = dict[OrderedAxis, LabelValues]

limits = st.dictionaries(
    st.sampled_from(AXES),
    st.sampled_from(
        [one_of("1"), one_of("1", "2"), one_of("1", ABSENT), none_of("2"), PRESENT, ONLY_ABSENT, ANY_VALUE]
    ),
)
boxes = st.lists(limits, max_size=4)


def points_of(region: Region) -> set[tuple[str | None, ...]]:
    """The points in a region, found by following each through its nodes."""
    found = set()
    for point in POINTS:
        at = region
        while at.axis in AXES:
            at = at.at(point[AXES.index(at.axis)])
        if at:
            found.add(point)
    return found


def points_in(some: list[Limits]) -> set[tuple[str | None, ...]]:
    """The points in any of some boxes."""
    return {
        point
        for point in POINTS
        if any(all(values.contains(point[AXES.index(axis)]) for axis, values in one.items()) for one in some)
    }


def region_of(regions: Regions, some: list[Limits]) -> Region:
    found = regions.nothing
    for one in some:
        found |= regions.box(one.items())
    return found


@given(boxes, boxes)
def test_operations_are_those_of_sets_of_points(a: list[Limits], b: list[Limits]) -> None:
    regions = Regions()
    one, other = region_of(regions, a), region_of(regions, b)
    assert points_of(one) == points_in(a)
    assert points_of(one & other) == points_in(a) & points_in(b)
    assert points_of(one | other) == points_in(a) | points_in(b)
    assert points_of(one ^ other) == points_in(a) ^ points_in(b)
    assert bool(one) is bool(points_in(a))


@given(boxes, boxes)
def test_equal_regions_are_one_object(a: list[Limits], b: list[Limits]) -> None:
    regions = Regions()
    one, other = region_of(regions, a), region_of(regions, b)
    assert (one is other) is (points_in(a) == points_in(b))
    assert one | other is other | one
    assert (one ^ other) ^ other is one
    assert (one & other) | (one & (one ^ other)) is one


@given(boxes, st.sampled_from(AXES), st.sampled_from(VALUES))
def test_a_restricted_region_has_the_points_at_one_value(
    some: list[Limits], axis: OrderedAxis, value: str | None
) -> None:
    regions = Regions()
    asked = OTHER if value == VALUES[-1] else value
    restricted = regions.restricted(region_of(regions, some), axis, asked)
    place = AXES.index(axis)
    expected = {point for point in POINTS if (*point[:place], value, *point[place + 1 :]) in points_in(some)}
    assert points_of(restricted) == expected
    assert axis not in [node.axis for node in nodes_of([restricted])]


def test_contradicting_limits_mean_nothing() -> None:
    regions = Regions()
    assert not regions.box([(APP, one_of("1")), (APP, one_of("2"))])
    assert regions.box([]) is regions.everything


def test_each_step_counts() -> None:
    class TooMany(Exception):
        pass

    left = [2]

    def step(number: int) -> None:
        left[0] -= number
        if left[0] < 0:
            raise TooMany

    regions = Regions(step)
    one, other = regions.along(APP, one_of("1")), regions.along(TIER, one_of("1"))
    with pytest.raises(TooMany):
        _ = one | other


def test_long_lists_of_values_count_as_more() -> None:
    """Twenty selectors that list thousands of values each would take minutes, at one step for each region."""
    taken: list[int] = []
    regions = Regions(taken.append)
    some = [
        regions.along(OrderedAxis(0, "app"), one_of(*(f"v{number}" for number in range(first, first + 3_200))))
        for first in (0, 10)
    ]
    assert sum(taken) >= 200
    made = sum(taken)
    assert some[0] & some[1]
    assert sum(taken) - made >= 200


def test_regions_say_what_they_are() -> None:
    regions = Regions()
    assert repr(regions.along(APP, one_of("1"))) == "app: {'1': everything}, else nothing"
    assert repr(OTHER) == "OTHER"
