"""Expectations are what the engine says, and they name the policies that deny."""

import pytest
from tests.lab.clusters import HTTP
from tests.lab.network.test_placement import placed
from tests.semantics.objects import Object, admits, block, labelled, node, pod, pods, policy, sends

from ringfence.lab.network.planning import plan_topology
from ringfence.lab.network.topology import LabPort
from ringfence.lab.probing.expectations import Expectations
from ringfence.lab.probing.probe_selection import EndpointResolver, select_probes
from ringfence.lab.probing.probes import Probe

A, B = pod("x/a", {"app": "a"}, ports=HTTP), pod("x/b", {"app": "b"}, ports=HTTP)
TO_B = policy("x/to-b", labelled(app="b"), ingress=[admits(pods(labelled(app="c")))])
FROM_A = policy("x/from-a", labelled(app="a"), egress=[sends(block("10.0.0.0/8"))])


def probe(*objects: Object, source: str = "x/a", destination: str = "x/b") -> tuple[Expectations, Probe]:
    cluster, _ = placed(*objects)
    resolver = EndpointResolver(cluster.state, plan_topology(cluster.state), "default")
    (one,) = select_probes(resolver, source, destination, (LabPort(80),))
    return Expectations(cluster.state), one


def denied(*objects: Object, source: str = "x/a", destination: str = "x/b") -> list[str]:
    expectations, one = probe(*objects, source=source, destination=destination)
    sides = [str(side) for side in expectations.denied_by(one)]
    assert expectations.allows(one) is (not sides)
    return sides


@pytest.mark.parametrize(
    ("objects", "sides"),
    [
        pytest.param([], [], id="no policy denies"),
        pytest.param([TO_B], ["ingress isolated by x/to-b"], id="the destination's policy"),
        pytest.param([policy("x/e", labelled(app="a"), egress=[])], ["egress isolated by x/e"], id="the source's"),
        pytest.param(
            [TO_B, policy("x/a-first", {}, ingress=[]), policy("x/e", {}, egress=[])],
            ["egress isolated by x/e", "ingress isolated by x/a-first, x/to-b"],
            id="both, and each by name",
        ),
        pytest.param([policy("x/p", labelled(app="b"), ingress=[admits()])], [], id="a policy that allows"),
    ],
)
def test_the_sides_that_deny(objects: list[Object], sides: list[str]) -> None:
    assert denied(A, B, *objects) == sides


def test_a_host_outside_has_no_policies_of_its_own() -> None:
    assert denied(A, policy("x/e", {}, egress=[]), destination="8.8.8.8") == ["egress isolated by x/e"]
    assert denied(A, policy("x/e", {}, egress=[]), source="8.8.8.8", destination="x/a") == []


def test_an_address_outside_is_judged_by_the_blocks_it_is_in() -> None:
    assert denied(A, FROM_A, destination="10.1.1.1") == []
    assert denied(A, FROM_A, destination="8.8.8.8") == ["egress isolated by x/from-a"]


def test_a_pod_of_the_node_itself_is_exempt() -> None:
    agent = pod("x/agent", hostNetwork=True, nodeName="n")
    there = pod("x/b", {"app": "b"}, nodeName="n")
    assert denied(node("n", "192.168.0.1"), agent, there, TO_B, source="x/agent") == []


def test_a_policy_has_the_place_that_it_was_read_from() -> None:
    expectations, one = probe(A, B, TO_B)
    (side,) = expectations.denied_by(one)
    assert [(policy.name, policy.place) for policy in side.policies] == [("x/to-b", "")]
