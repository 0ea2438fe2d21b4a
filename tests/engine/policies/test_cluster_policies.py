"""Compiling policies of administrators: whom they select, and what their rules mean."""

from typing import Any

import pytest
from tests.semantics.objects import Object

from ringfence.engine.policies import Action, CompiledPolicy, compile_cluster_policy
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.decoding import decode
from ringfence.model.policies import Direction
from ringfence.model.selectors import Selector
from ringfence.sets.addresses import NO_ADDRESSES, Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

EVERYWHERE: Object = {"namespaces": {}}
NODE = Addresses.in_family(Family.IPV4, ((1, 1),))


def cluster_policy(kind: str = "ClusterNetworkPolicy", version: str = "v1alpha2", **spec: Any) -> ClusterPolicy:
    written = {
        "apiVersion": f"policy.networking.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": "p"},
        "spec": {"tier": "Admin", "priority": 7, "subject": EVERYWHERE, **spec},
    }
    decoded = decode(written)
    assert decoded is not None
    return decoded  # type: ignore[return-value]


def addresses_of_nodes(selector: Selector) -> Addresses:
    return NODE if selector.matches({"role": "edge"}) else NO_ADDRESSES


def compiled(
    kind: str = "ClusterNetworkPolicy", version: str = "v1alpha2", **spec: Any
) -> CompiledPolicy[ClusterPolicy]:
    return compile_cluster_policy(cluster_policy(kind, version, **spec), addresses_of_nodes)


def test_a_direction_without_rules_is_not_touched() -> None:
    policy = compiled(egress=[{"action": "Deny", "to": [EVERYWHERE]}])
    assert list(policy.rules) == [Direction.EGRESS]
    assert (policy.namespace, policy.name, policy.priority) == ("", "p", 7)
    assert policy.kind == "ClusterNetworkPolicy.policy.networking.k8s.io"


@pytest.mark.parametrize(
    ("kind", "version", "action", "meant"),
    [
        ("ClusterNetworkPolicy", "v1alpha2", "Accept", Action.ALLOW),
        ("AdminNetworkPolicy", "v1alpha1", "Allow", Action.ALLOW),
        ("BaselineAdminNetworkPolicy", "v1alpha1", "Deny", Action.DENY),
        ("AdminNetworkPolicy", "v1alpha1", "Pass", Action.PASS),
    ],
)
def test_actions(kind: str, version: str, action: str, meant: Action) -> None:
    (rule,) = compiled(kind, version, ingress=[{"name": "r", "action": action, "from": [EVERYWHERE]}]).all_rules()
    assert (rule.action, rule.name, rule.traffic) == (meant, "r", ALL_TRAFFIC)


@pytest.mark.parametrize(
    ("entries", "traffic", "names"),
    [
        ([{"tcp": {"destinationPort": {"number": 80}}}], Traffic.of("TCP", ((80, 80),)), []),
        ([{"udp": {"destinationPort": {"range": {"start": 5, "end": 9}}}}], Traffic.of("UDP", ((5, 9),)), []),
        ([{"destinationNamedPort": "dns"}], NO_TRAFFIC, [("dns", "TCP"), ("dns", "UDP"), ("dns", "SCTP")]),
    ],
)
def test_protocols(entries: list[Object], traffic: Traffic, names: list[Any]) -> None:
    (rule,) = compiled(ingress=[{"action": "Accept", "from": [EVERYWHERE], "protocols": entries}]).all_rules()
    assert (rule.traffic, list(rule.port_names)) == (traffic, names)


@pytest.mark.parametrize(
    ("entry", "traffic"),
    [
        ({"portNumber": {"port": 80}}, Traffic.of("TCP", ((80, 80),))),
        ({"portRange": {"protocol": "SCTP", "start": 5, "end": 5}}, Traffic.of("SCTP", ((5, 5),))),
    ],
)
def test_ports_of_the_older_kinds(entry: Object, traffic: Traffic) -> None:
    rules = [{"action": "Allow", "from": [EVERYWHERE], "ports": [entry]}]
    (rule,) = compiled("AdminNetworkPolicy", "v1alpha1", ingress=rules).all_rules()
    assert rule.traffic == traffic


def test_networks_and_nodes_are_addresses() -> None:
    peers = [{"networks": ["10.0.0.0/8", "::/0"]}, {"nodes": {"matchLabels": {"role": "edge"}}}]
    (rule,) = compiled(egress=[{"action": "Deny", "to": peers}]).all_rules()
    assert rule.peers.block is not None
    assert rule.peers.block.covers_family
    assert NODE - rule.peers.block.addresses == NO_ADDRESSES


@pytest.mark.parametrize(
    ("action", "meant", "everyone"),
    [("Accept", Action.ALLOW, False), ("Deny", Action.DENY, True), ("Pass", Action.DENY, True)],
)
def test_a_peer_of_a_later_version_fails_closed(action: str, meant: Action, everyone: bool) -> None:
    """An Accept rule matches nothing by it; a Deny or a Pass rule denies everything."""
    (rule,) = compiled(egress=[{"action": action, "to": [{"services": {"name": "x"}}]}]).all_rules()
    assert (rule.action, rule.peers.everyone) == (meant, everyone)
    assert not rule.peers.selections


@pytest.mark.parametrize(("action", "traffic"), [("Accept", NO_TRAFFIC), ("Deny", ALL_TRAFFIC), ("Pass", ALL_TRAFFIC)])
def test_a_protocol_of_a_later_version_fails_closed(action: str, traffic: Traffic) -> None:
    rule = {"action": action, "to": [EVERYWHERE], "protocols": [{"quic": {"destinationPort": {"number": 443}}}]}
    (one,) = compiled(egress=[rule]).all_rules()
    assert one.traffic == traffic


def test_domain_names_match_no_known_address() -> None:
    (rule,) = compiled(egress=[{"action": "Accept", "to": [{"domainNames": ["example.com"]}]}]).all_rules()
    assert (rule.peers.everyone, rule.peers.block, rule.peers.selections) == (False, None, ())
