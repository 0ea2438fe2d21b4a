"""All verdicts at once, against the verdicts one by one."""

from collections import Counter

import pytest
from hypothesis import given, settings
from tests import strategies
from tests.engine.members import member_in, state_of
from tests.example_counts import examples
from tests.semantics.objects import Object, admits, container_port, labelled, pod, pods, policy, port

from ringfence.engine.answers.connectivity import allowed_addresses, connectivity_rows
from ringfence.engine.answers.verdicts import is_exempt, traffic_between
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def reached(state: State) -> dict[tuple[str, str], Traffic]:
    """The traffic in the rows, for every pod and every pod that it reaches."""
    return {
        (str(source), str(destination)): passing
        for identity, row in connectivity_rows(state)
        for peers, passing in row
        for peer in state.population.identities(peers)
        for source in identity.pods()
        for destination in peer.pods()
    }


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_rows_say_of_every_pair_what_its_verdict_says(objects: list[Object]) -> None:
    state = state_of(objects)
    found = reached(state)
    for source in state.members():
        for destination in state.members():
            if not is_exempt(state, source, destination):
                expected = traffic_between(state, source, destination)
                assert found.get((str(source), str(destination)), NO_TRAFFIC) == expected, (source, destination)


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_a_row_is_a_partition_without_what_does_not_pass(objects: list[Object]) -> None:
    state = state_of(objects)
    rows = list(connectivity_rows(state))
    assert Counter(identity.bit for identity, _ in rows) == Counter(bitsets.members(state.population.everyone))
    namespaces = [identity.namespace for identity, _ in rows]
    assert namespaces == sorted(namespaces)
    for _, row in rows:
        assert all(peers and passing for peers, passing in row)
        assert len({passing for _, passing in row}) == len(row)
        union = 0
        for peers, _ in row:
            assert not union & peers
            union |= peers


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_the_addresses_of_all_traffics_are_disjoint_and_none_is_forgotten(objects: list[Object]) -> None:
    state = state_of(objects)
    for identity in state.population.identities():
        for direction in Direction:
            listed = NO_ADDRESSES
            for within, passing in allowed_addresses(state, identity, direction):
                assert passing
                assert not listed & within
                listed |= within
            denied = NO_ADDRESSES
            for within, passing in state.tiers.allowed_addresses(identity, direction):
                denied |= NO_ADDRESSES if passing else within
            assert listed | denied == ALL_ADDRESSES
            assert not listed & denied


def test_every_pod_is_listed_where_there_are_no_policies() -> None:
    state = state_of([pod("x/a"), pod("x/b"), pod("y/a")])
    assert set(reached(state).values()) == {ALL_TRAFFIC}
    assert len(reached(state)) == 9


def test_an_empty_cluster_has_no_rows() -> None:
    assert list(connectivity_rows(state_of([]))) == []


@pytest.mark.takes_long
def test_more_different_traffics_than_fit_into_a_byte() -> None:
    """Three hundred pods that each allow another port, and a few that allow the same port as another one."""
    servers = [f"s{number}" for number in range(300)]
    state = state_of(
        [
            pod("x/client"),
            *(pod(f"x/{name}", {"app": name}) for name in servers),
            *(
                policy(f"x/{name}", labelled(app=name), ingress=[admits(pods({}), ports=[port(min(1000 + at, 1280))])])
                for at, name in enumerate(servers)
            ),
        ]
    )
    found = reached(state)
    for at, name in enumerate(servers):
        number = min(1000 + at, 1280)
        assert found["x/client", f"x/{name}"] == Traffic.of("TCP", [(number, number)])
    assert found["x/s0", "x/client"] == ALL_TRAFFIC


def test_a_named_port_is_what_each_destination_calls_so() -> None:
    state = state_of(
        [
            pod("x/client", {"app": "client"}),
            pod("x/new", ports=[container_port("http", 8080)]),
            pod("x/old", ports=[container_port("http", 80)]),
            pod("x/none"),
            policy("x/p", labelled(app="client"), egress=[{"ports": [port("http")]}]),
        ]
    )
    found = reached(state)
    assert found["x/client", "x/new"] == Traffic.of("TCP", [(8080, 8080)])
    assert found["x/client", "x/old"] == Traffic.of("TCP", [(80, 80)])
    assert ("x/client", "x/none") not in found
    assert member_in(state, "x/none") in state.members()
