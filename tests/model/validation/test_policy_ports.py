"""Every check that the API server makes of a port of a NetworkPolicy."""

import pytest
from hypothesis import given
from tests.model.policy_trees import Tree, policy_of, ports, written
from tests.model.validation.network_policy_errors import at, errors_of

from ringfence.model.validation import network_policy_errors
from ringfence.sets.traffic import PROTOCOLS


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize(
    ("port", "complaints"),
    [
        ("{protocol: TCP}", []),
        ("{protocol: SCTP, port: 1}", []),
        ("{port: 65535}", []),
        ("{port: http}", []),
        ("{port: a-1}", []),
        ("{port: fifteen-letters}", []),
        ("{port: 90, endPort: 90}", []),
        ("{}", []),
        ("{protocol: tcp}", ['protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP"']),
        ("{protocol: ICMP}", ['protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"']),
        ('{protocol: ""}', ['protocol: Unsupported value: "": supported values: "TCP", "UDP", "SCTP"']),
        ("{protocol: <é>}", [r'protocol: Unsupported value: "\u003cé\u003e": supported values: "TCP", "UDP", "SCTP"']),
        ("{port: 0}", ["port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        ("{port: -1}", ["port: Invalid value: -1: must be between 1 and 65535, inclusive"]),
        ("{port: 65536}", ["port: Invalid value: 65536: must be between 1 and 65535, inclusive"]),
        (
            "{port: a-very-long-port-name}",
            ['port: Invalid value: "a-very-long-port-name": must be no more than 15 characters'],
        ),
        (
            "{port: my_port}",
            ['port: Invalid value: "my_port": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'],
        ),
        (
            "{port: HTTP}",
            [
                'port: Invalid value: "HTTP": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
                'port: Invalid value: "HTTP": must contain at least one letter (a-z)',
            ],
        ),
        (
            '{port: ""}',
            [
                'port: Invalid value: "": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
                'port: Invalid value: "": must contain at least one letter (a-z)',
            ],
        ),
        ('{port: "80"}', ['port: Invalid value: "80": must contain at least one letter (a-z)']),
        ("{port: 8080-8090}", ['port: Invalid value: "8080-8090": must contain at least one letter (a-z)']),
        ("{port: a--b}", ['port: Invalid value: "a--b": must not contain consecutive hyphens']),
        ("{port: -a-}", ['port: Invalid value: "-a-": must not begin or end with a hyphen']),
        ("{port: 90, endPort: 80}", ["endPort: Invalid value: 80: must be greater than or equal to `port`"]),
        ("{port: 90, endPort: 70000}", ["endPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        (
            "{port: 90, endPort: 0}",
            [
                "endPort: Invalid value: 0: must be greater than or equal to `port`",
                "endPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        ("{port: 0, endPort: 90}", ["port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        ("{port: http, endPort: 90}", ["endPort: Invalid value: 90: may not be specified when `port` is non-numeric"]),
        ("{endPort: 90}", ["endPort: Invalid value: 90: may not be specified when `port` is not specified"]),
        (
            '{protocol: udp, port: "80", endPort: 90}',
            [
                'protocol: Unsupported value: "udp": supported values: "TCP", "UDP", "SCTP"',
                "endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
                'port: Invalid value: "80": must contain at least one letter (a-z)',
            ],
        ),
    ],
)
def test_ports(port: str, complaints: list[str], direction: str) -> None:
    policy = written(f"{direction}: [{{ports: [{port}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].ports[0]", complaints)


@given(ports)
def test_a_port_without_errors_has_a_meaning(tree: Tree) -> None:
    policy = policy_of({"ingress": [{"ports": [tree]}]})
    if not network_policy_errors(policy):
        [port] = policy.spec.ingress[0].ports
        assert port.protocol in PROTOCOLS
        if isinstance(port.port, int):
            assert 1 <= port.port <= (port.end_port or port.port) <= 65535
        else:
            assert port.end_port is None
            assert port.port != ""
