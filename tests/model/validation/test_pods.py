"""Which pods the API server refuses: where, and in which words."""

import pytest
from tests.model.validation.written import errors_of

from ringfence.model.server_versions import OLDEST


def errors_of_container(container: str, pod: str = "") -> list[str]:
    return errors_of(f"{{apiVersion: v1, kind: Pod, spec: {{{pod} containers: [{container}]}}}}")


@pytest.mark.parametrize(
    ("ports", "errors"),
    [
        ("[{containerPort: 80, name: http}]", []),
        ("[{containerPort: 80}, {containerPort: 80}]", []),
        (
            '[{containerPort: 80, name: "80"}]',
            ['[0].name: Invalid value: "80": must contain at least one letter (a-z)'],
        ),
        ("[{containerPort: 80, name: a}, {containerPort: 81, name: a}]", ['[1].name: Duplicate value: "a"']),
        ("[{name: a}]", ["[0].containerPort: Required value"]),
        ("[{containerPort: -1}]", ["[0].containerPort: Invalid value: -1: must be between 1 and 65535, inclusive"]),
        (
            "[{containerPort: 80, protocol: tcp}]",
            ['[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'],
        ),
        (
            "[{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 80}]",
            ['[1].hostPort: Duplicate value: "TCP//80"'],
        ),
    ],
)
def test_ports(ports: str, errors: list[str]) -> None:
    assert errors_of_container(f"{{ports: {ports}}}") == [f"spec.containers[0].ports{error}" for error in errors]


def test_two_containers_may_name_their_ports_alike() -> None:
    container = "{ports: [{containerPort: 80, name: http}]}"
    assert errors_of_container(f"{container}, {container}") == []


def test_on_the_network_of_the_node_a_port_is_the_port_of_the_node() -> None:
    assert errors_of_container("{ports: [{containerPort: 80, hostPort: 81}]}", "hostNetwork: true,") == [
        "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"
    ]
    twice = "{ports: [{containerPort: 80}]}, {ports: [{containerPort: 80}]}"
    assert errors_of_container(twice, "hostNetwork: true,") == [
        'spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"'
    ]


def test_the_restart_policy_of_a_container_is_one_of_three() -> None:
    assert errors_of_container("{restartPolicy: OnFailure}") == []
    assert errors_of_container("{restartPolicy: Sometimes}") == [
        'spec.containers[0].restartPolicy: Unsupported value: "Sometimes": '
        'supported values: "Always", "Never", "OnFailure"'
    ]


def test_containers_have_a_restart_policy_since_1_35() -> None:
    written = "{apiVersion: v1, kind: Pod, spec: {containers: [{restartPolicy: Never}]}}"
    assert errors_of(written) == []
    assert errors_of(written, OLDEST) == [
        "spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers"
    ]


def test_a_pod_need_not_say_what_does_not_matter_for_its_connections() -> None:
    assert errors_of("{apiVersion: v1, kind: Pod}") == []


def test_names_and_labels() -> None:
    name, label = errors_of("{apiVersion: v1, kind: Pod, metadata: {name: Web, labels: {app: 'a b'}}}")
    assert name.startswith('metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain')
    assert label.startswith('metadata.labels: Invalid value: "a b": a valid label must be')
