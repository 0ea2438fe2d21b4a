"""Assumptions about pods and their own nodes: upstream allows that traffic, network plugins differ."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from tests.engine.members import member_in, state_of
from tests.semantics import naive, naive_world
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, node, pod, policy, port, sends, workload
from tests.strategies import clusters

from ringfence.engine.answers.explanations import explain
from ringfence.engine.policies import End
from ringfence.engine.state import State
from ringfence.sets.addresses import Addresses, parse_address
from ringfence.sets.traffic import Traffic

CLOSED = policy("x/closed", ingress=[], egress=[])
ONE, TWO = node("one", "192.168.0.1"), node("two", "192.168.0.2")
TCP_80 = Traffic.of("TCP", [(80, 80)])
HOST = pod("y/host", hostNetwork=True, nodeName="one")


def end_in(state: State, text: str) -> End:
    if "/" in text:
        return member_in(state, text)
    family, number = parse_address(text)
    return Addresses.in_family(family, ((number, number),))


def assumed(source: str, destination: str, *objects: Object, asked: Traffic | None = TCP_80) -> list[str]:
    """The assumptions of the answer, without their reasons."""
    state = state_of(objects)
    reason = explain(state, end_in(state, source), end_in(state, destination), asked)
    return [one.partition(";")[0] for one in reason.assumptions]


class TestToItsNode:
    POD = pod("x/a", nodeName="one")

    def test_policies_are_assumed_to_apply(self) -> None:
        assert assumed("x/a", "192.168.0.1", self.POD, CLOSED, ONE) == [
            "192.168.0.1 is the node of x/a: policies are assumed to apply"
        ]

    def test_the_node_of_which_only_the_pods_status_tells(self) -> None:
        reported = {**self.POD, "status": {"hostIP": "192.168.0.9"}}
        assert assumed("x/a", "192.168.0.9", reported, CLOSED) == [
            "192.168.0.9 is the node of x/a: policies are assumed to apply"
        ]

    def test_a_pod_on_the_nodes_network(self) -> None:
        assert assumed("x/a", "y/host", self.POD, CLOSED, HOST) == [
            "y/host uses the network of the node of x/a: policies are assumed to apply"
        ]

    @pytest.mark.parametrize("destination", ["192.168.0.2", "192.0.2.7"])
    def test_other_nodes_are_addresses_like_any(self, destination: str) -> None:
        assert assumed("x/a", destination, self.POD, CLOSED, ONE, TWO) == []

    def test_nothing_is_assumed_if_policies_allow_it_anyway(self) -> None:
        allowing = policy("x/closed", egress=[sends(block("192.168.0.1/32"), ports=[port(80)])])
        assert assumed("x/a", "192.168.0.1", self.POD, allowing, ONE) == []
        assert assumed("x/a", "y/host", self.POD, allowing, ONE, HOST) == []
        assert assumed("x/a", "192.168.0.1", self.POD, ONE) == [], "it is not isolated"


class TestFromItsNode:
    POD = pod("x/a", nodeName="one")

    def test_a_node_certainly_reaches_its_pods(self) -> None:
        assert assumed("192.168.0.1", "x/a", self.POD, CLOSED, ONE) == []

    def test_a_pod_on_the_nodes_network_counts_as_the_node(self) -> None:
        assert assumed("y/host", "x/a", self.POD, CLOSED, HOST) == [
            "y/host uses the network of the node of x/a: its traffic is assumed to be that of the node, which always "
            "reaches the pods that run on it"
        ]
        assert assumed("y/host", "x/a", self.POD, HOST) == [], "it is not isolated"

    def test_one_of_another_node_is_not(self) -> None:
        assert assumed("y/host", "x/a", pod("x/a", nodeName="two"), CLOSED, HOST) == []


class TestUnknownNodes:
    """Manifests seldom say on which node a pod runs: it may be the one in question."""

    AGENT = workload("y/agent", "DaemonSet", pod("y/agent", hostNetwork=True))
    WEB = workload("x/web", "Deployment", pod("x/web", {"app": "web"}))

    def test_a_pod_on_some_nodes_network_is_assumed_to_run_elsewhere(self) -> None:
        expected = ["y/DaemonSet/agent may run on the node of x/Deployment/web: it is assumed not to"]
        assert assumed("y/DaemonSet/agent", "x/Deployment/web", self.AGENT, self.WEB, CLOSED) == expected
        assert assumed("x/Deployment/web", "y/DaemonSet/agent", self.AGENT, self.WEB, CLOSED) == expected

    def test_a_pod_may_run_on_a_node_that_is_asked_about(self) -> None:
        expected = ["x/Deployment/web may run on node one: it is assumed not to"]
        assert assumed("192.168.0.1", "x/Deployment/web", self.WEB, CLOSED, ONE, TWO) == expected
        assert assumed("x/Deployment/web", "192.168.0.1", self.WEB, CLOSED, ONE, TWO) == expected

    def test_nothing_is_assumed_if_policies_allow_it_anyway(self) -> None:
        allowing = policy("x/allowing", labelled(app="web"), ingress=[admits(ports=[port(80)])])
        assert assumed("y/DaemonSet/agent", "x/Deployment/web", self.AGENT, self.WEB, allowing) == []
        assert assumed("192.168.0.1", "x/Deployment/web", self.WEB, allowing, ONE) == []


@given(clusters())
def test_where_the_unknown_node_of_a_pod_matters_the_answer_names_an_assumption(objects: list[Object]) -> None:
    """If pods would get another answer if they were on one node, the answer assumes that they are not."""
    cluster = cluster_of(objects)
    for source, destination in product(map(naive_world.name_of, naive_world.pods(objects)), repeat=2):
        together = list(on_one_node(objects, source, destination))
        if source == destination or together == objects:
            continue
        was, would_be = (naive.allowed(world, source, destination, "TCP", 80) for world in (objects, together))
        if not was and would_be:
            assert cluster.can(source, destination, port=80).assumptions


def on_one_node(objects: list[Object], *names: str) -> Iterator[Object]:
    """The objects, with the named pods on the node `one` if they have no node."""
    for obj in objects:
        is_one = obj["kind"] == "Pod" and naive_world.name_of(obj) in names
        known: dict[str, Any] = obj.get("spec", {})
        yield obj | {"spec": {"nodeName": "one", **known}} if is_one and "nodeName" not in known else obj
