"""The text of answers about addresses: the targets of rewritten addresses, and the family that denies."""

import json

from tests.analysis.endpoints.test_targets_by_address import CLIENT, IN_WEB, NODE_PORT
from tests.analysis.endpoints.test_translations import NODES, WEB, balanced
from tests.semantics.judges import cluster_of
from tests.semantics.objects import admits, block, policy

from ringfence.render.answers import answer_json, explanation, short_answer

OVER_IPV4 = policy("x/four", IN_WEB, ingress=[admits(block("0.0.0.0/0"))])
AT_NODES = balanced(type="NodePort", ports=[NODE_PORT])


def test_an_explanation_says_where_a_port_of_a_node_leads() -> None:
    verdict = cluster_of([WEB, CLIENT, *NODES, AT_NODES]).can("x/client", "192.168.0.1", port=30080)
    assert explanation(verdict).splitlines()[:2] == [
        "yes: x/client -> 192.168.0.1 on TCP 30080",
        "  the node port 30080 of x/Service/web at 192.168.0.1 leads to x/web on TCP 8080",
    ]
    (pair,) = json.loads(answer_json(verdict))["pairs"]
    assert (pair["destination"]["name"], pair["port"]) == ("web", 8080)


def test_an_answer_says_which_address_family_alone_denies() -> None:
    cluster = cluster_of([WEB, CLIENT, OVER_IPV4])
    assert short_answer(cluster.can("x/client", "x/web", port=80)).splitlines() == [
        "no: x/client -> x/web on TCP 80",
        "  denied over IPv6, though not over the other family",
    ]
    assert short_answer(cluster.can("x/client", "fd00::1", port=80)) == "no: x/client -> fd00::1 on TCP 80"
