"""What a NetworkPolicy means, row by row.

Sources: the Kubernetes documentation of NetworkPolicy, the field descriptions and the defaulting of the API, and the
API conventions about label selectors. Each row is put to the engine and to the naive evaluator.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.semantics.claims import untrue
from tests.semantics.judges import Judge, both_judges
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    named,
    namespace,
    namespaces,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
    term,
    workload,
)

PORTS = [container_port("http", 8080), container_port("dns", 53, "UDP")]
SERVER = pod("x/server", {"app": "server"}, ports=PORTS, addresses=["10.0.1.1", "fd00:1::1"], nodeName="here")
WORLD = [
    namespace("x", team="red"),
    namespace("y", team="blue"),
    node("here", "192.168.0.1", "fd09::1"),
    node("there", "192.168.0.2", "fd09::2"),
    SERVER,
    pod("x/client", {"app": "client"}, addresses=["10.0.1.2", "fd00:1::2"]),
    pod("x/other", {"app": "other"}, addresses=["10.0.1.3", "fd00:1::3"]),
    pod("y/client", {"app": "client"}, addresses=["10.0.2.2", "fd00:2::2"]),
    pod("y/other", {"app": "other"}, addresses=["10.0.2.3", "fd00:2::3"]),
    pod("z/client", {"app": "client"}, addresses=["10.0.3.2", "fd00:3::2"]),
]
"""Namespace z has no object of its own: folders of manifests often lack the namespaces that somebody else creates."""

PODS = ("x/client", "x/other", "y/client", "y/other", "z/client")
OUTSIDE = ("203.0.113.7", "2001:db8::7")
EVERYBODY = (*PODS, *OUTSIDE)
APP_SERVER = labelled(app="server")
APP_CLIENT = labelled(app="client")
CLOSED_IN = ["deny x/client -> x/server", "allow x/server -> x/client"]
CLOSED_OUT = ["allow x/client -> x/server", "deny x/server -> x/client"]
CLOSED = ["deny x/client -> x/server", "deny x/server -> x/client"]

Row = tuple[str, Any, Iterable[str]]
Test = Callable[..., None]


def rows(*table: Row) -> Callable[[Test], Test]:
    """A test of rows (what is said, what is written, what then holds), each put to both judges."""
    params = [pytest.param(written, list(claims), id=title) for title, written, claims in table]

    def decorate(test: Test) -> Test:
        return both_judges(pytest.mark.parametrize(("written", "claims"), params)(test))

    return decorate


def only(*sources: str, on: str = "") -> list[str]:
    """The claims that of everybody these sources, and no others, reach the server."""
    traffic = on and f" on {on}"
    return [f"{'allow' if source in sources else 'deny'} {source} -> x/server{traffic}" for source in EVERYBODY]


def everybody(on: str = "") -> list[str]:
    """The claims that all reach the server."""
    return only(*EVERYBODY, on=on)


def nobody(on: str = "") -> list[str]:
    """The claims that none reaches the server."""
    return only(on=on)


def with_ingress(*rules: Object) -> list[Object]:
    """The world, with a policy for the ingress of the server."""
    return [*WORLD, policy("x/in", APP_SERVER, ingress=list(rules))]


def with_egress(*rules: Object) -> list[Object]:
    """The world, with a policy for the egress of the client that is beside the server."""
    return [*WORLD, policy("x/out", APP_CLIENT, egress=list(rules))]


@rows(
    ("absent: about ingress", {}, CLOSED_IN),
    ("empty: about ingress", {"policyTypes": []}, CLOSED_IN),
    ("null: about ingress", {"policyTypes": None, "egress": None}, CLOSED_IN),
    ("absent, with an empty list of egress rules: about ingress", {"egress": []}, CLOSED_IN),
    (
        "absent, with an egress rule: about both",
        {"egress": [sends(pods(labelled(app="other")))]},
        [*CLOSED, "allow x/server -> x/other"],
    ),
    (
        "absent, with an egress rule that allows everything: about both",
        {"egress": [{}]},
        CLOSED_IN,
    ),
    ("Ingress: egress rules are out of force", {"policyTypes": ["Ingress"], "egress": [sends(pods({}))]}, CLOSED_IN),
    ("Egress: ingress rules are out of force", {"policyTypes": ["Egress"], "ingress": [admits(pods({}))]}, CLOSED_OUT),
    ("Egress without rules: all egress is denied", {"policyTypes": ["Egress"]}, CLOSED_OUT),
    ("in either order", {"policyTypes": ["Egress", "Ingress"]}, CLOSED),
    ("one of them twice", {"policyTypes": ["Ingress", "Ingress"]}, CLOSED_IN),
)
def test_policy_types(written: Object, claims: list[str], judge: Judge) -> None:
    meta = {"name": "p", "namespace": "x"}
    spec = {"podSelector": APP_SERVER, **written}
    given = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}
    assert untrue(claims, judge([*WORLD, given])) == []


@rows(
    ("absent", {}, nobody()),
    ("null", {"ingress": None}, nobody()),
    ("empty", {"ingress": []}, nobody()),
    ("an empty rule allows everything of every protocol", {"ingress": [{}]}, everybody()),
    ("a null rule is an empty one", {"ingress": [None]}, everybody()),
    (
        "several rules add up",
        {"ingress": [admits(pods(APP_CLIENT), ports=[port(80)]), admits(namespaces(named("y")), ports=[port(81)])]},
        [*only("x/client", on="TCP/80"), *only("y/client", "y/other", on="TCP/81")],
    ),
)
def test_the_list_of_rules(written: Object, claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge([*WORLD, policy("x/p", APP_SERVER, policyTypes=["Ingress"], **written)])) == []


@rows(
    ("neither", {}, everybody()),
    ("both empty", {"from": [], "ports": []}, everybody()),
    ("both null", {"from": None, "ports": None}, everybody()),
    (
        "ports only: any peer",
        {"ports": [port(80)]},
        [*everybody("TCP/80"), *nobody("UDP/80"), *nobody("other")],
    ),
    ("peers only: all traffic", {"from": [pods(APP_CLIENT)]}, only("x/client")),
    ("both", admits(pods(APP_CLIENT), ports=[port(80)]), [*only("x/client", on="TCP/80"), *nobody("TCP/81")]),
)
def test_a_rule(written: Object, claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_ingress(written))) == []


@rows(
    ("empty podSelector: every pod of the own namespace", pods({}), only("x/client", "x/other")),
    ("podSelector: those of the own namespace that match", pods(APP_CLIENT), only("x/client")),
    ("empty namespaceSelector: every pod of every namespace", namespaces({}), only(*PODS)),
    (
        "namespaceSelector: every pod of those that match",
        namespaces(labelled(team="blue")),
        only("y/client", "y/other"),
    ),
    ("both empty: every pod of every namespace", namespaces({}, {}), only(*PODS)),
    ("any namespace", namespaces({}, APP_CLIENT), only("x/client", "y/client", "z/client")),
    ("any pod", namespaces(labelled(team="blue"), {}), only("y/client", "y/other")),
    (
        "both: the pods that match in the namespaces that match",
        namespaces(labelled(team="blue"), APP_CLIENT),
        only("y/client"),
    ),
    ("a null namespaceSelector is none", {"namespaceSelector": None, "podSelector": {}}, only("x/client", "x/other")),
    ("a null podSelector is none", {"namespaceSelector": named("y"), "podSelector": None}, only("y/client", "y/other")),
    ("a namespace by its name", namespaces(named("y")), only("y/client", "y/other")),
    ("a namespace that no object defines has its name as a label", namespaces(named("z")), only("z/client")),
    ("and no other label", namespaces(term("team", "DoesNotExist")), only("z/client")),
    ("the name is no label of any other key", namespaces(labelled(name="y")), nobody()),
)
def test_a_peer(written: Object, claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_ingress(admits(written)))) == []


@rows(
    (
        "one item: both must match",
        [namespaces(labelled(team="blue"), APP_CLIENT)],
        only("y/client"),
    ),
    (
        "two items: either is enough, and the podSelector is about the own namespace",
        [namespaces(labelled(team="blue")), pods(APP_CLIENT)],
        only("x/client", "y/client", "y/other"),
    ),
)
def test_one_dash_more(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_ingress(admits(*written)))) == []


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


LABELS: list[tuple[Object, dict[str, bool]]] = [
    (labelled(k="v"), {"absent": False, "v": True, "w": False, "": False}),
    (labelled(k=""), {"absent": False, "v": False, "": True}),
    (term("k", "In", "v", "w"), {"absent": False, "v": True, "w": True, "u": False}),
    (term("k", "In", ""), {"absent": False, "": True, "v": False}),
    (term("k", "NotIn", "v"), {"absent": True, "v": False, "w": True, "": True}),
    (term("k", "Exists"), {"absent": False, "v": True, "": True}),
    (term("k", "DoesNotExist"), {"absent": True, "v": False, "": False}),
    ({}, {"absent": True, "v": True}),
    ({"matchLabels": {}, "matchExpressions": []}, {"absent": True, "v": True}),
    ({"matchLabels": None, "matchExpressions": None}, {"absent": True, "v": True}),
    (labelled(k="v") | term("k", "NotIn", "v"), {"absent": False, "v": False, "w": False}),
    (labelled(k="v", j="1"), {"absent": False, "v": False}),
    (term("K", "Exists"), {"v": False}),
]


@both_judges
@pytest.mark.parametrize(("selector", "matches"), LABELS, ids=lambda value: str(value))
def test_what_a_selector_matches(selector: Object, matches: dict[str, bool], judge: Judge) -> None:
    """As the subject, as the pods of a peer, and as the namespaces of a peer: one meaning in all three places."""
    for value, match in matches.items():
        labels = {} if value == "absent" else {"k": value}
        server, guest = pod("x/server", labels), pod("n/guest", labels)
        subject = judge([server, guest, policy("x/p", selector, ingress=[])])
        assert subject("n/guest", "x/server", "TCP", 80) is not match
        by_pod = judge([server, guest, policy("x/p", {}, ingress=[admits(namespaces({}, selector))])])
        assert by_pod("n/guest", "x/server", "TCP", 80) is match
        by_namespace = judge(
            [server, guest, namespace("n", **labels), policy("x/p", {}, ingress=[admits(namespaces(selector))])]
        )
        assert by_namespace("n/guest", "x/server", "TCP", 80) is match


@rows(
    ("one pod's address", [block("10.0.2.2/32"), block("fd00:2::2/128")], only("y/client")),
    (
        "all but one pod's",
        [block("10.0.0.0/8", "10.0.2.2/32"), block("fd00::/8", "fd00:2::2/128")],
        only("x/client", "x/other", "y/other", "z/client"),
    ),
    ("one family does not stand for the other", [block("0.0.0.0/0")], only("203.0.113.7")),
    ("both families: everybody", [block("0.0.0.0/0"), block("::/0")], everybody()),
    (
        "what one block excepts another may allow",
        [block("203.0.113.0/24", "203.0.113.0/28"), block("203.0.113.7/32")],
        only("203.0.113.7"),
    ),
    ("within an exception", [block("203.0.113.0/24", "203.0.113.0/28")], nobody()),
    ("beside an exception", [block("203.0.113.0/24", "203.0.113.16/28")], only("203.0.113.7")),
    ("exceptions may overlap", [block("203.0.113.0/24", "203.0.113.0/28", "203.0.113.0/30")], nobody()),
)
def test_blocks(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_ingress(admits(*written)))) == []


@rows(
    (
        "selectors match no address outside the cluster",
        [sends(namespaces({}))],
        ["deny x/client -> 203.0.113.7", "deny x/client -> 2001:db8::7", "allow x/client -> x/server"],
    ),
    (
        "a block of addresses outside",
        [sends(block("203.0.113.0/24"), ports=[port(443)])],
        [
            "allow x/client -> 203.0.113.7 on TCP/443",
            "deny x/client -> 203.0.113.7 on TCP/80",
            "deny x/client -> 203.0.114.7 on TCP/443",
        ],
    ),
    (
        "an address outside names no ports",
        [sends(block("0.0.0.0/0"), block("::/0"), ports=[port("http")])],
        ["deny x/client -> 203.0.113.7 on TCP/8080", "allow x/client -> x/server on TCP/8080"],
    ),
    (
        "nothing outside is in force for an end outside",
        [{}],
        ["allow x/client -> 203.0.113.7", "allow 203.0.113.7 -> x/client"],
    ),
)
def test_egress_to_outside(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_egress(*written))) == []


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


HOST_PINNED = workload("infra/pinned", "Deployment", pod("infra/any", hostNetwork=True, nodeName="here"))
DENY_ALL = [policy("x/deny-all", ingress=[], egress=[])]
HOST_HERE = pod("infra/agent", {"app": "client"}, hostNetwork=True, nodeName="here")
HOST_THERE = pod("infra/elsewhere", {"app": "client"}, hostNetwork=True, nodeName="there")


@rows(
    ("a pod reaches itself", DENY_ALL, ["allow x/server -> x/server"]),
    ("its node reaches a pod", DENY_ALL, ["allow 192.168.0.1 -> x/server", "allow fd09::1 -> x/server"]),
    ("another node does not", DENY_ALL, ["deny 192.168.0.2 -> x/server", "deny fd09::2 -> x/server"]),
    ("a pod does not reach its node", DENY_ALL, ["deny x/server -> 192.168.0.1"]),
    ("a pod on the network of its node is that node", [*DENY_ALL, HOST_HERE], ["allow infra/agent -> x/server"]),
    ("and on that of another node it is not", [*DENY_ALL, HOST_THERE], ["deny infra/elsewhere -> x/server"]),
    (
        "so is one of a workload that is bound to that node",
        [*DENY_ALL, HOST_PINNED, policy("x/out", egress=[sends(block("192.168.0.1/32"), block("fd09::1/128"))])],
        ["allow infra/pinned -> x/server", "allow x/client -> infra/pinned"],
    ),
    (
        "a pod on its node's network is never a subject",
        [HOST_HERE, policy("infra/deny-all", ingress=[], egress=[])],
        ["allow x/client -> infra/agent", "allow infra/agent -> x/client"],
    ),
    (
        "no selector matches a pod on its node's network",
        [HOST_THERE, policy("x/in", APP_SERVER, ingress=[admits(namespaces({}))])],
        ["deny infra/elsewhere -> x/server", "allow y/client -> x/server"],
    ),
    (
        "its node's address does",
        [HOST_THERE, policy("x/in", ingress=[admits(block("192.168.0.2/32"), block("fd09::2/128"))])],
        ["allow infra/elsewhere -> x/server", "deny y/client -> x/server"],
    ),
)
def test_what_is_always_allowed(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge([*WORLD, *written])) == []


@rows(
    (
        "egress is not enough",
        [policy("x/out", APP_CLIENT, egress=[sends(pods(APP_SERVER))]), policy("x/in", APP_SERVER, ingress=[])],
        ["deny x/client -> x/server"],
    ),
    (
        "ingress is not enough",
        [policy("x/out", APP_CLIENT, egress=[]), policy("x/in", APP_SERVER, ingress=[admits(pods(APP_CLIENT))])],
        ["deny x/client -> x/server"],
    ),
    (
        "only the traffic that both allow",
        [
            policy("x/out", APP_CLIENT, egress=[sends(ports=[port(80, to=90)])]),
            policy("x/in", APP_SERVER, ingress=[admits(ports=[port(85, to=95)])]),
        ],
        [
            "deny x/client -> x/server on TCP/84",
            "allow x/client -> x/server on TCP/85",
            "allow x/client -> x/server on TCP/90",
            "deny x/client -> x/server on TCP/91",
        ],
    ),
    ("a policy is about the pods of its own namespace", [policy("y/deny", {}, ingress=[])], everybody()),
    (
        "policies add up, whatever their order",
        [policy("x/b", ingress=[]), policy("x/a", APP_SERVER, ingress=[{}]), policy("x/c", ingress=[])],
        everybody(),
    ),
    (
        "a policy that selects no pod isolates none",
        [policy("x/p", labelled(app="no-such"), ingress=[])],
        everybody(),
    ),
    (
        "a policy for egress says nothing about ingress",
        [policy("x/p", APP_SERVER, egress=[])],
        [*everybody(), "deny x/server -> x/client"],
    ),
)
def test_policies_together(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge([*WORLD, *written])) == []


NOWHERE = pod("y/nowhere")


@rows(
    ("a block of a whole family", [block("0.0.0.0/0"), block("::/0")], ["allow y/nowhere -> x/server"]),
    (
        "less some that may be elsewhere",
        [block("0.0.0.0/0", "10.0.0.0/8"), block("::/0", "fd00::/8")],
        ["allow y/nowhere -> x/server"],
    ),
    (
        "but not less everything",
        [block("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"), block("::/0", "::/1", "8000::/1")],
        ["deny y/nowhere -> x/server"],
    ),
    ("a block of most of the addresses", [block("0.0.0.0/1"), block("128.0.0.0/1")], ["deny y/nowhere -> x/server"]),
)
def test_a_pod_without_an_address(written: list[Object], claims: list[str], judge: Judge) -> None:
    """Who reads manifests does not know where a pod will be: only a block of everything is sure to have it."""
    assert untrue(claims, judge([*with_ingress(admits(*written)), NOWHERE])) == []


@rows(
    ("before it ends", "Running", ["allow y/job -> x/server"]),
    ("while it waits", "Pending", ["allow y/job -> x/server"]),
)
def test_a_pod_counts_until_it_ends(written: str, claims: list[str], judge: Judge) -> None:
    job = pod("y/job", phase=written)
    assert untrue(claims, judge([*with_ingress(admits(namespaces({}))), job])) == []


@both_judges
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_the_address_of_a_pod_that_has_ended_is_another_ones(phase: str, judge: Judge) -> None:
    ended = pod("x/ended", {"app": "client"}, addresses=["203.0.113.7"], phase=phase)
    claims = ["deny 203.0.113.7 -> x/server", "allow x/client -> x/server"]
    assert untrue(claims, judge([*with_ingress(admits(pods(APP_CLIENT))), ended])) == []


FOUR, SIX = pod("x/four", addresses=["10.0.1.4"]), pod("x/six", addresses=["fd00:1::6"])
TWO = pod("x/two-families", addresses=["10.0.1.5", "fd00:1::5"])


@rows(
    ("two families in common", [], ["allow x/two-families -> x/server"]),
    ("one family in common", [], ["allow x/four -> x/two-families", "allow x/two-families -> x/six"]),
    ("no family in common", [], ["deny x/four -> x/six", "deny x/six -> x/four"]),
    (
        "every family in common must say yes",
        [policy("x/in", APP_SERVER, ingress=[admits(block("10.0.0.0/8"))])],
        ["allow x/four -> x/server", "deny x/six -> x/server", "deny x/two-families -> x/server"],
    ),
)
def test_pods_of_several_addresses(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge([*WORLD, FOUR, SIX, TWO, *written])) == []
