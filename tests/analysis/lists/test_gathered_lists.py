"""Lists with united classes: a statement about a group is true of any two of its members, or of some of them."""

from collections.abc import Sequence
from functools import reduce
from ipaddress import ip_network
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.analysis.lists.test_folded_lists import PODS, SETS, random_connections
from tests.analysis.lists.test_folded_views import shown
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.analysis.lists.connection_filters import ALL_CONNECTIONS
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import Folding, folded
from ringfence.analysis.lists.folded_views import BY_NAMESPACE, BY_WORKLOAD, FoldedView, graph_view
from ringfence.analysis.lists.gathered_lists import by_namespace, limited
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def view(found: list[Connection], ends: list[Reference] = PODS + SETS) -> FoldedView:
    several = frozenset(SETS)
    list_ = folded(ends, ends, found, several, folding=Folding(within_namespaces=True))
    return FoldedView(list_, several, frozenset(ends), from_outside=True, to_outside=True)


@given(strategies.clusters())
def test_a_view_by_namespace_is_the_same_from_the_classes_and_from_all_connections(objects: list[Object]) -> None:
    state = cluster_of(objects).state
    gathered = by_namespace(graph_view(state, ALL_CONNECTIONS, BY_WORKLOAD))
    listed = graph_view(state, ALL_CONNECTIONS, BY_NAMESPACE)
    assert shown(gathered) == shown(listed)
    assert (gathered.shown, gathered.several, gathered.sizes) == (listed.shown, listed.several, listed.sizes)


@given(random_connections, st.integers(1, 8))
def test_of_a_rest_only_the_destinations_that_are_asked_for_count(found: list[Connection], most: int) -> None:
    """Every other end is asked for; the others are in the same namespaces and have no traffic in the list."""
    asked, several = frozenset((PODS + SETS)[::2]), frozenset(SETS)
    within = [one for one in found if one.destination in asked]
    list_ = folded(PODS + SETS, asked, within, several, folding=Folding(within_namespaces=True))
    made = limited(FoldedView(list_, several, frozenset(PODS + SETS), from_outside=False, to_outside=False), most).found
    passing = {(one.source, one.destination): one.traffic for one in within}
    for source in made.sources:
        for destination in made.destinations:
            some, others = made.classes[source], asked.intersection(made.classes[destination])
            pairs = [(one, other) for one in some for other in others if one != other or one in SETS]
            traffics = {passing.get(pair, NO_TRAFFIC) for pair in pairs}
            one = made.between(source, destination)
            assert (one.traffic if one else NO_TRAFFIC) == reduce(or_, traffics, NO_TRAFFIC)
            assert (one is not None and one.is_partial) == (len(traffics) > 1)


@given(random_connections, st.integers(1, 8))
def test_what_passes_between_rests_is_what_passes_between_any_of_their_members(
    found: list[Connection], most: int
) -> None:
    made = limited(view(found), most)
    list_ = made.found
    assert len(list_.classes) <= most
    assert sorted(one for members in list_.classes for one in members) == sorted(PODS + SETS)
    passing = {(one.source, one.destination): one.traffic for one in found}
    for source, some in enumerate(list_.classes):
        for destination, others in enumerate(list_.classes):
            pairs = [(one, other) for one in some for other in others if one != other or one in SETS]
            traffics = {passing.get(pair, NO_TRAFFIC) for pair in pairs}
            one = list_.between(source, destination)
            assert (one.traffic if one else NO_TRAFFIC) == reduce(or_, traffics, NO_TRAFFIC)
            assert (one is not None and one.is_partial) == (len(traffics) > 1)


@given(random_connections, st.integers(1, 8))
def test_what_passes_between_rests_and_addresses_is_what_passes_for_any_of_their_members(
    found: list[Connection], most: int
) -> None:
    list_ = limited(view(found), most).found
    for place, members in enumerate(list_.classes):
        outgoing = [(one.destination, one.traffic) for one in list_.outgoing(place)]
        expected = [(one.destination, one.traffic) for one in found if one.source in members]
        assert sizes(outgoing) == sizes(expected)


def sizes(parts: Sequence[tuple[object, Traffic]]) -> dict[Traffic, Addresses]:
    """The addresses with which some traffic is allowed."""
    found: dict[Traffic, Addresses] = {}
    for traffic in (ALL_TRAFFIC, Traffic.of("TCP", ((80, 80),))):
        some = [end for end, passing in parts if isinstance(end, Addresses) and not traffic - passing]
        if some:
            found[traffic] = reduce(or_, some)
    return found


def test_those_with_the_fewest_connections_are_the_rest_of_their_namespace() -> None:
    a, b, c = PODS[:3]
    found = [Connection(a, b, ALL_TRAFFIC), Connection(b, a, ALL_TRAFFIC), Connection(b, c, ALL_TRAFFIC)]
    made = limited(view(found), 4)
    assert [made.found.classes[place] for place in made.rests] == [(c, SETS[0])]
    assert made.left_out == 2


def test_where_every_namespace_would_have_a_rest_there_is_one_rest() -> None:
    pods = [Reference(f"n{number}", "Pod", name) for number in range(20) for name in "ab"]
    found = [Connection(one, pods[0], ALL_TRAFFIC) for one in pods[1::2]]
    made = limited(view(found, pods), 10)
    assert (len(made.found.classes), len(made.rests), made.left_out) == (10, 1, 31)


@pytest.mark.parametrize("is_partial", [False, True])
def test_what_passes_to_addresses_is_partial_if_it_does_not_pass_for_all_members(is_partial: bool) -> None:
    a, b, c = PODS[:3]
    outside = Addresses.of(ip_network("192.0.2.0/24"))
    of_the_rest = [c] if is_partial else [c, SETS[0]]
    between = [Connection(a, b, ALL_TRAFFIC), Connection(b, a, ALL_TRAFFIC), Connection(b, c, ALL_TRAFFIC)]
    made = limited(view([*between, *(Connection(one, outside, ALL_TRAFFIC) for one in of_the_rest)]), 4)
    (rest,) = made.rests
    assert made.found.classes[rest] == (c, SETS[0])
    assert [one.is_partial for one in made.found.outgoing(rest)] == [is_partial]
