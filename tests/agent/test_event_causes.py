"""Which faults of a node the agent reports as Kubernetes Events."""

import pytest
from tests.agent.cluster_policies import CLUSTER, cluster_policy, pods_of
from tests.agent.events import listing, upserted
from tests.agent.refusals import refused_chains
from tests.agent.running import BOTH, CLOSED, HERE, OPEN, SERVER, Running, on_node, running
from tests.dataplane.network import address, in_own_network
from tests.semantics.objects import labelled, node, pod, policy, port

from ringfence.agent import event_causes, local_policies
from ringfence.agent.event_causes import EventCause
from ringfence.agent.settings import Mode, Settings
from ringfence.agent.shares import Shares

BROKEN = policy("x/broken", labelled(app="server"), ingress=[{"ports": [port(0)]}])


def of(agent: Running) -> dict[tuple[str, str, str], str]:
    """The reported events, by object and reason."""
    agent.finish_events()
    found = agent.loop.inquiries.causes()
    assert found is not None
    assert not found.others
    return {(*_short(one), one.reason): one.message for one in found.reported}


def _short(cause: EventCause) -> tuple[str, str]:
    kind, namespace, name = cause.about
    return kind, f"{namespace}/{name}"


@in_own_network
def test_no_event_has_a_cause_while_all_policies_are_in_force() -> None:
    with running() as agent:
        assert agent.loop.inquiries.causes() is None, "nothing is known yet"
        agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
        assert of(agent) == {}


@in_own_network
def test_a_policy_that_cannot_be_used_and_the_pod_that_it_selects_are_reported() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, BROKEN))
        wrong = "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"
        assert of(agent) == {
            ("NetworkPolicy", "x/broken", "NotEnforced"): f"it allows nothing, and cannot be used as it is: {wrong}",
            ("Pod", "x/server", "NotEnforced"): (
                f"the NetworkPolicy broken selects it, allows nothing, and cannot be used as it is: {wrong}"
            ),
        }


@in_own_network
def test_a_cluster_policy_that_cannot_be_enforced_as_it_is_is_reported() -> None:
    by_name = {"action": "Deny", "to": [{"domainNames": ["example.com"]}]}
    guard, elsewhere = (cluster_policy(app, pods_of(app=app), egress=[by_name]) for app in ("server", "elsewhere"))
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, guard, elsewhere))
        found = of(agent)
        assert found.keys() == {(CLUSTER, "/server", "NotEnforced"), ("Pod", "x/server", "NotEnforced")}
        assert found[CLUSTER, "/server", "NotEnforced"].startswith("it cannot be enforced as it is: spec.egress[0]")
        assert found["Pod", "x/server", "NotEnforced"].startswith(
            f"the {CLUSTER} server selects it, and cannot be enforced as it is: spec.egress[0].to[0].domainNames: "
        )


@in_own_network
def test_policies_and_pods_of_other_nodes_are_not_reported() -> None:
    away = pod("y/server", {"app": "server"}, addresses=[address(1)], nodeName="there")
    broken = policy("y/broken", labelled(app="server"), ingress=[{"ports": [port(0)]}])
    unreadable = policy("y/unreadable", {"matchExpressions": [{"key": "app", "operator": "Is"}]}, ingress=[])
    with running() as agent:
        agent.enforce(*listing(BOTH[SERVER], away, HERE, broken, unreadable, node("there", "192.168.0.2")))
        assert ("NetworkPolicy", "y", "unreadable") in agent.loop._view.problems, "whom it selects is not known"
        assert of(agent) == {}


@in_own_network
def test_rules_that_the_kernel_refuses_are_reported() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        with refused_chains(agent.loop._enforcement):
            agent.enforce(upserted(OPEN))
            found = of(agent)
        assert found.keys() == {("NetworkPolicy", "x/open", "NotEnforced"), ("Pod", "x/server", "PodClosed")}
        for message in found.values():
            assert "the kernel refuses the rules of its policies: " in message


@in_own_network
def test_two_pods_that_claim_one_address_are_reported() -> None:
    twin = on_node("twin", SERVER)
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, OPEN, twin))
        found = of(agent)
        assert found.keys() == {("Pod", "x/server", "PodClosed"), ("Pod", "x/twin", "PodClosed")}
        assert f"another pod reports the same address {address(SERVER)}" in found["Pod", "x/twin", "PodClosed"]


@in_own_network
def test_a_namespace_with_too_large_policies_is_reported() -> None:
    with pytest.MonkeyPatch.context() as patch, running() as agent:
        patch.setattr(local_policies, "MOST_BYTES", 100)
        agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
        found = of(agent)
        assert ("Pod", "x/client", "PodClosed") in found
        assert any(
            "have more than 8 MiB, or those of all namespaces more than 16 MiB: all pods" in one
            for one in found.values()
        )
        assert any(kind == "NetworkPolicy" for kind, _, _ in found)


@in_own_network
def test_a_namespace_that_has_used_its_share_is_reported() -> None:
    with pytest.MonkeyPatch.context() as patch, running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        patch.setattr(Shares, "is_used_up", lambda shares, namespace, now: namespace == "x")
        patch.setattr(agent.loop, "_others_wait", lambda namespace: True)
        agent.loop._account._last_building["x"] = 1.0
        agent.tell(upserted(OPEN))
        agent.await_log("its pods are closed for now namespace=x")
        found = agent.loop.inquiries.causes()
        assert found is not None
        assert {one.reason for one in found.reported} == {"PodClosed"}
        assert "have used their share of the agent's time" in found.reported[0].message


@in_own_network
def test_a_new_pod_whose_policies_are_not_all_known_is_reported() -> None:
    with running(Settings("here"), request_check=lambda namespace: None) as agent:
        agent.tell(*listing(*BOTH, HERE))
        agent.finish_events()
        agent.loop._new_pods._first_checks = set()
        agent.loop._new_pods._waiting.pop(("x", "server"))
        agent.tell(upserted(CLOSED))
        agent.enforce()
        found = of(agent)
        assert found.keys() == {("Pod", "x/client", "PodClosed")}
        assert "it is not certain that all policies are known" in found["Pod", "x/client", "PodClosed"]


@in_own_network
def test_only_some_of_many_causes_are_reported_and_the_others_counted() -> None:
    broken = [
        policy(f"x/broken-{number}", labelled(app="client"), ingress=[{"ports": [port(0)]}]) for number in range(30)
    ]
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, *broken))
        agent.finish_events()
        found = agent.loop.inquiries.causes()
        assert found is not None
        of_policies = [one for one in found.reported if one.about[0] == "NetworkPolicy"]
        assert len(of_policies) == event_causes.MOST_IN_NAMESPACE
        assert found.others == 10
        assert [one.about[2] for one in found.reported if one.about[0] == "Pod"] == ["client"]


@in_own_network
def test_only_a_part_of_the_many_objects_of_a_tenant_is_looked_at() -> None:
    sound = [policy(f"x/a-{number}", labelled(app="server"), ingress=[]) for number in range(20)]
    with pytest.MonkeyPatch.context() as patch, running() as agent:
        agent.enforce(*listing(*BOTH, HERE, *sound, BROKEN))
        assert ("Pod", "x/server", "NotEnforced") in of(agent)
        patch.setattr(event_causes, "MOST_CHECKED_IN_NAMESPACE", 10)
        assert of(agent).keys() == {("NetworkPolicy", "x/broken", "NotEnforced")}


@in_own_network
def test_nobody_is_closed_while_the_agent_only_observes() -> None:
    twin = on_node("twin", SERVER)
    with running(Settings("here", mode=Mode.OBSERVE)) as agent:
        agent.enforce(*listing(*BOTH, HERE, OPEN, twin, BROKEN))
        assert {reason for _, _, reason in of(agent)} == {"NotEnforced"}


@in_own_network
def test_a_policy_with_many_mistakes_is_reported_in_short() -> None:
    broken = policy("x/broken", labelled(app="server"), ingress=[{"ports": [port(0)] * 1_000}])
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, broken))
        assert all(len(message) < 1_200 for message in of(agent).values())
