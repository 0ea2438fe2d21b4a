"""Connections by namespace, against all connections of all pods."""

from collections import defaultdict
from functools import reduce
from operator import and_, or_

from hypothesis import given, settings
from tests import strategies
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, pods, policy, port

from ringfence.engine.answers import traffic_between
from ringfence.engine.population import Reference, is_one_pod
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

WEB, DB, API = pod("x/web"), pod("x/db", labels={"app": "db"}), pod("y/api")


def lines(objects: list[Object], **wanted: object) -> list[str]:
    return list(map(str, cluster_of(objects).connections(by="namespace", **wanted)))  # type: ignore[arg-type]


def test_what_passes_between_all_pods_of_two_namespaces_is_written_once() -> None:
    assert lines([WEB, DB, API]) == [
        "x/* -> x/*: all traffic",
        "x/* -> y/*: all traffic",
        "x/* -> any address: all traffic",
        "y/* -> x/*: all traffic",
        "y/* -> any address: all traffic",
        "any address -> x/*: all traffic",
        "any address -> y/*: all traffic",
    ]


def test_what_passes_between_some_pods_only_is_marked() -> None:
    closed = policy("x/p", labelled(app="db"), ingress=[admits(pods({}), ports=[port(80)])])
    found = lines([WEB, DB, API, closed])
    assert "x/* -> x/*: all traffic, partly" in found
    assert "y/* -> x/*: all traffic, partly" in found
    assert "x/* -> y/*: all traffic" in found


def test_addresses_are_divided_by_what_passes_for_any_and_for_all_pods() -> None:
    office = policy("x/p", labelled(app="db"), ingress=[admits(block("203.0.113.0/24"))])
    assert set(lines([WEB, DB, office])[-2:]) == {
        "203.0.113.0/24 -> x/*: all traffic",
        "0.0.0.0/0 except 203.0.113.0/24; ::/0 -> x/*: all traffic, partly",
    }


def test_the_traffic_is_that_of_the_pods_that_are_listed() -> None:
    closed = policy("x/p", labelled(app="db"), ingress=[admits(pods({}), ports=[port(80)])])
    assert lines([WEB, DB, API, closed], sources=["x/web"], destinations=["x/db"]) == ["x/* -> x/*: TCP 80"]


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_the_traffic_of_two_namespaces_is_that_of_their_pods(objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    members = list(cluster.state.members())
    between: defaultdict[tuple[str, str], list[Traffic]] = defaultdict(list)
    for source in members:
        for destination in members:
            if not is_one_pod(source, destination):
                passing = traffic_between(cluster.state, source, destination)
                between[source.namespace, destination.namespace].append(passing)
    for one in cluster.connections(by="namespace"):
        if isinstance(one.source, Reference) and isinstance(one.destination, Reference):
            all_pairs = between.pop((one.source.name, one.destination.name))
            assert one.traffic == reduce(or_, all_pairs)
            assert one.is_partial is (reduce(and_, all_pairs) != one.traffic)
    assert all(not passing for left in between.values() for passing in left)


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_addresses_outside_are_disjoint_and_have_what_any_pod_has(objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    for direction in ("source", "destination"):
        by_pod = outside(cluster.connections(pods=True), direction)
        for namespace, parts in outside(cluster.connections(by="namespace"), direction).items():
            own = [part for name, found in by_pod.items() if name.partition("/")[0] == namespace[:-2] for part in found]
            for addresses, traffic in parts:
                any_pod = reduce(or_, (passing for part, passing in own if part & addresses), NO_TRAFFIC)
                assert traffic == any_pod
            for one, other in ((a, b) for a, _ in parts for b, _ in parts if a is not b):
                assert not one & other


def outside(found: object, side: str) -> dict[str, list[tuple[Addresses, Traffic]]]:
    """The addresses with which each end has connections, from it (`source`) or to it."""
    parts: defaultdict[str, list[tuple[Addresses, Traffic]]] = defaultdict(list)
    other = {"source": "destination", "destination": "source"}[side]
    for one in found:  # type: ignore[attr-defined]
        if isinstance(getattr(one, other), Addresses):
            parts[str(getattr(one, side))].append((getattr(one, other), one.traffic))
    return parts


def test_all_addresses_are_one_row() -> None:
    assert f"x/* -> {ALL_ADDRESSES}: all traffic" in lines([WEB])
