"""Boxes of labels and traffic, against all the points of a small space."""

from collections.abc import Iterable
from itertools import combinations, product
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets.box_index import BoxIndex, ChangedIndex
from ringfence.sets.boxes import (
    EVERYTHING,
    Axis,
    Box,
    box_of,
    contains,
    difference,
    intersection,
    is_covered,
    key_of,
    overlaps,
    steps_of,
    uncovered,
)
from ringfence.sets.label_values import ABSENT, ANY_VALUE, PRESENT, LabelValues, none_of, one_of
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class Label(NamedTuple):
    """A label that may be absent, or must not."""

    key: str
    universe: LabelValues = ANY_VALUE


class Ports(NamedTuple):
    """The traffic."""

    universe: Traffic = ALL_TRAFFIC


APP, NAME, FLAG, PORTS = Label("app"), Label("name", PRESENT), Label("flag", one_of(ABSENT, "yes")), Ports()
AXES: tuple[Axis, ...] = (APP, NAME, FLAG, PORTS)
SAMPLES: dict[Axis, tuple[Any, ...]] = {
    APP: (ABSENT, "a", "b", "c"),
    NAME: ("a", "b", "c"),
    FLAG: (ABSENT, "yes"),
    PORTS: (("TCP", 1), ("TCP", 2), ("UDP", 1)),
}
POINTS = list(product(*(SAMPLES[axis] for axis in AXES)))
Points = set[tuple[Any, ...]]

_values = st.builds(LabelValues, st.frozensets(st.sampled_from([ABSENT, "a", "b"])), st.booleans())
_traffic = st.sampled_from([Traffic.of("TCP", [(1, 1)]), Traffic.of("TCP"), Traffic.of("UDP"), ALL_TRAFFIC])
_limits = st.lists(
    st.one_of(st.tuples(st.sampled_from([APP, NAME, FLAG]), _values), st.tuples(st.just(PORTS), _traffic)), max_size=4
)
boxes = _limits.map(box_of).filter(lambda box: box is not None)
some_boxes = st.lists(boxes, max_size=5)


def has(values: Any, member: Any) -> bool:
    """Whether a set of either kind has a member."""
    return bool(values.contains(*member) if isinstance(values, Traffic) else values.contains(member))


def points(box: Box | None) -> Points:
    """What of all samples is in the box, by asking for each."""
    if box is None:
        return set()
    return {
        point
        for point in POINTS
        if all(has(box[axis], value) for axis, value in zip(AXES, point, strict=True) if axis in box)
    }


def points_of(some: Iterable[Box]) -> Points:
    return {point for box in some for point in points(box)}


def are_disjoint(some: list[Box]) -> bool:
    return not any(overlaps(a, b) for a, b in combinations(some, 2))


@given(_limits)
def test_a_box_has_what_meets_all_its_limits(limits: list[tuple[Axis, Any]]) -> None:
    wanted = {point for point in POINTS if all(has(values, point[AXES.index(axis)]) for axis, values in limits)}
    assert points(box_of(limits)) == wanted


def test_a_box_has_one_form() -> None:
    assert box_of([(NAME, PRESENT), (APP, ANY_VALUE), (FLAG, PRESENT)]) == {FLAG: one_of("yes")}
    assert box_of([(APP, none_of("a")), (APP, none_of("b"))]) == {APP: none_of("a", "b")}
    assert box_of([(APP, one_of("a")), (APP, none_of("a"))]) is None
    assert box_of([(NAME, one_of(ABSENT))]) is None
    assert key_of({APP: one_of("a", "b")}) == key_of({APP: one_of("b", "a")})


@given(boxes, boxes)
def test_arithmetic_of_two(a: Box, b: Box) -> None:
    rest = list(difference(a, b))
    assert points(intersection(a, b)) == points(a) & points(b)
    assert overlaps(a, b) is (intersection(a, b) is not None)
    assert points_of(rest) == points(a) - points(b)
    assert are_disjoint(rest)
    assert contains(a, b) is (not list(difference(b, a)))


@given(boxes, some_boxes)
def test_what_boxes_leave_uncovered(box: Box, covers: list[Box]) -> None:
    rest = list(uncovered(box, covers))
    assert points_of(rest) == points(box) - points_of(covers)
    assert are_disjoint(rest)
    assert is_covered(box, covers) is (not rest)


@given(boxes, st.lists(boxes, min_size=9, max_size=20))
def test_what_many_boxes_leave_uncovered(box: Box, covers: list[Box]) -> None:
    rest = list(uncovered(box, covers))
    assert points_of(rest) == points(box) - points_of(covers)
    assert are_disjoint(rest)


def test_thousands_of_port_ranges_are_one_cover() -> None:
    ranges = [(low, low) for low in range(1, 65536, 2)]
    covers = [box for one in ranges if (box := box_of([(PORTS, Traffic.of("TCP", [one]))]))]
    (rest,) = uncovered({PORTS: Traffic.of("TCP")}, covers)
    assert rest == {PORTS: Traffic.of("TCP", [(low, low) for low in range(2, 65536, 2)])}


def test_values_that_nobody_lists_are_not_forgotten() -> None:
    """`In [a, b]` and `NotIn [a, b]` cover everything, `In [a, b]` and `NotIn [a, b, c]` do not."""
    assert is_covered(EVERYTHING, [{APP: one_of("a", "b")}, {APP: none_of("a", "b")}])
    assert list(uncovered(EVERYTHING, [{APP: one_of("a", "b")}, {APP: none_of("a", "b", "c")}])) == [{APP: one_of("c")}]


@given(some_boxes, boxes)
def test_the_index_finds_what_overlaps(some: list[Box], box: Box) -> None:
    index = BoxIndex(zip(some, range(len(some)), strict=True))
    found = [number for _, number in index.overlapping(box)]
    assert found == [number for number, one in enumerate(some) if overlaps(one, box)]


changes = st.tuples(st.dictionaries(st.integers(0, 4), some_boxes, max_size=3), some_boxes)


@given(some_boxes, st.lists(changes, min_size=1, max_size=3), boxes)
def test_a_changed_index_is_as_one_of_what_is_left(
    some: list[Box], changed: list[tuple[dict[int, list[Box]], list[Box]]], box: Box
) -> None:
    """After each of some changes, the index is one of the boxes that are left, which lie inside those before, and of
    those that were added."""
    left: list[list[tuple[Box, str]]] = [[(one, f"old {number}")] for number, one in enumerate(some)]
    indexes: list[BoxIndex[str] | ChangedIndex[str]] = [BoxIndex(entry for entries in left for entry in entries)]
    for inside, more in changed:
        made = {
            number: [(both, "new") for one in boxes if (both := intersection(one, some[number])) is not None]
            for number, boxes in inside.items()
            if number < len(some)
        }
        added = [(one, "added") for one in more]
        indexes.append(ChangedIndex(indexes[-1], made, added))
        for number, entries in made.items():
            left[number] = entries
        left.append(added)
        plain = BoxIndex(entry for entries in left for entry in entries)
        assert list(indexes[-1].entries) == list(plain.entries)
        assert list(indexes[-1].overlapping(box)) == list(plain.overlapping(box))
    for mine, theirs in product(indexes, repeat=2):
        # What both have need not be told apart; what only one has must be there.
        found = {key_of(one) for one, _ in mine.not_in(theirs)}
        assert mine.keys - theirs.keys <= found <= mine.keys
    assert not indexes[-1].not_in(indexes[-1])


def test_the_last_of_hundreds_of_changes_counts() -> None:
    """A rule may lose one port after another, and then be removed."""
    names = [f"n{number}" for number in range(100)]
    index: BoxIndex[int] | ChangedIndex[int] = BoxIndex(({NAME: one_of(name)}, 0) for name in names)
    for change in (1, 2, 3):
        for number, name in enumerate(names):
            index = ChangedIndex(index, {number: [({NAME: one_of(name)}, change)] if number % change == 0 else []})
            assert list(index.overlapping({NAME: one_of(name)})) == list(index.at(number))
    assert [what for _, what in index.entries] == [3] * 34
    assert list(index.overlapping(EVERYTHING)) == list(index.entries)


@given(st.lists(boxes, min_size=17, max_size=30), boxes)
def test_the_parts_of_a_box_are_the_box(some: list[Box], box: Box) -> None:
    apart = list(BoxIndex((one, None) for one in some).parts(box))
    assert points_of(apart) == points(box)
    assert are_disjoint(apart)


def test_a_box_that_meets_everything_is_divided_with_what_nobody_lists_first() -> None:
    names = [f"n{number}" for number in range(100)]
    index = BoxIndex((box, None) for name in names if (box := box_of([(NAME, one_of(name))])))
    first, *others = index.parts(EVERYTHING)
    assert first == {NAME: none_of(ABSENT, *names)}
    assert index.near(first) == []
    assert len(others) == 100


def test_the_index_looks_at_few_boxes() -> None:
    """Of policies for one application each, in one namespace, only those of the application in question."""
    one_namespace = [(NAME, one_of("prod"))]
    policies = [box_of([*one_namespace, (APP, one_of(f"web-{number}"))]) for number in range(1000)]
    index = BoxIndex((box, None) for box in policies if box is not None)
    assert len(list(index.candidates({NAME: one_of("prod"), APP: one_of("web-7")}))) == 1


class TooLong(Exception):
    """Too many steps."""


def test_a_computation_ends_where_its_steps_end() -> None:
    """More pigeons than holes: the boxes with two in one hole cover everything, which takes exponentially long."""
    pigeons, holes = [Label(f"pigeon-{number}") for number in range(12)], [f"hole-{number}" for number in range(11)]
    everywhere = box_of([(pigeon, one_of(*holes)) for pigeon in pigeons])
    together = [box_of([(a, one_of(hole)), (b, one_of(hole))]) for a, b in combinations(pigeons, 2) for hole in holes]
    assert everywhere is not None
    steps = 0

    def step(boxes: int) -> None:
        nonlocal steps
        steps += boxes
        if steps > 100_000:
            raise TooLong

    with pytest.raises(TooLong):
        is_covered(everywhere, [box for box in together if box is not None], step)


def test_a_box_of_long_lists_takes_more_steps_to_compare() -> None:
    def steps(values: int) -> int:
        return steps_of({Label("a"): none_of(*map(str, range(values))), Label("b"): one_of("x")})

    assert steps_of(EVERYTHING) == steps(3) == 1
    assert steps(3_000) > 40


def test_covers_of_a_long_list_are_compared_in_more_steps() -> None:
    """Each of them is compared with all values of the list."""
    covers: list[Box] = [{Label("a"): one_of("x"), Label("b"): one_of(str(number))} for number in range(5)]

    def steps(values: int) -> int:
        taken: list[int] = []
        box: Box = {Label("a"): one_of("x", *map(str, range(values)))}
        list(uncovered(box, covers, taken.append))
        return sum(taken)

    assert steps(3_000) > 10 * steps(3)
