"""The state: objects are added and removed, one at a time."""

import pytest
from tests.analysis.endpoints.test_endpoints import service
from tests.engine.members import member_in, state_of
from tests.engine.policies.test_network_policies import compiled
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    annotated,
    block,
    labelled,
    namespace,
    node,
    pod,
    policy,
    workload,
)

from ringfence import Cluster
from ringfence.engine.answers import traffic_between
from ringfence.engine.population.pods import Reference, possible_pod
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.objects import NetworkPolicy
from ringfence.sets.addresses import Family, parse_address
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

Matrix = dict[tuple[str, str], Traffic]


def matrix(state: State) -> Matrix:
    """The allowed traffic between every two pods."""
    members = list(state.members())
    return {(str(a), str(b)): traffic_between(state, a, b) for a in members for b in members}


def as_model(written: Object) -> NetworkPolicy:
    return compiled(written).policy


class TestDetached:
    """The laboratory detaches the copy of a running cluster, and gives addresses to what is applied to it."""

    def test_pods_without_an_address_take_part_from_then_on(self) -> None:
        cluster = Cluster(live=True)
        cluster.upsert(pod("x/before"))
        cluster.state.detach()
        assert not list(cluster.state.members())
        cluster.upsert(pod("x/after"))
        assert [str(one) for one in cluster.state.members()] == ["x/after"]

    def test_the_template_of_a_workload_stands_for_its_pods_from_then_on(self) -> None:
        cluster = Cluster(live=True)
        cluster.upsert(workload("x/before", "Deployment", pod("x/template")))
        cluster.state.detach()
        cluster.upsert(workload("x/after", "Deployment", pod("x/template")))
        assert [str(one) for one in cluster.state.members()] == ["x/Deployment/after"]


class TestHas:
    OBJECTS = (
        pod("x/web"),
        policy("x/deny", ingress=[]),
        namespace("x"),
        node("n", "192.168.0.1"),
        service("x/svc", {"app": "web"}),
        workload("x/api", "Deployment", pod("x/template")),
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "s", "namespace": "x"},
            "addressType": "IPv4",
        },
    )
    REFERENCES = (
        Reference("x", "Pod", "web"),
        Reference("x", "NetworkPolicy", "deny"),
        Reference("", "Namespace", "x"),
        Reference("", "Node", "n"),
        Reference("x", "Service", "svc"),
        Reference("x", "Deployment", "api"),
        Reference("x", "EndpointSlice", "s"),
    )

    @pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: one.kind)
    def test_an_object_is_there_until_it_is_removed(self, reference: Reference) -> None:
        state = state_of(self.OBJECTS)
        assert state.has(reference)
        assert not state.has(Reference(reference.namespace, reference.kind, "other"))
        state.remove(reference.kind, reference.namespace, reference.name)
        assert not state.has(reference)

    def test_a_namespace_that_is_only_named_is_not_an_object(self) -> None:
        assert not state_of([pod("y/web")]).has(Reference("", "Namespace", "y"))


def test_a_pod_that_does_not_exist_yet_takes_part_until_the_context_ends() -> None:
    state = state_of([pod("x/a", {"app": "web"}), policy("x/p", labelled(app="db"), ingress=[])])
    a, revision = member_in(state, "x/a"), state.revision
    possible = possible_pod("y", {"app": "db"})
    with state.supposing_pods([a, possible]):
        with state.supposing_pods([possible]):
            assert traffic_between(state, a, possible) == ALL_TRAFFIC
        assert state.namespaces.exists("y")
        assert state.identity(possible) is not state.identity(a)
        assert possible not in state.members()
    assert list(state.population.members()) == [a]
    assert not state.namespaces.exists("y")
    assert state.revision == revision


def test_a_node_that_comes_or_goes_changes_at_once_which_pods_are_told_apart() -> None:
    """A block of sources that contains one address of a node means all of them (`node_peers`)."""
    tunnel = annotated(node("n", "172.18.0.11"), {"projectcalico.org/IPv4VXLANTunnelAddr": "10.244.1.0"})
    named_by_address = policy("x/p", ingress=[admits(block("172.18.0.11/32"))])
    cluster = cluster_of([pod("x/a", addresses=["10.244.1.0"]), pod("x/b", addresses=["10.244.1.1"]), named_by_address])
    state = cluster.state
    a, b = member_in(state, "x/a"), member_in(state, "x/b")
    assert state.identity(a) is state.identity(b)
    cluster.upsert(tunnel)
    assert state.identity(a) is not state.identity(b)
    state.remove("Node", "", "n")
    assert state.identity(a) is state.identity(b)


class TestLookingUp:
    STATE = (pod("x/a", addresses=["10.0.0.1", "fd00::1"]), pod("x/b", addresses=["10.0.0.1"]), pod("y/a"))

    def test_by_address(self) -> None:
        state = state_of(self.STATE)
        assert [str(one) for one in state.members_at(*parse_address("fd00::1"))] == ["x/a"]
        assert [str(one) for one in state.members_at(*parse_address("10.0.0.1"))] == ["x/a", "x/b"]
        assert state.members_at(Family.IPV4, 0) == []

    def test_by_name_and_namespace(self) -> None:
        state = state_of(self.STATE)
        assert [str(one) for one in state.members_named("y", "a")] == ["y/a"]
        assert [str(one) for one in state.members_in("x")] == ["x/a", "x/b"]
        assert not list(state.members_in("z"))
        assert state.member(Reference("x", "Deployment", "a")) is None

    def test_a_removed_pod_is_not_found(self) -> None:
        state = state_of(self.STATE)
        state.remove("Pod", "x", "a")
        state.remove("Pod", "x", "a")
        assert [str(one) for one in state.members_at(*parse_address("10.0.0.1"))] == ["x/b"]
        assert state.members_named("x", "a") == []


@pytest.mark.parametrize("kind", ["Pod", "NetworkPolicy", "Namespace", "Service", "EndpointSlice", "Node", "Job"])
def test_removing_an_unknown_object_changes_nothing(kind: str) -> None:
    state = state_of([pod("x/a"), pod("x/b"), policy("x/p", ingress=[])])
    before = matrix(state)
    state.remove(kind, "x", "nothing")
    assert matrix(state) == before


def test_every_change_makes_a_new_revision() -> None:
    cluster = Cluster()
    revisions = [cluster.state.revision]
    for obj in (pod("x/a"), pod("x/a"), policy("x/p")):
        cluster.upsert(obj)
        revisions.append(cluster.state.revision)
    cluster.remove("Pod", "x", "a")
    revisions.append(cluster.state.revision)
    assert len(set(revisions)) == len(revisions)


def test_an_update_that_policies_cannot_read_changes_nothing() -> None:
    """When a kubelet reports a status again, the member stays the same object and all caches stay valid."""
    written = pod("x/a", {"app": "a"}, addresses=["10.0.0.1"], nodeName="n")
    cluster = cluster_of([written, node("n", "192.168.0.1"), pod("x/agent", hostNetwork=True, nodeName="n")])
    state = cluster.state
    before, host, version = member_in(state, "x/a"), member_in(state, "x/agent"), state.population.version
    cluster.upsert(written | {"status": written["status"] | {"conditions": [{"type": "Ready"}]}})
    cluster.upsert(node("n", "192.168.0.1"))
    assert member_in(state, "x/a") is before
    assert member_in(state, "x/agent") is host
    assert state.population.version == version


def test_every_kind_in_the_table_can_be_added_and_removed() -> None:
    state = State()
    for kind in KINDS:
        spec = {"tier": "Admin"} if kind.is_custom and kind.is_policy else {}
        written = {"apiVersion": kind.api_versions[0], "kind": kind.name, "metadata": {"name": "x"}, "spec": spec}
        obj = decode(written)
        assert obj is not None
        state.upsert(kind.default(obj))
        assert state.has(Reference(namespace_of(obj), kind_of(obj), "x")), kind
        state.remove(kind_of(obj), namespace_of(obj), "x")
        assert not state.has(Reference(namespace_of(obj), kind_of(obj), "x")), kind


def test_an_object_of_a_kind_that_the_engine_does_not_know_is_refused() -> None:
    with pytest.raises(AssertionError):
        State().upsert(object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'Widget'"):
        State().remove("Widget", "", "x")
