"""Marks and arrows are exactly the connections of a list, and few."""

from collections.abc import Iterator
from itertools import product

from hypothesis import given
from tests.analysis.lists.test_folded_lists import OFFICE, PODS, SETS, random_connections

from ringfence.analysis.lists.arrows import Arrow, ArrowMark, Arrows, Group, Passing, folded_arrows
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import FoldedList, Folding, folded
from ringfence.engine.population import Reference
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

NAMES = Traffic.of("UDP", ((53, 53),))
WEB = Traffic.of("TCP", ((80, 80),))
MANY = [Reference("x", "Pod", name) for name in "abcdef"]
"""Of one namespace, and unlike one another where a test needs that."""
SERVER = Reference("dns", "Pod", "server")


def unfolded(arrows: Arrows, found: FoldedList) -> dict[tuple[object, object], Traffic]:
    """The allowed traffic between classes, and between these and addresses, from marks and arrows alone.

    Fails if anything is there twice.
    """
    passing: dict[tuple[object, object], Traffic] = {}

    def add(source: object, destination: object, traffic: Traffic) -> None:
        before = passing.get((source, destination), Traffic())
        assert not before & traffic, (source, destination)
        passing[source, destination] = before | traffic

    for mark in arrows.within:
        add(mark.place, mark.place, mark.passing.traffic)
    for mark in arrows.from_any_address:
        add(ALL_ADDRESSES, mark.place, mark.passing.traffic)
    for mark in arrows.to_any_address:
        add(mark.place, ALL_ADDRESSES, mark.passing.traffic)
    for mark in arrows.from_everyone:
        for other in _others(mark, found.sources):
            add(other, mark.place, mark.passing.traffic)
    for mark in arrows.to_everyone:
        for other in _others(mark, found.destinations):
            add(mark.place, other, mark.passing.traffic)
    for arrow in arrows.arrows:
        for source, destination in product(
            _members(arrow.source, found, found.sources), _members(arrow.destination, found, found.destinations)
        ):
            if source != destination:
                add(source, destination, arrow.passing.traffic)
    return passing


def _others(mark: ArrowMark, places: list[int]) -> Iterator[int]:
    return (place for place in places if place != mark.place and place not in mark.exceptions)


def _members(group: Group, found: FoldedList, places: list[int]) -> list[Group]:
    if isinstance(group, str):
        return [place for place in places if found.classes[place][0].namespace == group]
    return [group]


def listed(found: FoldedList) -> dict[tuple[object, object], Traffic]:
    """The same, from the list."""
    passing: dict[tuple[object, object], Traffic] = {}
    for source in found.sources:
        for destination in found.destinations:
            if one := found.between(source, destination):
                passing[source, destination] = one.traffic
        for one in found.outgoing(source):
            passing[source, one.destination] = one.traffic
    for destination in found.destinations:
        for one in found.incoming(destination):
            passing[one.source, destination] = one.traffic
    return passing


@given(random_connections)
def test_marks_and_arrows_are_the_connections_and_nothing_is_there_twice(found: list[Connection]) -> None:
    list_ = folded(PODS + SETS, PODS + SETS, found, SETS, folding=Folding(within_namespaces=True))
    assert unfolded(folded_arrows(list_), list_) == listed(list_)


def folded_one_by_one(found: list[Connection]) -> FoldedList:
    """A list in which every pod is a class of its own."""
    ends = {end for one in found for end in (one.source, one.destination) if isinstance(end, Reference)}
    return folded(ends, ends, found, folding=Folding(least=len(ends) + 1))


def place(found: FoldedList, reference: Reference) -> int:
    return found.classes.index((reference,))


def test_what_everybody_may_do_is_a_mark_that_names_the_exceptions() -> None:
    more = Connection(MANY[1], SERVER, NAMES | WEB)
    list_ = folded_one_by_one(
        [Connection(one, SERVER, NAMES) for one in MANY[2:]] + [more, Connection(SERVER, MANY[0], WEB)]
    )
    made = folded_arrows(list_)
    assert made.from_everyone == (ArrowMark(place(list_, SERVER), Passing(NAMES), (place(list_, MANY[0]),)),)
    assert set(made.arrows) == {
        Arrow(place(list_, MANY[1]), place(list_, SERVER), Passing(WEB)),
        Arrow(place(list_, SERVER), place(list_, MANY[0]), Passing(WEB)),
    }


def test_of_few_pods_arrows_are_as_clear_as_a_mark() -> None:
    made = folded_arrows(folded_one_by_one([Connection(one, SERVER, NAMES) for one in MANY[:3]]))
    assert made.from_everyone == ()
    assert made.to_everyone == ()


def test_what_all_of_a_namespace_may_do_is_one_arrow() -> None:
    others = [Reference("y", "Pod", name) for name in "abcdef"]
    list_ = folded_one_by_one(
        [Connection(one, SERVER, WEB) for one in MANY]
        + [Connection(one, other, NAMES) for one in MANY for other in others]
    )
    assert set(folded_arrows(list_).arrows) == {
        Arrow("x", place(list_, SERVER), Passing(WEB)),
        Arrow("x", "y", Passing(NAMES)),
    }


def test_addresses_are_an_end_of_arrows_and_all_of_them_are_a_mark() -> None:
    list_ = folded_one_by_one(
        [
            Connection(OFFICE, SERVER, WEB),
            Connection(SERVER, ALL_ADDRESSES, ALL_TRAFFIC),
            Connection(ALL_ADDRESSES, MANY[0], WEB),
        ]
    )
    made = folded_arrows(list_)
    assert made.arrows == (Arrow(OFFICE, place(list_, SERVER), Passing(WEB)),)
    assert made.to_any_address == (ArrowMark(place(list_, SERVER), Passing(ALL_TRAFFIC)),)
    assert made.from_any_address == (ArrowMark(place(list_, MANY[0]), Passing(WEB)),)


def test_what_passes_for_some_pods_only_is_never_part_of_more() -> None:
    list_ = folded_one_by_one(
        [Connection(one, SERVER, WEB | NAMES) for one in MANY[:3]]
        + [Connection(one, SERVER, WEB, is_partial=True) for one in MANY[3:]]
    )
    made = folded_arrows(list_)
    assert made.from_everyone == ()
    assert len(made.arrows) == len(MANY)
