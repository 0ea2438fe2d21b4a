"""Why a peer matches, or does not, where a network plugin enforces policies otherwise than upstream means them."""

from ipaddress import ip_network

import pytest
from tests.engine.members import member
from tests.engine.policies.test_network_policies import compiled
from tests.semantics.objects import Object, admits, block, labelled, namespaces, pods, policy, term

from ringfence.engine.policies.enforced import AsEnforced
from ringfence.engine.policies.matching import End
from ringfence.engine.policies.matching_as_enforced import as_enforced, match_unrestricted, unmatched_as_enforced
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.model.objects import NetworkPolicyPeer
from ringfence.model.policies import Direction
from ringfence.plugins import UPSTREAM, Excepts, Traits
from ringfence.sets.addresses import NO_ADDRESSES, Addresses, Family

POD = member("x/web", addresses=["10.0.0.1"])
AGENT = member("x/agent", hostNetwork=True, nodeName="n")
OUTSIDE = Addresses.of(ip_network("192.0.2.1/32"))
NEGATING = pods(term("app", "NotIn", "db"))
WITHOUT_NEGATIONS = Traits(negations=False)


def reason(peer: Object, end: End, traits: Traits) -> str:
    """Why a peer does not match because of a trait; empty if no trait prevents the match."""
    enforced = AsEnforced(traits, lambda: NO_ADDRESSES, NodePeers())
    (rule,) = enforced(compiled(policy("x/p", ingress=[admits(peer)]))).rules[Direction.INGRESS]
    found = unmatched_as_enforced(as_model(peer), end, rule.peers.block, traits)
    assert found is None or not found.matches
    return found.reason if found else ""


def as_model(peer: Object) -> NetworkPolicyPeer:
    (found,) = compiled(policy("x/p", ingress=[admits(peer)])).policy.spec.ingress[0].peers
    return found


@pytest.mark.parametrize(
    ("peer", "is_supported"),
    [
        pytest.param(pods(labelled(app="web")), True, id="a label"),
        pytest.param(pods(term("app", "In", "web", "db")), True, id="In"),
        pytest.param(pods(term("app", "Exists")), True, id="Exists"),
        pytest.param(NEGATING, False, id="NotIn"),
        pytest.param(pods(term("app", "DoesNotExist")), False, id="DoesNotExist"),
        pytest.param(namespaces(term("team", "NotIn", "a")), False, id="NotIn of a namespace"),
        pytest.param(namespaces(labelled(team="a"), term("app", "NotIn", "db")), False, id="of pods in namespaces"),
        pytest.param(namespaces(term("team", "DoesNotExist"), labelled(app="web")), False, id="of namespaces of pods"),
    ],
)
def test_a_plugin_without_negations_matches_no_peer_that_has_one(peer: Object, is_supported: bool) -> None:
    expected = "" if is_supported else "the network plugin does not support its NotIn or DoesNotExist"
    assert reason(peer, POD, WITHOUT_NEGATIONS) == expected
    for traits in (UPSTREAM, Traits(port_ranges=False)):
        assert reason(peer, POD, traits) == ""


@pytest.mark.parametrize(
    ("end", "traits", "what"),
    [
        pytest.param(POD, Traits(blocks_match_pods=False), "pods", id="a pod"),
        pytest.param(AGENT, Traits(blocks_match_pods=False), "", id="a hostNetwork pod is no pod of the network"),
        pytest.param(AGENT, Traits(blocks_match_nodes=False), "nodes, and so no hostNetwork pods", id="a node's pod"),
        pytest.param(POD, Traits(blocks_match_nodes=False), "", id="a pod is no node"),
        pytest.param(OUTSIDE, Traits(blocks_match_pods=False, blocks_match_nodes=False), "", id="outside the cluster"),
        pytest.param(POD, UPSTREAM, "", id="as upstream means it"),
    ],
)
def test_a_block_matches_no_pods_or_no_nodes_where_the_plugin_does_not_match_them(
    end: End, traits: Traits, what: str
) -> None:
    expected = f"with this network plugin, ipBlock 10.0.0.0/8 matches no {what}" if what else ""
    assert reason(block("10.0.0.0/8"), end, traits) == expected


def test_a_plugin_that_ignores_exceptions_reads_a_block_without_them() -> None:
    peer = as_model(block("10.0.0.0/8", "10.1.0.0/16"))
    assert as_enforced(peer, Traits(excepts=Excepts.IGNORED)) == as_model(block("10.0.0.0/8"))
    for traits in (UPSTREAM, Traits(excepts=Excepts.EVERY_BLOCK)):
        assert as_enforced(peer, traits) == peer
    assert as_enforced(as_model(NEGATING), Traits(excepts=Excepts.IGNORED)) == as_model(NEGATING)


@pytest.mark.parametrize(
    ("end", "family", "is_met"),
    [
        pytest.param(member("x/v6", addresses=["fd00::1"]), Family.IPV6, True, id="a pod with an IPv6 address"),
        pytest.param(POD, Family.IPV6, False, id="a pod without one"),
        pytest.param(POD, Family.IPV4, False, id="over IPv4"),
        pytest.param(Addresses.of(ip_network("2001:db8::/32")), Family.IPV6, True, id="IPv6 addresses outside"),
        pytest.param(OUTSIDE, Family.IPV6, False, id="IPv4 addresses outside"),
    ],
)
def test_a_plugin_that_restricts_no_ipv6_lets_it_pass(end: End, family: Family, is_met: bool) -> None:
    assert match_unrestricted(end, family).matches is is_met
