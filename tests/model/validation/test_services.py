"""Which Services the API server refuses: where, and in which words."""

import pytest
from tests.model.validation.written import errors_of

from ringfence.model.server_versions import OLDEST


def errors_of_spec(spec: str) -> list[str]:
    return errors_of(f"{{apiVersion: v1, kind: Service, spec: {spec}}}")


@pytest.mark.parametrize(
    ("port", "errors"),
    [
        ("{port: 80}", []),
        ("{port: 80, targetPort: http}", []),
        ("{port: 80, targetPort: 0}", []),
        ('{port: 80, targetPort: ""}', []),
        (
            '{port: 80, targetPort: "8080"}',
            ['spec.ports[0].targetPort: Invalid value: "8080": must contain at least one letter (a-z)'],
        ),
        (
            "{port: 80, protocol: tcp}",
            ['spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'],
        ),
        (
            "{port: 0}",
            [
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        ("{port: 80, name: a.b}", ['spec.ports[0].name: Invalid value: "a.b": must not contain dots']),
    ],
)
def test_ports(port: str, errors: list[str]) -> None:
    assert errors_of_spec(f"{{ports: [{port}]}}") == errors


def test_several_ports_need_names_of_their_own() -> None:
    assert errors_of_spec("{ports: [{port: 80}, {port: 81}]}") == [
        "spec.ports[0].name: Required value",
        "spec.ports[1].name: Required value",
    ]
    assert errors_of_spec("{ports: [{port: 80, name: a}, {port: 81, name: a}]}") == [
        'spec.ports[1].name: Duplicate value: "a"'
    ]


def test_a_port_is_there_once_for_each_protocol() -> None:
    assert errors_of_spec("{ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]}") == []
    (error,) = errors_of_spec("{ports: [{port: 53, name: a}, {port: 53, name: b}]}")
    assert error.startswith('spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":53,')


@pytest.mark.parametrize("spec", ["{clusterIP: None}", "{type: ExternalName, externalName: example.com.}"])
def test_what_needs_no_ports(spec: str) -> None:
    assert errors_of_spec(spec) == []
    assert errors_of_spec("{}") == ["spec.ports: Required value"]


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (
            "{type: Clusterip, ports: [{port: 80}]}",
            'spec.type: Unsupported value: "Clusterip": supported values: '
            '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ),
        ("{type: ExternalName}", "spec.externalName: Required value"),
        (
            "{type: ExternalName, externalName: a.b, clusterIP: 10.0.0.1}",
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
        ),
        (
            "{type: NodePort, clusterIP: None, ports: [{port: 80}]}",
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
        ),
    ],
)
def test_types(spec: str, error: str) -> None:
    assert errors_of_spec(spec) == [error]


def test_addresses_that_cannot_be_given_out_hide_everything_else() -> None:
    assert errors_of_spec("{clusterIP: web, ports: [{port: 0}]}") == [
        'spec.clusterIPs[0]: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
    ]


def test_names_that_begin_with_a_digit_are_accepted_since_1_36() -> None:
    written = "{apiVersion: v1, kind: Service, metadata: {name: 1a}, spec: {ports: [{port: 80}]}}"
    assert errors_of(written) == []
    (error,) = errors_of(written, OLDEST)
    assert error.startswith('metadata.name: Invalid value: "1a": a DNS-1035 label must consist of')


def test_ambiguous_addresses_are_refused_since_1_36() -> None:
    written = "{apiVersion: v1, kind: Service, spec: {clusterIP: 10.0.0.01, ports: [{port: 80}]}}"
    assert errors_of(written) == ['spec.clusterIPs[0]: Invalid value: "10.0.0.01": must not have leading 0s']
    assert errors_of(written, OLDEST) == []
