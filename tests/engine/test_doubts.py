"""Doubts: the pods and directions that a policy of an unread kind may affect."""

from typing import Any

import pytest
from tests.engine.members import member_in, state_of
from tests.engine.policies.test_matching import end_of
from tests.semantics.objects import Object, namespace, pod, workload

from ringfence.engine.doubts import doubt_text
from ringfence.engine.state import State
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.model.unread_kinds import unlisted_kind, unread_kind

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
WORLD = [
    namespace("prod", env="prod"),
    pod("prod/db", {"app": "db"}),
    pod("prod/web", {"app": "web"}),
    pod("prod/host", {"app": "db"}, hostNetwork=True),
    pod("dev/db", {"app": "db"}),
]


def unread(kind: str, path: str, **spec: Any) -> Object:
    """A policy of another project; `path` is `NAMESPACE/NAME`, or a name alone."""
    group, _, name = kind.rpartition("/")
    space, _, called = path.rpartition("/")
    return {"apiVersion": f"{group}/v1", "kind": name, "metadata": {"name": called, "namespace": space}, "spec": spec}


def cilium(path: str, **spec: Any) -> Object:
    return unread("cilium.io/CiliumNetworkPolicy", path, **{"endpointSelector": {}, "egress": [{}], **spec})


def antrea(name: str, applied_to: Any, **spec: Any) -> Object:
    return unread("crd.antrea.io/ClusterNetworkPolicy", name, **{"appliedTo": applied_to, "egress": [{}], **spec})


def concerned(state: State, direction: Direction) -> set[str]:
    """The pods whose answers are uncertain in a direction."""
    return {str(one) for one in state.members() if list(state.doubts.selecting(one, direction))}


@pytest.mark.parametrize(
    ("policy", "pods"),
    [
        pytest.param(cilium("prod/p"), {"prod/db", "prod/web"}, id="all pods of a namespace"),
        pytest.param(cilium("prod/p", endpointSelector={"matchLabels": {"app": "db"}}), {"prod/db"}, id="a label"),
        pytest.param(
            antrea("p", [{"namespaceSelector": {"matchLabels": {"env": "prod"}}}]),
            {"prod/db", "prod/web", "dev/db"},
            id="a namespace without an object may have any label",
        ),
        pytest.param(
            antrea("p", [{"namespaceSelector": {"matchLabels": {"env": "dev"}}}]),
            {"dev/db"},
            id="labels of a namespace",
        ),
        pytest.param(
            antrea(
                "p", [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prod", "env": "prod"}}}]
            ),
            {"prod/db", "prod/web"},
            id="its name is known",
        ),
        pytest.param(
            unread("cilium.io/CiliumClusterwideNetworkPolicy", "p", nodeSelector={}, egress=[{}]),
            {"prod/host"},
            id="nodes",
        ),
        pytest.param(antrea("p", 5), {"prod/db", "prod/web", "prod/host", "dev/db"}, id="unknown"),
        pytest.param(cilium("prod/p", endpointSelector=5), {"prod/db", "prod/web", "prod/host"}, id="unknown in one"),
        pytest.param(unread("projectcalico.org/StagedNetworkPolicy", "prod/p"), set(), id="inert"),
    ],
)
def test_the_pods_in_doubt_are_those_that_a_policy_may_select(policy: Object, pods: set[str]) -> None:
    assert concerned(state_of([*WORLD, policy]), EGRESS) == pods


def test_only_the_directions_of_a_policy_are_in_doubt() -> None:
    state = state_of([*WORLD, cilium("prod/p")])
    assert concerned(state, INGRESS) == set()
    pairs = [(str(policy), direction) for policy, direction in state.doubts.selecting_any(list(state.members()))]
    assert pairs == [("CiliumNetworkPolicy.cilium.io prod/p", EGRESS)]
    assert not list(state.doubts.selecting_any([member_in(state, "dev/db")]))


def test_a_policy_about_the_outside_does_not_concern_connections_between_pods() -> None:
    state = state_of([*WORLD, unread("k8s.ovn.org/EgressFirewall", "prod/default", egress=[{}])])
    web = member_in(state, "prod/web")
    concerning = {
        end: bool(list(state.doubts.about(web, EGRESS, end_of(state, end))))
        for end in ("prod/db", "prod/host", "203.0.113.7")
    }
    assert concerning == {"prod/db": False, "prod/host": True, "203.0.113.7": True}


def test_a_policy_replaces_the_one_of_its_kind_and_name_and_can_be_removed() -> None:
    state = state_of([*WORLD, cilium("prod/p"), cilium("prod/p", endpointSelector={"matchLabels": {"app": "db"}})])
    assert concerned(state, EGRESS) == {"prod/db"}
    before = state.revision
    state.remove("CiliumNetworkPolicy.cilium.io", "prod", "p")
    assert state.revision > before
    assert not state.doubts


def test_a_policy_may_change_its_scope() -> None:
    everywhere, nowhere = antrea("p", [{"namespaceSelector": {}}]), antrea("p", [{"namespaceSelector": {}}], egress=[])
    assert concerned(state_of([*WORLD, everywhere, nowhere]), EGRESS) == set()
    assert len(list(state_of([everywhere, antrea("q", [{"namespaceSelector": {}}])]).doubts)) == 2


@pytest.mark.parametrize(
    ("policy", "whom"),
    [
        (cilium("prod/p"), "the pods that it selects"),
        (cilium("prod/p", endpointSelector=5), "any pod in namespace prod"),
        (antrea("p", 5), "any pod"),
    ],
)
def test_the_text_says_how_far_the_doubt_goes(policy: Object, whom: str) -> None:
    (doubted,) = state_of([policy]).doubts
    assert doubt_text(doubted, EGRESS) == f"{doubted} ({doubted.place}) is not read: it may change the egress of {whom}"


def test_a_label_whose_value_is_not_known_may_be_the_one_that_a_policy_selects_by() -> None:
    stateful_set = workload("prod/queue", "StatefulSet", pod("prod/any", {"app": "queue"}))
    replica, other = ({"matchLabels": {"statefulset.kubernetes.io/pod-name": name}} for name in ("queue-0", "db-0"))
    assert concerned(state_of([stateful_set, cilium("prod/p", endpointSelector=replica)]), EGRESS) == {
        "prod/StatefulSet/queue"
    }
    assert concerned(state_of([stateful_set, cilium("prod/p", endpointSelector=other)]), EGRESS) == set()


def test_a_kind_that_cannot_be_listed_concerns_every_pod() -> None:
    state = state_of(WORLD)
    kind = unread_kind("CiliumNetworkPolicy.cilium.io")
    assert kind is not None
    policy = unlisted_kind(kind, "", Place("https://server"))
    assert policy is not None
    state.upsert(policy)
    assert concerned(state, INGRESS) == {str(one) for one in state.members()}
    assert doubt_text(policy, INGRESS) == (
        "policies of kind CiliumNetworkPolicy.cilium.io (https://server) cannot be listed: "
        "they may change the ingress of any pod"
    )
