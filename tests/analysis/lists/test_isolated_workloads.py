"""Which policies isolate each workload."""

from typing import Any

import pytest
from hypothesis import given, settings
from tests import cluster_policy_strategies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, labelled, named, namespace, owned, pod, policy, workload

from ringfence import RingfenceError
from ringfence.analysis.lists.isolated_workloads import IsolationList, isolation
from ringfence.engine.answers import explain
from ringfence.engine.policies import NETWORK_POLICY_TIER
from ringfence.sets.addresses import Addresses, Family

OUTSIDE = Addresses.in_family(Family.IPV4, ((1, 1),))

WORLD = [
    namespace("x"),
    namespace("empty"),
    pod("x/db", {"app": "db"}),
    pod("x/web", {"app": "web"}),
    pod("y/other"),
    policy("x/in", labelled(app="db"), ingress=[]),
    policy("x/out", egress=[]),
    policy("x/typo", labelled(app="bd"), ingress=[]),
]

POLICY_GROUP = "policy.networking.k8s.io"


def cluster_policy(kind: str, name: str, subject: Object, **spec: Any) -> Object:
    """A policy of the administrators."""
    version = "v1alpha2" if kind == "ClusterNetworkPolicy" else "v1alpha1"
    written = {"subject": {"pods": {"podSelector": subject, "namespaceSelector": named("x")}}, **spec}
    return {"apiVersion": f"{POLICY_GROUP}/{version}", "kind": kind, "metadata": {"name": name}, "spec": written}


def does(*actions: str, peers: str = "from") -> list[Object]:
    return [{"action": action, peers: [{"namespaces": {}}]} for action in actions]


GOVERNED = [
    pod("x/db", {"app": "db"}),
    pod("x/web", {"app": "web"}),
    pod("y/other"),
    policy("x/in", labelled(app="db"), ingress=[]),
    cluster_policy("AdminNetworkPolicy", "ask", labelled(app="db"), priority=1, ingress=does("Allow", "Allow")),
    cluster_policy("ClusterNetworkPolicy", "guard", {}, tier="Admin", priority=5, ingress=does("Pass", "Deny", "Pass")),
    cluster_policy(
        "ClusterNetworkPolicy",
        "floor",
        {},
        tier="Baseline",
        priority=0,
        ingress=does("Deny"),
        egress=does("Deny", peers="to"),
    ),
    cluster_policy(
        "ClusterNetworkPolicy", "idle", labelled(app="none"), tier="Admin", priority=9, ingress=does("Deny")
    ),
]
"""Pods that policies of both tiers select, one of them isolated by a NetworkPolicy."""


def lines(found: IsolationList) -> list[str]:
    return [str(row) for row in found.rows]


def test_each_pod_is_isolated_by_the_policies_that_select_it_in_each_direction() -> None:
    found = cluster_of(WORLD).isolation()
    assert lines(found) == [
        "x/db: ingress: x/in; egress: x/out",
        "x/web: ingress: not isolated; egress: x/out",
        "y/other: ingress: not isolated; egress: not isolated",
    ]
    assert [row.is_open for row in found.rows] == [False, True, True]
    assert str(found) == "\n".join(lines(found))


def test_policies_of_administrators_are_listed_apart_for_they_isolate_nobody() -> None:
    found = cluster_of(GOVERNED).isolation()
    assert lines(found) == [
        "x/db: ingress: x/in, Admin ask (allow), Admin guard (pass, deny), Baseline floor (deny); "
        "egress: not isolated, Baseline floor (deny)",
        "x/web: ingress: not isolated, Admin guard (pass, deny), Baseline floor (deny); "
        "egress: not isolated, Baseline floor (deny)",
        "y/other: ingress: not isolated; egress: not isolated",
    ]
    assert [row.is_open for row in found.rows] == [True, True, True]
    assert [(one.kind, str(one)) for one in found.idle] == [("ClusterNetworkPolicy", "idle")]


def test_policies_that_select_nobody_are_listed() -> None:
    assert [str(one) for one in cluster_of(WORLD).isolation().idle] == ["x/typo"]
    assert cluster_of(WORLD).isolation(namespace="y").idle == ()


def test_a_namespace_or_an_endpoint_limits_the_list() -> None:
    cluster = cluster_of(WORLD)
    assert lines(cluster.isolation(namespace="y")) == ["y/other: ingress: not isolated; egress: not isolated"]
    assert lines(cluster.isolation(namespace="empty")) == []
    assert lines(cluster.isolation("x/db")) == ["x/db: ingress: x/in; egress: x/out"]
    assert len(cluster.isolation("x/*").rows) == 2


def test_a_pod_that_does_not_exist_yet_can_be_asked_about() -> None:
    assert lines(cluster_of(WORLD).isolation("pod:x/app=db")) == ["pod:x/app=db: ingress: x/in; egress: x/out"]


def test_what_cannot_be_isolated_is_refused() -> None:
    cluster = cluster_of(WORLD)
    with pytest.raises(RingfenceError, match=r"^203\.0\.113\.7 is outside the cluster: only pods can be isolated$"):
        cluster.isolation("203.0.113.7")
    with pytest.raises(RingfenceError, match=r"^there is no namespace emtpy; did you mean empty\?$"):
        cluster.isolation(namespace="emtpy")


def test_a_pod_on_its_nodes_network_is_never_isolated() -> None:
    (row,) = cluster_of([pod("x/h", hostNetwork=True), policy("x/p", ingress=[], egress=[])]).isolation().rows
    assert row.is_open
    assert row.exempt == "it uses its node's network, and policies do not apply to it"


def test_a_workload_is_one_row_if_its_pods_are_isolated_alike() -> None:
    pods = [owned(pod(f"x/db-{number}", {"n": str(number)}), "StatefulSet", "db") for number in range(2)]
    assert lines(cluster_of([*pods, policy("x/p", ingress=[])]).isolation()) == [
        "x/StatefulSet/db: ingress: x/p; egress: not isolated"
    ]
    assert lines(cluster_of([*pods, policy("x/p", labelled(n="0"), ingress=[])]).isolation()) == [
        "x/db-0: ingress: x/p; egress: not isolated",
        "x/db-1: ingress: not isolated; egress: not isolated",
    ]


@settings(deadline=None)
@given(cluster_policy_strategies.clusters())
def test_the_list_agrees_with_explanations(world: list[Object]) -> None:
    state = (cluster := cluster_of(world)).state
    for member in state.members():
        text = f"{member.namespace}/{member.reference.kind.lower()}/{member.name}"
        (row,) = cluster.isolation(text).rows
        ingress, egress = explain(state, OUTSIDE, member, None).ingress, explain(state, member, OUTSIDE, None).egress
        assert (bool(row.ingress), bool(row.egress)) == (ingress.isolated, egress.isolated)
        for side, isolating, in_tiers in (
            (ingress, row.ingress, row.ingress_tiers),
            (egress, row.egress, row.egress_tiers),
        ):
            of_network_policies = [reason for reason in side.policies if reason.tier == NETWORK_POLICY_TIER]
            others = [reason for reason in side.policies if reason.tier != NETWORK_POLICY_TIER]
            assert [one.name for one in isolating] == [reason.policy.name for reason in of_network_policies]
            asked = [one for one in in_tiers if not (isolating and one.tier == "Baseline")]
            assert [(one.tier, one.policy.name, one.priority) for one in asked] == [
                (reason.tier, reason.policy.name, reason.policy.priority) for reason in others
            ]


@pytest.mark.parametrize(
    ("selector", "is_assumed"),
    [({"statefulset.kubernetes.io/pod-name": "db-0"}, True), ({"statefulset.kubernetes.io/pod-name": "z"}, False)],
)
def test_a_label_whose_value_is_not_known_is_named_if_a_policy_selects_by_it(
    selector: dict[str, str], is_assumed: bool
) -> None:
    stateful_set = workload("x/db", "StatefulSet", pod("x/any", {"app": "db"}))
    state = cluster_of([stateful_set, policy("x/p", labelled(**selector), ingress=[])]).state
    assert any("statefulset.kubernetes.io/pod-name" in one for one in isolation(state).assumptions) is is_assumed
