"""A list names what it assumes about addresses outside the cluster, as the answers about single addresses do."""

from collections.abc import Iterable
from ipaddress import ip_network

import pytest
from tests.engine.members import state_of
from tests.semantics.objects import Object, node, pod, policy

from ringfence.engine.answers import outside_assumptions
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

POD = pod("x/a")
NAMES = "the addresses that example.com resolve to are not known: they are assumed not to contain any address"
NODES = "no Node object is in the input: any address is assumed not to be an address of a node"
CLOSED = policy("x/closed", egress=[])
OUTSIDE = Addresses.of(ip_network("203.0.113.0/24"))
HTTPS = Traffic.of("TCP", [(443, 443)])


def admin(name: str, *rules: tuple[str, Object], ports: Iterable[int] = ()) -> Object:
    protocols = [{"tcp": {"destinationPort": {"number": number}}} for number in ports]
    egress = [
        {"action": action, "to": [peer], **({"protocols": protocols} if protocols else {})} for action, peer in rules
    ]
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "egress": egress},
    }


TO_NAME: Object = {"domainNames": ["example.com"]}
TO_NODES: Object = {"nodes": {}}
EVERYTHING: Object = {"networks": ["0.0.0.0/0", "::/0"]}


def assumed(*objects: Object, outside: Addresses = ALL_ADDRESSES, asked: Traffic = ALL_TRAFFIC) -> list[str]:
    state = state_of(objects)
    return list(dict.fromkeys(outside_assumptions(state, state.members(), outside, asked)))


def test_the_addresses_of_domain_names_are_not_known() -> None:
    assert assumed(POD, admin("p", ("Accept", TO_NAME), ("Deny", EVERYTHING))) == [NAMES]


@pytest.mark.parametrize("policies", [[], [CLOSED]])
def test_a_name_that_is_accepted_matters_only_where_something_else_denies(policies: list[Object]) -> None:
    assert assumed(POD, admin("p", ("Accept", TO_NAME)), *policies) == [NAMES] * bool(policies)


def test_the_addresses_of_nodes_are_not_known_without_a_node() -> None:
    denied = admin("p", ("Deny", TO_NODES))
    assert assumed(POD, denied) == [NODES]
    assert assumed(POD, denied, node("one", "192.168.0.1")) == []


def test_an_assumption_about_other_ports_than_the_list_is_left_out() -> None:
    rules = ("Accept", TO_NAME), ("Deny", EVERYTHING)
    found = [assumed(POD, admin("p", *rules, ports=[port]), asked=HTTPS) for port in (443, 80)]
    assert found == [[NAMES], []]


def test_the_addresses_of_the_list_are_named() -> None:
    policies = admin("p", ("Accept", TO_NAME), ("Deny", EVERYTHING))
    (text,) = assumed(POD, policies, outside=OUTSIDE)
    assert text == NAMES.replace("any address", "203.0.113.0/24")
    assert assumed(POD, policies, outside=NO_ADDRESSES) == []


def test_a_pod_that_no_such_policy_selects_assumes_nothing() -> None:
    elsewhere = admin("p", ("Accept", TO_NAME), ("Deny", EVERYTHING))
    elsewhere["spec"]["subject"] = {"namespaces": {"matchLabels": {"team": "other"}}}
    assert assumed(POD, elsewhere) == []
    host = pod("x/host", hostNetwork=True)
    assert assumed(host, admin("p", ("Accept", TO_NAME), ("Deny", EVERYTHING))) == []
