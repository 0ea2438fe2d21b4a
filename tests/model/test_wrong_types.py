"""Values of a wrong type, in the API server's own words."""

import pytest
from tests.model.decoded_trees import Tree, decoded, ingress, pod, policy, refusal

from ringfence.errors import DecodingError
from ringfence.model.decoding import decode

STRUCT = "json: cannot unmarshal {} into Go struct field {} of type {}"


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


def test_a_message_for_an_old_version_names_it() -> None:
    tree = {"apiVersion": "extensions/v1beta1", "kind": "NetworkPolicy", "spec": 5}
    assert str(refusal(tree)).startswith('NetworkPolicy in version "v1beta1" cannot be handled as a NetworkPolicy: ')


def test_values_that_json_does_not_have() -> None:
    """A dict from Python may hold them; they are refused like any other wrong value."""
    for labels in ({1: "a"}, {"a": b"b"}, {"a": {1}}):
        with pytest.raises(DecodingError, match="cannot be handled as a Pod"):
            decode(pod(metadata={"labels": labels}))


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
