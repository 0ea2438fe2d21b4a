"""What an API server with the definitions of the administrators' policies refuses, with the path of the field."""

from typing import Any

import pytest

from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS
from ringfence.model.server_versions import NEWEST

EVERYWHERE: Any = {"namespaces": {}}
GROUP = "policy.networking.k8s.io"


def errors(kind: str, version: str, spec: Any, name: str = "default") -> list[str]:
    found = decode({"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec})
    assert found is not None
    return [str(error) for error in KINDS.of(found).validate(found, NEWEST)]


def cluster(**spec: Any) -> list[str]:
    return errors("ClusterNetworkPolicy", "v1alpha2", {"tier": "Admin", "priority": 1, "subject": EVERYWHERE, **spec})


def admin(**spec: Any) -> list[str]:
    return errors("AdminNetworkPolicy", "v1alpha1", {"priority": 1, "subject": EVERYWHERE, **spec})


def rule(**fields: Any) -> list[Any]:
    return [{"action": "Deny", "to": [EVERYWHERE], **fields}]


def test_what_is_valid() -> None:
    assert cluster(ingress=[{"action": "Pass", "from": [EVERYWHERE]}]) == []
    assert cluster(egress=rule(protocols=[{"tcp": {"destinationPort": {"range": {"start": 1, "end": 2}}}}])) == []
    assert admin(egress=rule(ports=[{"portRange": {"start": 5, "end": 5}}])) == []
    assert errors("BaselineAdminNetworkPolicy", "v1alpha1", {"subject": EVERYWHERE}) == []


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"tier": ""}, "spec.tier: Required value"),
        ({"tier": "admin"}, 'spec.tier: Unsupported value: "admin": supported values: "Admin", "Baseline"'),
        ({"priority": None}, "spec.priority: Required value"),
        (
            {"priority": 1001},
            "spec.priority: Invalid value: 1001: spec.priority in body should be less than or equal to 1000",
        ),
        (
            {"subject": {}},
            "spec.subject: Invalid value: 0: spec.subject in body should have at least 1 properties",
        ),
        ({"subject": {"pods": {}}}, "spec.subject.pods.podSelector: Required value"),
        ({"egress": rule() * 26}, "spec.egress: Too many: 26: must have at most 25 items"),
        ({"egress": rule(action="Allow")}, 'spec.egress[0].action: Unsupported value: "Allow": supported values: '
         '"Accept", "Deny", "Pass"'),
        ({"egress": rule(to=[])}, "spec.egress[0].to: Required value"),
        (
            {"egress": rule(to=[{"networks": ["foo"]}])},
            'spec.egress[0].to[0].networks[0]: Invalid value: "foo": Invalid CIDR format provided',
        ),
        (
            {"egress": rule(protocols=[{"tcp": {"destinationPort": {"range": {"start": 2, "end": 2}}}}])},
            "spec.egress[0].protocols[0].tcp.destinationPort.range: Invalid value: "
            "Start port must be less than End port",
        ),
        (
            {"egress": rule(protocols=[{"udp": {"destinationPort": {"number": 0}}}])},
            "spec.egress[0].protocols[0].udp.destinationPort.number: Invalid value: 0: "
            "spec.egress[0].protocols[0].udp.destinationPort.number in body should be greater than or equal to 1",
        ),
        (
            {"ingress": [{"action": "Deny", "from": [{"pods": {"podSelector": {"matchExpressions": [
                {"key": "a", "operator": "in", "values": ["b"]}]}}}]}]},
            'spec.ingress[0].from[0].pods.podSelector.matchExpressions[0].operator: Invalid value: "in": '
            "not a valid selector operator (API servers accept this, but nobody can evaluate it)",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(spec: Any, error: str) -> None:
    assert cluster(**spec) == [error]


def test_the_older_kinds_have_other_limits_and_actions() -> None:
    assert admin(egress=rule() * 100) == []
    assert admin(egress=rule() * 101) == ["spec.egress: Too many: 101: must have at most 100 items"]
    assert admin(egress=rule(action="Accept")) == [
        'spec.egress[0].action: Unsupported value: "Accept": supported values: "Allow", "Deny", "Pass"'
    ]


def test_a_cluster_has_one_baseline_policy() -> None:
    (error,) = errors("BaselineAdminNetworkPolicy", "v1alpha1", {"subject": EVERYWHERE}, name="other")
    assert "Only one baseline admin network policy" in error


@pytest.mark.parametrize(
    ("peer", "errors", "warnings"),
    [
        pytest.param({"nodes": {}}, 1, 0, id="only the experimental channel has nodes, and refuses it"),
        pytest.param({"domainNames": ["a.b"]}, 1, 0, id="and names"),
        pytest.param({"networks": ["::/0"]}, 0, 1, id="the standard channel has networks, and accepts it"),
        pytest.param(EVERYWHERE, 0, 0, id="pods have named ports"),
    ],
)
def test_named_ports_are_for_pods(peer: Any, errors: int, warnings: int) -> None:
    spec = {"tier": "Admin", "priority": 1, "subject": EVERYWHERE}
    egress = rule(to=[EVERYWHERE, peer], protocols=[{"destinationNamedPort": "http"}])
    found = decode(
        {
            "apiVersion": f"{GROUP}/v1alpha2",
            "kind": "ClusterNetworkPolicy",
            "metadata": {"name": "x"},
            "spec": {**spec, "egress": egress},
        }
    )
    assert found is not None
    kind = KINDS.of(found)
    assert (len(kind.validate(found, NEWEST)), len(kind.warnings(found))) == (errors, warnings)


def test_the_older_kinds_have_named_ports_in_the_experimental_channel_only() -> None:
    (error,) = admin(egress=rule(to=[{"networks": ["::/0"]}], ports=[{"namedPort": "http"}]))
    assert "networks/nodes/domainNames peer cannot be set with namedPorts" in error
