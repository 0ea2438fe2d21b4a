"""Policies that seem meant to isolate a side and do not: which of them a side names."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, labelled, namespace, pod, policy

from ringfence.engine.answers import SideReason

WORLD = [
    namespace("prod"),
    namespace("stage"),
    pod("prod/db", {"role": "db", "tier": "back"}),
    pod("prod/web", {"role": "web", "tier": "front"}),
]


def egress_of_db(*objects: Object) -> SideReason:
    (reason,) = cluster_of([*WORLD, *objects]).can("prod/db", "prod/web", port=80).reasons
    return reason.egress


def named(side: SideReason) -> list[str]:
    return [f"{one.policy} {one.reason}" for one in side.bystanders]


def test_a_policy_for_the_other_direction() -> None:
    side = egress_of_db(policy("prod/db-policy", labelled(role="db"), ingress=[]))
    assert named(side) == [
        "prod/db-policy selects prod/db, but its policyTypes are [Ingress]; replies are always allowed"
    ]


def test_a_selector_that_selects_nothing_because_of_one_label() -> None:
    side = egress_of_db(policy("prod/p", labelled(role="database"), egress=[]))
    assert named(side) == ["prod/p does not select prod/db: it wants role=database, prod/db has role=db"]


def test_a_selector_of_which_all_but_one_label_match() -> None:
    other = pod("prod/other", {"role": "cache", "tier": "back"})
    side = egress_of_db(other, policy("prod/p", labelled(role="cache", tier="back"), egress=[]))
    assert named(side) == ["prod/p does not select prod/db: it wants role=cache, prod/db has role=db"]


def test_a_policy_in_a_namespace_without_such_pods() -> None:
    side = egress_of_db(policy("stage/p", labelled(role="db"), egress=[]))
    assert named(side) == ["stage/p would select prod/db, but it is in namespace stage, which has no such pods"]


@pytest.mark.parametrize(
    "unrelated",
    [
        pytest.param([policy("prod/p", labelled(role="web"), egress=[])], id="a policy for another pod"),
        pytest.param([policy("prod/p", labelled(role="x", tier="y"), egress=[])], id="two labels differ"),
        pytest.param([policy("prod/p", labelled(role="database"), ingress=[])], id="a near miss of another direction"),
        pytest.param([policy("stage/p", {}, egress=[])], id="a policy for all pods of another namespace"),
        pytest.param(
            [pod("stage/db", {"role": "db"}), policy("stage/p", labelled(role="db"), egress=[])],
            id="a policy for pods of its own namespace",
        ),
        pytest.param(
            [policy("prod/p", labelled(role="db"), ingress=[]), policy("prod/q", {}, egress=[])], id="an isolated side"
        ),
    ],
)
def test_others_are_not_named(unrelated: list[Object]) -> None:
    assert named(egress_of_db(*unrelated)) == []


def test_a_pod_in_the_network_of_its_node_has_none() -> None:
    host = pod("prod/agent", {"role": "db"}, hostNetwork=True)
    world = cluster_of([*WORLD, host, policy("prod/p", labelled(role="db"), ingress=[])])
    (reason,) = world.can("prod/agent", "prod/web", port=80).reasons
    assert reason.egress.bystanders == ()
