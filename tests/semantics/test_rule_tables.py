"""The policies that count, the union of their rules, and the pods that a selector matches.

Source: the Kubernetes documentation of NetworkPolicy and the field descriptions of the API. Each row is checked with
the engine and with the naive evaluator.
"""

import pytest
from tests.semantics.claims import untrue
from tests.semantics.judges import Judge, both_judges
from tests.semantics.objects import (
    Object,
    admits,
    labelled,
    named,
    namespace,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
    term,
)
from tests.semantics.table import APP_CLIENT, APP_SERVER, PODS, WORLD, everybody, nobody, only, rows, with_ingress

CLOSED_IN = ["deny x/client -> x/server", "allow x/server -> x/client"]
CLOSED_OUT = ["allow x/client -> x/server", "deny x/server -> x/client"]
CLOSED = ["deny x/client -> x/server", "deny x/server -> x/client"]


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
    """A selector means the same as the subject, as the pods of a peer, and as the namespaces of a peer."""
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
