"""Decoding JSON: a model object, or the API server's error in its own words."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import DecodingError
from ringfence.model.decoding import decode, decode_json, unknown_fields
from ringfence.model.kinds import KINDS, Kind
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

Tree = dict[str, Any]

STRUCT = "json: cannot unmarshal {} into Go struct field {} of type {}"


def policy(spec: object, **metadata: object) -> Tree:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "a", **metadata},
        "spec": spec,
    }


def ingress(**rule: object) -> Tree:
    return policy({"ingress": [rule]})


def pod(**fields: object) -> Tree:
    return {"apiVersion": "v1", "kind": "Pod", **fields}


def kind_of_tree(tree: Tree) -> Kind:
    kind = KINDS.find(tree["apiVersion"], tree["kind"])
    assert kind is not None
    return kind


def decoded(tree: Tree) -> Any:
    """The object, which is the same whether it is read from a tree or from JSON."""
    found = decode(tree)
    assert found == decode_json(json.dumps(tree).encode(), kind_of_tree(tree))
    return found


def refusal(tree: Tree) -> DecodingError:
    with pytest.raises(DecodingError) as from_tree:
        decode(tree)
    with pytest.raises(DecodingError) as from_json:
        decode_json(json.dumps(tree).encode(), kind_of_tree(tree))
    assert (str(from_tree.value), from_tree.value.path) == (str(from_json.value), from_json.value.path)
    return from_tree.value


@pytest.mark.parametrize(
    ("tree", "error", "path"),
    [
        pytest.param(
            policy({"podSelector": {"matchLabels": {"a": True}}}),
            STRUCT.format("bool", "LabelSelector.spec.podSelector.matchLabels", "string"),
            "spec.podSelector.matchLabels.a",
            id="a label that is a boolean",
        ),
        pytest.param(
            policy({"podSelector": {"matchLabels": {"a": 1}}}),
            STRUCT.format("number", "LabelSelector.spec.podSelector.matchLabels", "string"),
            "spec.podSelector.matchLabels.a",
            id="a label that is a number",
        ),
        pytest.param(
            policy({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": [1]}]}}),
            STRUCT.format("number", "LabelSelectorRequirement.spec.podSelector.matchExpressions.values", "string"),
            "spec.podSelector.matchExpressions[0].values[0]",
            id="a value that is a number",
        ),
        pytest.param(
            ingress(ports=[{"port": 80.5}]),
            STRUCT.format("number 80.5", "NetworkPolicyPort.spec.ingress.ports.port", "int32"),
            "spec.ingress[0].ports[0].port",
            id="a port with a fraction",
        ),
        pytest.param(
            ingress(ports=[{}, {"port": 4294967376}]),
            STRUCT.format("number 4294967376", "NetworkPolicyPort.spec.ingress.ports.port", "int32"),
            "spec.ingress[0].ports[1].port",
            id="a port beyond 32 bits",
        ),
        pytest.param(
            ingress(ports=[{"port": True}]),
            STRUCT.format("bool", "NetworkPolicyPort.spec.ingress.ports.port", "int32"),
            "spec.ingress[0].ports[0].port",
            id="a port that is a boolean",
        ),
        pytest.param(
            ingress(ports=[{"port": 80, "endPort": "90"}]),
            STRUCT.format("string", "NetworkPolicyPort.spec.ingress.ports.endPort", "int32"),
            "spec.ingress[0].ports[0].endPort",
            id="an endPort that is a name",
        ),
        pytest.param(
            ingress(ports=[{"protocol": 6}]),
            STRUCT.format("number", "NetworkPolicyPort.spec.ingress.ports.protocol", "v1.Protocol"),
            "spec.ingress[0].ports[0].protocol",
            id="a protocol by number",
        ),
        pytest.param(
            ingress(ports=[80]),
            STRUCT.format("number", "NetworkPolicyIngressRule.spec.ingress.ports", "v1.NetworkPolicyPort"),
            "spec.ingress[0].ports[0]",
            id="a port entry that is only its number",
        ),
        pytest.param(
            ingress(ports={"port": 80}),
            STRUCT.format("object", "NetworkPolicyIngressRule.spec.ingress.ports", "[]v1.NetworkPolicyPort"),
            "spec.ingress[0].ports",
            id="ports that are no list",
        ),
        pytest.param(
            policy({"ingress": [{}, {"from": {"podSelector": {}}}]}),
            STRUCT.format("object", "NetworkPolicyIngressRule.spec.ingress.from", "[]v1.NetworkPolicyPeer"),
            "spec.ingress[1].from",
            id="peers that are no list",
        ),
        pytest.param(
            policy({"ingress": {"from": []}}),
            STRUCT.format("object", "NetworkPolicySpec.spec.ingress", "[]v1.NetworkPolicyIngressRule"),
            "spec.ingress",
            id="rules that are no list",
        ),
        pytest.param(
            policy({"policyTypes": "Ingress"}),
            STRUCT.format("string", "NetworkPolicySpec.spec.policyTypes", "[]v1.PolicyType"),
            "spec.policyTypes",
            id="policyTypes that are no list",
        ),
        pytest.param(
            policy({"policyTypes": [False]}),
            STRUCT.format("bool", "NetworkPolicySpec.spec.policyTypes", "v1.PolicyType"),
            "spec.policyTypes[0]",
            id="a policyType that is no string",
        ),
        pytest.param(
            ingress(**{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": "10.1.0.0/16"}}]}),
            STRUCT.format("string", "IPBlock.spec.ingress.from.ipBlock.except", "[]string"),
            "spec.ingress[0].from[0].ipBlock.except",
            id="an exception that is no list",
        ),
        pytest.param(
            policy({"podSelector": []}),
            STRUCT.format("array", "NetworkPolicySpec.spec.podSelector", "v1.LabelSelector"),
            "spec.podSelector",
            id="a selector that is a list",
        ),
        pytest.param(
            policy([]),
            STRUCT.format("array", "NetworkPolicy.spec", "v1.NetworkPolicySpec"),
            "spec",
            id="a spec that is a list",
        ),
        pytest.param(
            policy({}, labels={"a": 1}),
            STRUCT.format("number", "ObjectMeta.metadata.labels", "string"),
            "metadata.labels.a",
            id="a label of the policy itself",
        ),
        pytest.param(
            policy({}, labels=["a"]),
            STRUCT.format("array", "ObjectMeta.metadata.labels", "map[string]string"),
            "metadata.labels",
            id="labels that are a list",
        ),
        pytest.param(
            policy({}, name=5),
            STRUCT.format("number", "ObjectMeta.metadata.name", "string"),
            "metadata.name",
            id="a name that is a number",
        ),
        pytest.param(
            policy({"podSelector": {"matchLabels": {"a": 1}}, "ingress": 5}),
            STRUCT.format("number", "LabelSelector.spec.podSelector.matchLabels", "string"),
            "spec.podSelector.matchLabels.a",
            id="the first of several, in the order of the document",
        ),
    ],
)
def test_a_policy_with_a_value_of_a_wrong_type(tree: Tree, error: str, path: str) -> None:
    refused = refusal(tree)
    assert str(refused) == f'NetworkPolicy in version "v1" cannot be handled as a NetworkPolicy: {error}'
    assert refused.path == path


@pytest.mark.parametrize(
    ("tree", "error", "path"),
    [
        pytest.param(
            pod(metadata={"labels": {"version": 1.10}}),
            STRUCT.format("number", "ObjectMeta.metadata.labels", "string"),
            "metadata.labels.version",
            id="a label of a pod",
        ),
        pytest.param(
            pod(spec={"containers": [{}, {"ports": [{"containerPort": "http"}]}]}),
            STRUCT.format("string", "ContainerPort.spec.containers.ports.containerPort", "int32"),
            "spec.containers[1].ports[0].containerPort",
            id="a container port that is a name",
        ),
        pytest.param(
            pod(spec={"hostNetwork": "true"}),
            STRUCT.format("string", "PodSpec.spec.hostNetwork", "bool"),
            "spec.hostNetwork",
            id="a boolean in quotes",
        ),
        pytest.param(
            pod(status={"phase": 1}),
            STRUCT.format("number", "PodStatus.status.phase", "v1.PodPhase"),
            "status.phase",
            id="a phase",
        ),
        pytest.param(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "spec": {"template": {"metadata": {"labels": {"a": True}}}},
            },
            STRUCT.format("bool", "ObjectMeta.spec.template.metadata.labels", "string"),
            "spec.template.metadata.labels.a",
            id="a label of a Deployment's pods",
        ),
        pytest.param(
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"template": []}},
            STRUCT.format("array", "StatefulSetSpec.spec.template", "v1.PodTemplateSpec"),
            "spec.template",
            id="a template",
        ),
        pytest.param(
            {"apiVersion": "batch/v1", "kind": "Job", "spec": 1},
            STRUCT.format("number", "Job.spec", "v1.JobSpec"),
            "spec",
            id="a spec",
        ),
        pytest.param(
            {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": 1}}}},
            STRUCT.format("number", "JobSpec.spec.jobTemplate.spec.template", "v1.PodTemplateSpec"),
            "spec.jobTemplate.spec.template",
            id="a template of a CronJob",
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"targetPort": 1.5}]}},
            STRUCT.format("number 1.5", "ServicePort.spec.ports.targetPort", "int32"),
            "spec.ports[0].targetPort",
            id="a targetPort",
        ),
        pytest.param(
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "endpoints": [{"addresses": "10.0.0.1"}]},
            STRUCT.format("string", "Endpoint.endpoints.addresses", "[]string"),
            "endpoints[0].addresses",
            id="addresses of an endpoint",
        ),
    ],
)
def test_other_objects_with_a_value_of_a_wrong_type(tree: Tree, error: str, path: str) -> None:
    kind, version = tree["kind"], tree["apiVersion"].rpartition("/")[2]
    refused = refusal(tree)
    assert str(refused) == f'{kind} in version "{version}" cannot be handled as a {kind}: {error}'
    assert refused.path == path


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


def test_a_message_for_an_old_version_names_it() -> None:
    tree = {"apiVersion": "extensions/v1beta1", "kind": "NetworkPolicy", "spec": 5}
    assert str(refusal(tree)).startswith('NetworkPolicy in version "v1beta1" cannot be handled as a NetworkPolicy: ')


def test_values_that_json_does_not_have() -> None:
    """A dict from Python may hold them; they are refused like any other wrong value."""
    for labels in ({1: "a"}, {"a": b"b"}, {"a": {1}}):
        with pytest.raises(DecodingError, match="cannot be handled as a Pod"):
            decode(pod(metadata={"labels": labels}))


@pytest.mark.parametrize(
    ("tree", "unknown"),
    [
        pytest.param(ingress(form=[]), ["spec.ingress[0].form"], id="a misspelt field"),
        pytest.param(
            policy({"ingress": [{"from": [{}, {"podSelector": {"app": "web"}}]}]}),
            ["spec.ingress[0].from[1].podSelector.app"],
            id="matchLabels forgotten",
        ),
        pytest.param(policy({"ingress": [{"to": []}]}), ["spec.ingress[0].to"], id="the other direction's peers"),
        pytest.param(policy({"podselector": {}}), ["spec.podselector"], id="another case"),
        pytest.param(
            policy({"zz": 1, "ingress": [{"b": 1, "a": 1}]}),
            ["spec.ingress[0].a", "spec.ingress[0].b", "spec.zz"],
            id="several are sorted",
        ),
        pytest.param({**policy({}), "state": {}, "items": []}, ["items", "state"], id="at the top"),
        pytest.param(policy({}, ownerReferences=[{"nam": "x"}]), ["metadata.ownerReferences[0].nam"], id="an owner"),
        pytest.param(policy({"ingress": [None, 5], "egress": {}, "podSelector": []}), [], id="wrong types are not"),
    ],
)
def test_fields_that_a_policy_does_not_have(tree: Tree, unknown: list[str]) -> None:
    assert [field.path for field in unknown_fields(tree)] == unknown


@pytest.mark.parametrize(
    ("tree", "nearest"),
    [
        pytest.param(ingress(form=[{"podSelector": {}}]), "from", id="two letters swapped"),
        pytest.param(policy({"podselector": {}}), "podSelector", id="another case"),
        pytest.param(ingress(port=[{"port": 80}]), "ports", id="the singular"),
        pytest.param(ingress(port=80), "", id="its value would be wrong"),
        pytest.param(ingress(port=[{"number": 80}]), "", id="a field in its value would be unknown"),
        pytest.param(ingress(form=[], **{"from": []}), "", id="that field is there already"),
        pytest.param(policy({"ingress": [{"to": []}]}), "", id="none is like it"),
        pytest.param(policy({}, lables={"a": "b"}), "labels", id="of the metadata"),
        pytest.param(policy({"gress": []}), "", id="two are like it"),
    ],
)
def test_the_field_that_was_meant(tree: Tree, nearest: str) -> None:
    (field,) = unknown_fields(tree)
    assert field.nearest == nearest
    assert field.path.endswith(field.name)


def test_a_policy_as_the_api_server_returns_it_has_no_unknown_field() -> None:
    metadata = {
        "annotations": {"any": "thing"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "deletionTimestamp": None,
        "finalizers": ["example.com/x"],
        "generateName": "a-",
        "generation": 3,
        "labels": {"any": "thing"},
        "managedFields": [
            {
                "apiVersion": "networking.k8s.io/v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:ingress": {}}},
                "manager": "kubectl",
                "operation": "Update",
                "subresource": "x",
                "time": "2026-01-01T00:00:00Z",
            }
        ],
        "namespace": "default",
        "ownerReferences": [
            {"apiVersion": "v1", "blockOwnerDeletion": True, "controller": True, "kind": "X", "name": "x", "uid": "u"}
        ],
        "resourceVersion": "1",
        "selfLink": "/x",
        "uid": "u",
    }
    assert unknown_fields(policy({"podSelector": {}, "policyTypes": ["Ingress"]}, **metadata)) == []


def test_only_policies_have_unknown_fields() -> None:
    assert unknown_fields(pod(spec={"hostnetwork": True})) == []


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


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2.0**31])
def test_a_number_beyond_32_bits_is_refused(number: float) -> None:
    assert f"cannot unmarshal number {number:.0f} into Go struct field" in str(
        refusal(ingress(ports=[{"endPort": number}]))
    )


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31), float(2**31 - 1)])
def test_the_last_number_of_32_bits_is_a_number(number: float) -> None:
    assert decoded(ingress(ports=[{"endPort": number}])).spec.ingress[0].ports[0].end_port == number


@pytest.mark.parametrize(
    ("number", "written"), [(5e20, "500000000000000000000"), (1e21, "1e+21"), (1.5, "1.5"), (1.5e-7, "1.5e-7")]
)
def test_a_number_is_written_as_go_writes_it(number: float, written: str) -> None:
    assert f"cannot unmarshal number {written} into" in str(refusal(ingress(ports=[{"endPort": number}])))
