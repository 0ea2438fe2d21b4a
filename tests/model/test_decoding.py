"""Decoding JSON: which objects are read, and what a model object holds."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.decoded_trees import Tree, decoded, ingress, kind_of_tree, pod, policy, refusal

from ringfence.errors import DecodingError
from ringfence.model.decoding import decode, decode_json, unknown_fields
from ringfence.model.kinds import KINDS
from ringfence.model.metadata import LabelSelector
from ringfence.model.objects import (
    IPBlock,
    Namespace,
    NetworkPolicy,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    Pod,
    Workload,
)


@pytest.mark.parametrize("absent", [{}, {"spec": None}, {"spec": {}}, {"spec": {"podSelector": None}}])
def test_a_policy_that_says_nothing_selects_everything(absent: Tree) -> None:
    tree = {**policy({}), **absent} if absent else {k: v for k, v in policy({}).items() if k != "spec"}
    assert decoded(tree).spec.pod_selector == LabelSelector()


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        pytest.param({"ingress": [None]}, NetworkPolicyIngressRule(), id="a null rule allows all"),
        pytest.param(
            {"ingress": [{"ports": [None]}]},
            NetworkPolicyIngressRule(ports=(NetworkPolicyPort(),)),
            id="a null port is an empty one",
        ),
        pytest.param(
            {"ingress": [{"from": [None]}]},
            NetworkPolicyIngressRule(peers=(NetworkPolicyPeer(),)),
            id="a null peer is an empty one",
        ),
        pytest.param(
            {"ingress": [{"from": None, "ports": None}]}, NetworkPolicyIngressRule(), id="a null list is an absent one"
        ),
        pytest.param(
            {"ingress": [{"from": [{"podSelector": None, "namespaceSelector": {}}]}]},
            NetworkPolicyIngressRule(peers=(NetworkPolicyPeer(namespace_selector=LabelSelector()),)),
            id="a null selector is an absent one, an empty one is not",
        ),
        pytest.param(
            {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": None}}}]}]},
            NetworkPolicyIngressRule(peers=(NetworkPolicyPeer(pod_selector=LabelSelector(match_labels={"a": ""})),)),
            id="a null label is an empty one",
        ),
        pytest.param(
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [None]}}]}]},
            NetworkPolicyIngressRule(
                peers=(NetworkPolicyPeer(ip_block=IPBlock(cidr="10.0.0.0/8", excepts=("",))),),
            ),
            id="a null exception is an empty one",
        ),
    ],
)
def test_null(spec: Tree, rule: NetworkPolicyIngressRule) -> None:
    assert decoded(policy(spec)).spec.ingress == (rule,)


@pytest.mark.parametrize(
    ("written", "read"), [(80.0, 80), (1e3, 1000), ("80", "80"), (-0.0, 0), (0, 0), (-5, -5), (2**31 - 1, 2**31 - 1)]
)
def test_a_port_is_a_whole_number_or_a_name(written: object, read: object) -> None:
    port = decoded(ingress(ports=[{"port": written}])).spec.ingress[0].ports[0].port
    assert (port, type(port)) == (read, type(read))


def test_fields_that_do_not_matter_are_not_looked_at() -> None:
    tree = pod(metadata={"name": "a", "annotations": 5}, spec={"volumes": 7, "containers": [{"env": "x", "image": 1}]})
    assert decoded(tree).metadata.name == "a"


TEMPLATE: Tree = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"ports": [{"containerPort": 80}]}]}}


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("v1", "ReplicationController"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
    ],
)
@pytest.mark.parametrize("null", [False, True])
def test_workloads_of_all_kinds_have_one_shape(api_version: str, kind: str, null: bool) -> None:
    template = TEMPLATE | {"spec": TEMPLATE["spec"] | {"containers": [None, *TEMPLATE["spec"]["containers"]]}}
    spec: Tree = {"template": template if null else TEMPLATE, "replicas": 3}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}, "schedule": "* * * * *"}
    tree = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    workload = decoded(tree)
    assert isinstance(workload, Workload)
    assert (workload.kind, workload.metadata.name) == (kind, "a")
    assert workload.template.metadata is not None
    assert workload.template.metadata.labels == {"app": "web"}
    assert workload.template.spec is not None
    assert workload.template.spec.containers is not None
    assert [port.container_port for port in workload.template.spec.containers[-1].ports or ()] == [80]


@pytest.mark.parametrize(
    ("api_version", "kind", "read"),
    [
        ("networking.k8s.io/v1", "NetworkPolicy", True),
        ("extensions/v1beta1", "NetworkPolicy", True),
        ("projectcalico.org/v3", "NetworkPolicy", False),
        ("v1", "NetworkPolicy", False),
        ("serving.knative.dev/v1", "Service", False),
        ("batch.volcano.sh/v1alpha1", "Job", False),
        ("v1", "ConfigMap", False),
        ("v1", None, False),
        (None, "Pod", False),
        ("v1", ["Pod"], False),
        (["v1"], "Pod", False),
    ],
)
def test_a_kind_is_known_by_its_group_too(api_version: object, kind: object, read: bool) -> None:
    assert (KINDS.find(api_version, kind) is not None) is read
    assert (decode({"apiVersion": api_version, "kind": kind}) is not None) is read


@pytest.mark.parametrize("tree", [None, [], "Pod", 5, {}, {"kind": "Pod"}])
def test_objects_of_unknown_kinds(tree: object) -> None:
    assert decode(tree) is None
    assert unknown_fields(tree) == []


numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
FIELDS = """
    podSelector matchLabels matchExpressions key operator values ingress egress from to ports port endPort protocol
    policyTypes ipBlock cidr except namespaceSelector spec metadata labels name containers template odd
"""
fields = st.sampled_from(FIELDS.split())
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4), max_leaves=12
)


@given(st.sampled_from(["NetworkPolicy", "Pod", "Deployment", "CronJob", "Service", "EndpointSlice"]), trees, trees)
def test_any_tree_is_an_object_or_one_clear_error(kind: str, metadata: object, spec: object) -> None:
    api_version = {"NetworkPolicy": "networking.k8s.io/v1", "EndpointSlice": "discovery.k8s.io/v1"}.get(kind, "v1")
    api_version = {"Deployment": "apps/v1", "CronJob": "batch/v1"}.get(kind, api_version)
    tree = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
    unknown_fields(tree)
    try:
        found: object = decode(tree)
    except DecodingError:
        refused = refusal(tree)
        assert str(refused).startswith(f"{kind} in version")
        assert refused.path
    else:
        assert found == decode_json(msgspec.json.encode(tree), kind_of_tree(tree))


def test_a_namespace_and_a_policy_are_what_they_say() -> None:
    assert isinstance(decode({"apiVersion": "v1", "kind": "Namespace"}), Namespace)
    assert isinstance(decode(pod()), Pod)
    assert isinstance(decode(policy({})), NetworkPolicy)
