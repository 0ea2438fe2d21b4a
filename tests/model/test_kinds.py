"""The table of kinds: everything that is particular to a kind is in its row."""

from typing import Any, cast

import msgspec
import pytest
from tests.model.artificial_kind import CLUSTER_POLICY, ClusterPolicy, ClusterPolicySpec, registered

from ringfence.model.decoding import UnknownField, decode, decode_json, unknown_fields
from ringfence.model.documents import document
from ringfence.model.kinds import KINDS, Kind, KindTable, in_namespace, kind_of, namespace_of
from ringfence.model.metadata import NodeMeta, ObjectMeta, PolicyMeta, ServiceMeta
from ringfence.model.objects import WORKLOAD_KINDS, Namespace, NetworkPolicy, Node, Pod, Workload
from ringfence.model.services import Service


def test_every_kind_is_found_under_each_of_its_versions() -> None:
    for kind in KINDS:
        assert kind.api_versions
        for api_version in kind.api_versions:
            assert KINDS.find(api_version, kind.name) is kind


@pytest.mark.parametrize(
    ("api_version", "name"),
    [("v1", "NetworkPolicy"), ("apps/v2", "Deployment"), ("v1", "pod"), (None, "Pod"), ("v1", ["Pod"]), ({}, "Pod")],
)
def test_no_other_kind_is_found(api_version: object, name: object) -> None:
    assert KINDS.find(api_version, name) is None


def test_the_kinds_of_kubernetes() -> None:
    assert {kind.key: (kind.path, kind.is_namespaced) for kind in KINDS} == {
        "Namespace": ("/api/v1/namespaces", False),
        "Pod": ("/api/v1/pods", True),
        "NetworkPolicy": ("/apis/networking.k8s.io/v1/networkpolicies", True),
        "Deployment": ("/apis/apps/v1/deployments", True),
        "StatefulSet": ("/apis/apps/v1/statefulsets", True),
        "DaemonSet": ("/apis/apps/v1/daemonsets", True),
        "ReplicaSet": ("/apis/apps/v1/replicasets", True),
        "ReplicationController": ("/api/v1/replicationcontrollers", True),
        "Job": ("/apis/batch/v1/jobs", True),
        "CronJob": ("/apis/batch/v1/cronjobs", True),
        "Rollout": ("/apis/argoproj.io/v1alpha1/rollouts", True),
        "DeploymentConfig": ("/apis/apps.openshift.io/v1/deploymentconfigs", True),
        "HorizontalPodAutoscaler": ("/apis/autoscaling/v2/horizontalpodautoscalers", True),
        "Service": ("/api/v1/services", True),
        "EndpointSlice": ("/apis/discovery.k8s.io/v1/endpointslices", True),
        "Endpoints": ("/api/v1/endpoints", True),
        "Node": ("/api/v1/nodes", False),
        **{
            name: (f"/apis/admissionregistration.k8s.io/v1/{name.lower()}s", False)
            for name in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
        },
        "APIService": ("/apis/apiregistration.k8s.io/v1/apiservices", False),
        "Ingress": ("/apis/networking.k8s.io/v1/ingresses", True),
        "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1/httproutes", True),
        "Route": ("/apis/route.openshift.io/v1/routes", True),
        **{
            f"{name}.{group}": (f"/apis/{group}/{version}/{plural}", False)
            for name, group, version, plural in (
                ("ClusterNetworkPolicy", "policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies"),
                ("AdminNetworkPolicy", "policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies"),
                ("BaselineAdminNetworkPolicy", "policy.networking.k8s.io", "v1alpha1", "baselineadminnetworkpolicies"),
                ("ClusterNetworkPolicy", "networking.k8s.aws", "v1alpha1", "clusternetworkpolicies"),
            )
        },
    }
    assert [kind.key for kind in KINDS.policies() if not kind.is_custom] == ["NetworkPolicy"]
    assert {kind.name for kind in KINDS if kind.model is Workload} == set(WORKLOAD_KINDS)


@pytest.mark.parametrize(
    ("obj", "kind", "namespace"),
    [
        (Pod(ObjectMeta("a", "shop")), "Pod", "shop"),
        (Pod(ObjectMeta("a")), "Pod", "default"),
        (Service(ServiceMeta("a", "shop")), "Service", "shop"),
        (Workload("Deployment", ObjectMeta("a", "shop")), "Deployment", "shop"),
        (Workload("CronJob", ObjectMeta("a")), "CronJob", "default"),
        (NetworkPolicy(PolicyMeta("a", "shop")), "NetworkPolicy", "shop"),
        (Namespace(ObjectMeta("a")), "Namespace", ""),
        (Node(NodeMeta("a", "shop")), "Node", ""),
    ],
)
def test_the_kind_and_the_namespace_of_an_object(obj: Any, kind: str, namespace: str) -> None:
    assert (kind_of(obj), namespace_of(obj)) == (kind, namespace)


def test_a_version_of_a_kind_is_in_one_row() -> None:
    table = KindTable([CLUSTER_POLICY])
    again = msgspec.structs.replace(CLUSTER_POLICY, plural="others")
    with pytest.raises(ValueError, match=r"policy\.example\.com/v1 NetworkPolicy is already in the table"):
        table.add(again)
    newer = msgspec.structs.replace(CLUSTER_POLICY, api_versions=("policy.example.com/v2",))
    with pytest.raises(ValueError, match=r"write all its versions in one row"):
        table.add(newer)
    assert list(table) == [CLUSTER_POLICY]
    table.discard(CLUSTER_POLICY)
    table.add(again)
    assert table.find("policy.example.com/v1alpha1", "NetworkPolicy") is again


@pytest.mark.parametrize(
    ("api_version", "name", "is_read"),
    [
        ("policy.networking.k8s.io/v1alpha3", "ClusterNetworkPolicy", True),
        ("policy.networking.k8s.io/v1", "ClusterNetworkPolicy", True),
        ("networking.k8s.aws/v1beta1", "ClusterNetworkPolicy", True),
        ("policy.networking.k8s.io/v1alpha1", "ClusterNetworkPolicy", False),
        ("policy.networking.k8s.io/latest", "ClusterNetworkPolicy", False),
        ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy", False),
        ("policy.networking.k8s.io/v1beta1", "AdminNetworkPolicy", False),
        ("networking.k8s.io/v2", "NetworkPolicy", False),
    ],
)
def test_later_versions_are_read_of_kinds_that_are_to_have_some(api_version: str, name: str, is_read: bool) -> None:
    assert (KINDS.find(api_version, name) is not None) is is_read


class TestAnotherKindOfPolicy:
    """A row is all that the model needs, although another group has a kind of the same name."""

    @pytest.fixture(autouse=True)
    def kind(self) -> Any:
        with registered() as kind:
            yield kind

    def tree(self, api_version: str = "policy.example.com/v1", **spec: Any) -> dict[str, Any]:
        return {"apiVersion": api_version, "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": spec}

    def test_two_groups_have_a_kind_of_this_name(self, kind: Kind) -> None:
        assert [str(one) for one in KINDS.called("NetworkPolicy")] == [
            "NetworkPolicy",
            "NetworkPolicy.policy.example.com",
        ]
        assert set(KINDS.policies()) >= set(KINDS.called("NetworkPolicy"))
        assert kind.path == "/apis/policy.example.com/v1/networkpolicies"

    def test_each_is_decoded_as_its_own(self) -> None:
        policy = decode(self.tree(priority=7))
        assert policy == cast(Any, ClusterPolicy(PolicyMeta("a"), ClusterPolicySpec(priority=7)))
        assert isinstance(decode(self.tree("networking.k8s.io/v1")), NetworkPolicy)

    def test_json_is_decoded_without_a_tree(self, kind: Kind) -> None:
        tree = self.tree(priority=7)
        assert decode_json(msgspec.json.encode(tree), kind) == decode(tree)

    def test_objects_know_their_kind_and_scope(self, kind: Kind) -> None:
        policy = decode(self.tree())
        assert policy is not None
        assert KINDS.of(policy) is kind
        assert kind_of(policy) == "NetworkPolicy.policy.example.com"
        assert KINDS.keyed("NetworkPolicy.policy.example.com") is kind
        assert namespace_of(policy) == ""
        other = decode(self.tree("networking.k8s.io/v1"))
        assert other is not None
        assert KINDS.of(other) is not kind
        assert kind_of(other) == "NetworkPolicy"
        assert namespace_of(other) == "default"

    def test_unknown_fields_are_those_that_it_does_not_have(self) -> None:
        spec: dict[str, Any] = {"podSelector": {}, "priority": 7, "subject": {"matchLabel": {}}}
        assert paths(unknown_fields(self.tree(**spec))) == ["spec.podSelector", "spec.subject.matchLabel"]
        assert paths(unknown_fields(self.tree("networking.k8s.io/v1", **spec))) == ["spec.priority", "spec.subject"]
        everything = {"name": "a", "uid": "b", "managedFields": [{"manager": "c"}], "labels": {"a": "b"}}
        assert unknown_fields({**self.tree(), "metadata": everything}) == []

    def test_it_is_written_under_its_own_version(self) -> None:
        policy = cast(Any, ClusterPolicy(PolicyMeta("a"), ClusterPolicySpec(priority=7)))
        assert document(policy) == {
            "apiVersion": "policy.example.com/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "a"},
            "spec": {"priority": 7},
        }


def paths(fields: list[UnknownField]) -> list[str]:
    return [field.path for field in fields]


@pytest.mark.parametrize(
    ("obj", "namespace"),
    [
        pytest.param(Pod(ObjectMeta(name="a")), "prod", id="an object without one"),
        pytest.param(Pod(ObjectMeta(name="a", namespace="x")), "x", id="one that has one"),
        pytest.param(Node(NodeMeta(name="a")), "", id="one that cannot have one"),
    ],
)
def test_an_object_is_put_into_a_namespace(obj: Any, namespace: str) -> None:
    assert namespace_of(in_namespace(obj, "prod")) == namespace


def test_the_default_namespace_need_not_be_written() -> None:
    pod = Pod(ObjectMeta(name="a"))
    assert in_namespace(pod, "default") is pod
