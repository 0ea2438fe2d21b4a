"""The traffic that the ports of a rule allow: numbers, ranges, names and protocols.

Source: the Kubernetes documentation of NetworkPolicy and the field descriptions of the API. Each row is checked with
the engine and with the naive evaluator.
"""

import pytest
from tests.semantics.claims import untrue
from tests.semantics.judges import Judge, both_judges
from tests.semantics.objects import Object, admits, container_port, pod, pods, port, sends
from tests.semantics.table import APP_CLIENT, everybody, nobody, only, rows, with_egress, with_ingress


@rows(
    ("an empty entry is all of TCP", {}, [*everybody("TCP/1"), *nobody("UDP/53"), *nobody("other")]),
    ("a null entry is all of TCP", None, [*everybody("TCP/65535"), *nobody("SCTP/9")]),
    ("a protocol", {"protocol": "UDP"}, [*everybody("UDP/7"), *nobody("TCP/7"), *nobody("other")]),
    ("a number", {"port": 80}, [*everybody("TCP/80"), *nobody("TCP/81"), *nobody("UDP/80")]),
    (
        "a number of a protocol",
        {"protocol": "SCTP", "port": 80},
        [*everybody("SCTP/80"), *nobody("TCP/80")],
    ),
    (
        "a range, with both its ends",
        {"protocol": "TCP", "port": 100, "endPort": 200},
        [*everybody("TCP/100"), *everybody("TCP/200"), *nobody("TCP/99"), *nobody("TCP/201")],
    ),
    (
        "a range of one",
        {"port": 100, "endPort": 100},
        [*everybody("TCP/100"), *nobody("TCP/101")],
    ),
    ("a name", {"port": "http"}, [*everybody("TCP/8080"), *nobody("TCP/80")]),
    ("a name under another protocol", {"protocol": "TCP", "port": "dns"}, [*nobody("TCP/53"), *nobody("UDP/53")]),
    (
        "a name and its protocol",
        {"protocol": "UDP", "port": "dns"},
        [*everybody("UDP/53"), *nobody("TCP/53")],
    ),
    ("a name that the pod does not have", {"port": "metrics"}, nobody()),
)
def test_a_port(written: Object | None, claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_ingress({"ports": [written]}))) == []


@both_judges
def test_the_ports_of_a_rule_add_up(judge: Judge) -> None:
    written = with_ingress(admits(ports=[port(80), {"protocol": "UDP"}]))
    claims = [*everybody("TCP/80"), *everybody("UDP/99"), *nobody("TCP/99"), *nobody("SCTP/80")]
    assert untrue(claims, judge(written)) == []


@both_judges
def test_naming_every_protocol_does_not_allow_the_others(judge: Judge) -> None:
    every = [{"protocol": protocol, "port": 1, "endPort": 65535} for protocol in ("TCP", "UDP", "SCTP")]
    claims = [*everybody("TCP/9"), *everybody("UDP/9"), *nobody("other")]
    assert untrue(claims, judge(with_ingress({"ports": every}))) == []


ALTERNATIVE = pod("y/alternative", {"app": "alternative"}, ports=[container_port("http", 9090)])
NAMELESS = pod("y/nameless", {"app": "nameless"}, ports=[{"containerPort": 8080}])
WRONG_PROTOCOL = pod("y/datagrams", {"app": "datagrams"}, ports=[container_port("http", 8080, "UDP")])
TWO_CONTAINERS = pod(
    "y/two",
    containers=[
        {"name": "one", "ports": [container_port("http", 8001)]},
        {"name": "two", "ports": [container_port("http", 8002)]},
    ],
)
WITH_SIDECAR = pod(
    "y/sidecar",
    initContainers=[
        {"name": "proxy", "restartPolicy": "Always", "ports": [container_port("http", 8003)]},
        {"name": "migrate", "ports": [container_port("http", 8004)]},
    ],
)


@both_judges
@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(["allow x/client -> x/server on TCP/8080", "deny x/client -> x/server on TCP/9090"], id="one pod"),
        pytest.param(
            ["allow x/client -> y/alternative on TCP/9090", "deny x/client -> y/alternative on TCP/8080"],
            id="another pod has another number",
        ),
        pytest.param(["deny x/client -> y/nameless on TCP/8080"], id="a port without a name"),
        pytest.param(
            ["deny x/client -> y/datagrams on TCP/8080", "deny x/client -> y/datagrams on UDP/8080"],
            id="the name belongs to another protocol",
        ),
        pytest.param(
            ["allow x/client -> y/two on TCP/8001", "allow x/client -> y/two on TCP/8002"], id="every container counts"
        ),
        pytest.param(
            ["allow x/client -> y/sidecar on TCP/8003", "deny x/client -> y/sidecar on TCP/8004"],
            id="an init container counts if it keeps running",
        ),
    ],
)
def test_a_named_port_is_looked_up_at_the_destination(claims: list[str], judge: Judge) -> None:
    more = [ALTERNATIVE, NAMELESS, WRONG_PROTOCOL, TWO_CONTAINERS, WITH_SIDECAR]
    assert untrue(claims, judge([*with_egress(sends(ports=[port("http")])), *more])) == []


@both_judges
def test_an_undeclared_port_is_as_good_as_a_declared_one(judge: Judge) -> None:
    assert (
        untrue(only("x/client", on="TCP/12345"), judge(with_ingress(admits(pods(APP_CLIENT), ports=[port(12345)]))))
        == []
    )
