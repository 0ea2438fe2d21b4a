"""Parts of traffic, against the definition: one set after another, each compared with each part."""

import sys
from collections.abc import Iterator
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from tests.sets.test_traffic import traffics

from ringfence.sets import traffic_parts
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic
from ringfence.sets.traffic_parts import meeting, parted

several = st.lists(traffics, max_size=6)


def one_port_each(count: int) -> list[Traffic]:
    return [Traffic.of("TCP", ((number, number),)) for number in range(1, count + 1)]


@given(traffics | st.just(ALL_TRAFFIC), several)
def test_each_part_is_inside_or_outside_each_set_and_what_is_inside_earlier_sets_comes_first(
    traffic: Traffic, sets: list[Traffic]
) -> None:
    parts = [traffic] if traffic else []
    for one in sets:
        halves = [half for part in parts for half in (part & one, part - one)]
        parts = [half for half in halves if half]
    assert parted(traffic, sets) == parts


@given(traffics | st.just(ALL_TRAFFIC), several, several)
def test_the_sets_that_meet_a_part_have_something_in_common_with_it(
    traffic: Traffic, dividing: list[Traffic], sets: list[Traffic]
) -> None:
    parts = parted(traffic, dividing)
    assert meeting(parts, sets) == [[place for place, one in enumerate(sets) if one & part] for part in parts]


def test_deeply_nested_ranges() -> None:
    """Each is inside the one before, so each part is divided again: 1,500 levels, more than functions may be nested."""
    assert sys.getrecursionlimit() < 1_500
    nested = [Traffic.of("TCP", ((number, 10_000 - number),)) for number in range(1, 1_501)]
    assert len(parted(ALL_TRAFFIC, nested)) == 1_501


def test_sets_are_compared_only_with_the_parts_that_they_meet() -> None:
    """1,000 ports and as many sets: 1,000 comparisons in place of 1,000,000."""
    sets = one_port_each(1_000)
    found: list[int] = []
    look = traffic_parts._PortRanges.meeting

    def counted(self: traffic_parts._PortRanges, traffic: Traffic) -> Iterator[int]:
        for place in look(self, traffic):
            found.append(place)
            yield place

    with mock.patch.object(traffic_parts._PortRanges, "meeting", counted):
        parts = parted(Traffic.of("TCP", ((1, 1_000),)), sets)
        assert meeting(parts, sets) == [[place] for place in range(1_000)]
    assert len(found) == 2_000
