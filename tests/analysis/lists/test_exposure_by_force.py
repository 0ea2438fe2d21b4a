"""Exposure against brute force: every possible pod of a small universe, judged one by one by the naive evaluator.

A pod that the selectors of a row match may do exactly what the row says, a pod outside all rows nothing, and no pod is
in two rows.
"""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies
from tests.example_counts import examples
from tests.possible_pods import KEYS, PossiblePod, may_receive, may_send, policies, possible_pods, worlds
from tests.possible_policies import cluster_policies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, labelled, pod

from ringfence.analysis.lists import Exposure, exposure
from ringfence.engine.possible import PossibleTraffic
from ringfence.model.policies import Direction
from ringfence.sets.traffic import NO_TRAFFIC

PORTS = [("TCP", 80), ("TCP", 81), ("UDP", 80)]


def rows_with(exposed: Exposure, pod: PossiblePod) -> list[PossibleTraffic]:
    """The traffic of the rows in whose selectors a pod is."""
    return [row.traffic for row in exposed.pods if row.pods.matches(pod.namespace_labels, pod.labels)]


def check(world: list[Object], keys: Iterable[str] = KEYS) -> None:
    """Compare the exposure of the world's pod, in both directions, with what every possible pod may."""
    subject = next(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in world if one["kind"] == "Pod")
    exposed = {row.direction: row for row in exposure(cluster_of(world).state).rows}
    for possible in possible_pods(world, keys=keys):
        for direction, one in exposed.items():
            found = rows_with(one, possible)
            assert len(found) < 2, f"{possible} is in two rows"
            for names in ((), ("http",)) if direction is Direction.EGRESS else ((),):
                traffic = found[0].to_port([(name, "TCP") for name in names]) if found else NO_TRAFFIC
                for protocol, number in PORTS if not names else PORTS[:2]:
                    if direction is Direction.INGRESS:
                        may = may_send(world, possible, subject, protocol, number)
                    else:
                        may = may_receive(world, possible, subject, protocol, number, names=names)
                    assert traffic.contains(protocol, number) is may, (
                        f"{possible} {direction} {protocol} {number} {names}"
                    )


@settings(max_examples=examples(8))
@given(worlds())
def test_exposure_is_what_every_possible_pod_may(world: list[Object]) -> None:
    check(world)


@settings(max_examples=examples(8))
@given(worlds(st.one_of(cluster_policy_strategies.cluster_policies, policies)))
def test_so_it_is_with_the_policies_of_administrators(world: list[Object]) -> None:
    check(world, keys=["app", "tier"])


def with_priority(policy: Object, *, names: dict[str, str]) -> Object:
    """A policy of the administrators with the same priority as all others, and another name."""
    name = policy["metadata"]["name"]
    return {**policy, "metadata": {"name": names.get(name, name)}, "spec": {**policy["spec"], "priority": 1}}


@settings(max_examples=examples(20))
@given(worlds(cluster_policies))
def test_policies_of_the_same_priority_are_named_if_their_order_decides(world: list[Object]) -> None:
    """The one that is first by name decides: so other names may have another exposure."""
    others = [one for one in world if one["kind"] != "ClusterNetworkPolicy"]
    policies = [one for one in world if one["kind"] == "ClusterNetworkPolicy"]
    found = [
        exposure(cluster_of([*others, *(with_priority(one, names=names) for one in policies)]).state)
        for names in ({}, {"a": "c", "c": "a"}, {"a": "b", "b": "a"}, {"b": "c", "c": "b"})
    ]
    if any(one.rows != found[0].rows for one in found):
        assert any("have the same priority 1" in text for text in found[0].assumptions)


def test_what_depends_on_several_names_of_ports_is_in_the_same_order_each_time() -> None:
    rules = [{"action": "Deny", "to": [{"namespaces": {}}], "protocols": [{"destinationNamedPort": "http"}]}]
    spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "egress": rules}
    kind = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
    world = [pod("x/a"), {**kind, "metadata": {"name": "a"}, "spec": spec}]
    found = [exposure(cluster_of(world).state).rows for _ in range(5)]
    assert found == found[:1] * 5


def test_policies_of_the_same_priority_that_agree_are_not_named() -> None:
    def decides(name: str, action: str) -> Object:
        rules = [{"action": action, "from": [{"namespaces": labelled(team="a")}]}]
        spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "ingress": rules}
        kind = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
        return {**kind, "metadata": {"name": name}, "spec": spec}

    world = [pod("x/a")]
    accept, deny = decides("a", "Accept"), decides("b", "Deny")
    assert exposure(cluster_of([*world, accept, decides("b", "Accept")]).state).assumptions == ()
    (named,) = exposure(cluster_of([*world, accept, deny]).state).assumptions
    assert named.startswith("ClusterNetworkPolicy a and ClusterNetworkPolicy b have the same priority 1 in the Admin")


def test_those_that_select_only_pods_to_come_are_named_too() -> None:
    """Their order decides what the existing pod could reach."""

    def decides(name: str, action: str) -> Object:
        subject = {"pods": {"namespaceSelector": {}, "podSelector": labelled(app="other")}}
        rules = [{"action": action, "from": [{"namespaces": {}}]}]
        spec = {"tier": "Admin", "priority": 1, "subject": subject, "ingress": rules}
        kind = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
        return {**kind, "metadata": {"name": name}, "spec": spec}

    (named,) = exposure(cluster_of([pod("x/a"), decides("a", "Accept"), decides("b", "Deny")]).state).assumptions
    assert named.startswith("ClusterNetworkPolicy a and ClusterNetworkPolicy b have the same priority 1 in the Admin")


def test_those_that_disagree_only_about_the_name_of_a_port_of_pods_to_come_are_named_too() -> None:
    """The existing pod has no port of this name."""

    def decides(name: str, action: str, **ports: list[Object]) -> Object:
        rules = [{"action": action, "from": [{"namespaces": {}}], **ports}]
        spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "ingress": rules}
        kind = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
        return {**kind, "metadata": {"name": name}, "spec": spec}

    accept = decides("a", "Accept", protocols=[{"tcp": {"destinationPort": {"number": 80}}}])
    deny = decides("b", "Deny", protocols=[{"destinationNamedPort": "http"}])
    (named,) = exposure(cluster_of([pod("x/a"), accept, deny]).state).assumptions
    assert named.startswith("ClusterNetworkPolicy a and ClusterNetworkPolicy b have the same priority 1 in the Admin")
    passed_on = decides("b", "Pass", protocols=[{"destinationNamedPort": "http"}])
    denied = decides("c", "Deny", protocols=[{"tcp": {"destinationPort": {"number": 80}}}])
    found = exposure(cluster_of([pod("x/a"), passed_on, denied]).state).assumptions
    assert any("Policy b and ClusterNetworkPolicy c" in text for text in found)
    with_another = decides("c", "Accept", protocols=[{"destinationNamedPort": "metrics"}])
    assert exposure(cluster_of([pod("x/a"), with_another, accept]).state).assumptions == ()
