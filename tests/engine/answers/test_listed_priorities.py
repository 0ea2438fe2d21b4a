"""Policies with the same priority in lists: named exactly where the answer about one of the pairs names them."""

import re
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster_policy_strategies import GROUP, clusters
from tests.engine.answers.test_equal_priorities import NAMED, PODS, many
from tests.engine.answers.test_tier_reasons import guard
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, namespace, pod, policy

from ringfence.engine.answers import explain, list_matches, listed_priorities, priorities_outside
from ringfence.model.cidrs import parse_cidr
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

HTTP = Traffic.of("TCP", [(80, 80)])


def listed(*objects: Object, asked: Traffic = ALL_TRAFFIC) -> list[str]:
    state = cluster_of(objects).state
    everything = list(state.members())
    return list(list_matches(state, [(everything, everything)], asked).sentences())


orders = pytest.mark.parametrize(
    ("policies", "assumptions"),
    [
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")], [NAMED], id="they disagree"),
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Deny", "Accept")], [], id="they agree"),
        pytest.param([guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 2, "Accept")], [], id="another priority"),
        pytest.param(
            [guard("f", "Admin", 0, "Deny"), guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")],
            [],
            id="an earlier one decides",
        ),
        pytest.param(
            [guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Pass"), policy("x/p")], [], id="either way denied"
        ),
        pytest.param(
            [guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Pass"), guard("z", "Baseline", 1, "Accept")],
            [NAMED],
            id="a later tier allows",
        ),
        pytest.param(
            [guard("g", "Admin", 1, "Accept"), guard("h", "Admin", 1, "Pass"), policy("x/p")],
            [NAMED],
            id="a later tier denies",
        ),
        pytest.param([guard("g", "Admin", 1, "Accept"), guard("h", "Admin", 1, "Pass")], [], id="either way allowed"),
        pytest.param(
            [guard("f", "Admin", 0, "Pass"), guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")],
            [],
            id="an earlier one passes it on",
        ),
        pytest.param(
            [guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept"), policy("x/p", egress=[])],
            [],
            id="the other side denies everything",
        ),
    ],
)


@orders
def test_both_are_named_once_if_their_order_decides(policies: list[Object], assumptions: list[str]) -> None:
    assert listed(*PODS, *policies) == assumptions


@orders
def test_so_are_many(policies: list[Object], assumptions: list[str]) -> None:
    with mock.patch.object(listed_priorities, "MOST_PAIRED", 1):
        assert len(listed(*PODS, *policies)) == len(assumptions)


def test_a_list_about_some_ports_depends_on_these_only() -> None:
    policies = [guard("g", "Admin", 1, "Deny", ports=(81,)), guard("h", "Admin", 1, "Accept")]
    assert listed(*PODS, *policies, asked=HTTP) == []
    assert listed(*PODS, *policies) == [NAMED]


def test_one_pod_alone_has_no_pair() -> None:
    assert listed(PODS[0], guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")) == []


def towards(name: str, action: str, network: str) -> Object:
    """A ClusterNetworkPolicy about the egress of all pods to a network."""
    spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}}
    return {
        "apiVersion": f"{GROUP}/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {**spec, "egress": [{"action": action, "to": [{"networks": [network]}]}]},
    }


@pytest.mark.parametrize(
    ("network", "outside", "assumptions"),
    [
        ("203.0.113.0/25", "0.0.0.0/0", [NAMED]),
        ("203.0.113.0/25", "203.0.113.128/25", []),
        ("198.51.100.0/24", "0.0.0.0/0", []),
    ],
)
def test_addresses_outside_the_cluster(network: str, outside: str, assumptions: list[str]) -> None:
    state = cluster_of([*PODS, towards("g", "Deny", "203.0.113.0/24"), towards("h", "Accept", network)]).state
    within = Addresses.of(parse_cidr(outside))
    found = priorities_outside(state, state.members(), Direction.EGRESS, within, ALL_TRAFFIC)
    assert list(map(str, found)) == assumptions


def test_connections_and_the_matrix_name_them_with_all_others() -> None:
    cluster = cluster_of([*PODS, guard("g", "Admin", 1, "Deny"), guard("h", "Admin", 1, "Accept")])
    assert cluster.assumptions() == (NAMED,)
    assert cluster.assumptions("x") == (NAMED,)
    assert cluster.sources("x/b", 80).assumptions == (NAMED,)
    assert cluster.destinations("x/a").assumptions == (NAMED,)


@given(clusters(), st.data())
def test_a_list_about_addresses_names_what_its_answers_do(objects: list[Object], data: st.DataObject) -> None:
    state = cluster_of(objects).state
    outside = Addresses.of(
        parse_cidr(data.draw(st.sampled_from(["0.0.0.0/0", "10.0.0.0/29", "192.168.0.1/32", "::/0"])))
    )
    for direction in Direction:
        wanted = set()
        for one in state.members():
            if direction is Direction.EGRESS:
                side = explain(state, one, outside, None).egress
            else:
                side = explain(state, outside, one, None).ingress
            wanted |= {assumption for assumption in side.assumptions if "have the same priority" in assumption}
        found = set(map(str, priorities_outside(state, state.members(), direction, outside, ALL_TRAFFIC)))
        assert wanted <= found  # an answer about several addresses is about what all of them have in common


def test_the_work_does_not_grow_with_the_pods() -> None:
    """500 pods of as many identities, and 20 policies of the same priority: once for all pods."""
    world = [namespace("x"), *(pod(f"x/p{number}", {"n": str(number)}) for number in range(500))]
    policies = [
        guard(f"g{number:02}", "Admin", 1, *("Accept", "Deny")[:: 1 if number % 2 else -1]) for number in range(20)
    ]
    [sentence] = listed(*world, *policies)
    assert sentence.startswith("20 policies have the same priority 1 in the Admin tier: ClusterNetworkPolicy g00, ")
    assert sentence.endswith("ClusterNetworkPolicy g00 and ClusterNetworkPolicy g01 disagree, and others may")


@given(clusters(), st.sampled_from([ALL_TRAFFIC, HTTP]))
def test_of_many_there_is_a_sentence_where_two_of_few_would_be_named(objects: list[Object], asked: Traffic) -> None:
    of_few = about_priorities(listed(*objects, asked=asked))
    with mock.patch.object(listed_priorities, "MOST_PAIRED", 1):
        of_many = about_priorities(listed(*objects, asked=asked))
    assert {tier for tier, _ in of_many} == {tier for tier, _ in of_few}
    assert {pair for _, pair in of_many} <= {pair for _, pair in of_few}


def about_priorities(sentences: list[str]) -> set[tuple[str, tuple[str, ...]]]:
    """The tier and priority in each sentence about policies with the same one, and the two that disagree."""
    found = set()
    for sentence in sentences:
        if same := re.search(r"the same priority \d+ in the \w+ tier", sentence):
            about = sentence.rpartition("; ")[2].partition(" have ")[0].partition(" disagree")[0]
            found.add((same[0], tuple(about.split(" and "))))
    return found


def test_policies_that_do_the_same_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 policies of one priority that do one of two things: one comparison for each direction in place of 28."""
    compared: list[object] = []
    compare = listed_priorities._disagreements

    def counted(*arguments: Any) -> Any:
        compared.append(arguments)
        return compare(*arguments)

    monkeypatch.setattr(listed_priorities, "_disagreements", counted)
    policies = [guard(f"g{number:02}", "Admin", 1, ("Accept", "Deny")[number % 2]) for number in range(8)]
    assert len(listed(namespace("x"), pod("x/a"), pod("x/b"), *policies)) == 16
    assert len(compared) == 2


def test_many_policies_are_compared_with_all_of_them_together(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    compare = listed_priorities._disagreements

    def counted(*arguments: Any) -> Any:
        compared.append(arguments)
        return compare(*arguments)

    monkeypatch.setattr(listed_priorities, "_disagreements", counted)
    assert len(listed(namespace("x"), pod("x/a"), pod("x/b"), *many(100))) == 1
    assert len(compared) < 300
