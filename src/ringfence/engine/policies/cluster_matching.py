"""Why one peer of a cluster policy selects the other end of a connection, or does not, in words.

As in `matching`, the functions here answer for a single peer and a single end what `selection` answers for all
identities at once; a property test holds the two together.
"""

from collections.abc import Iterable

from ringfence.engine.policies.matching import (
    Assumption,
    End,
    PeerMatch,
    address_match,
    end_text,
    host_network_assumption,
    mismatch,
    namespace_assumption,
    selector_field,
    unknown_address_match,
)
from ringfence.engine.policies.matching_as_enforced import unmatched_by_block
from ringfence.engine.policies.tier import RuleContext
from ringfence.engine.population import Member
from ringfence.model.cidrs import parse_cidr
from ringfence.model.cluster_policies import ClusterPolicyPeer
from ringfence.model.cluster_rules import domain_names_of, is_known_peer, networks_of, nodes_of
from ringfence.model.metadata import LabelSelector
from ringfence.model.selectors import EVERYTHING, Selector, compile_selector
from ringfence.plugins import UPSTREAM
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family, address_text


def match_cluster_peer(
    peer: ClusterPolicyPeer, end: End, families: tuple[Family, ...], context: RuleContext
) -> PeerMatch:
    """Whether a peer selects `end`, a pod that is reached over all of `families`.

    Of several addresses it is enough that a network contains some.
    """
    # The order of these checks does not matter in a valid policy: the API allows one field for each peer.
    if networks := networks_of(peer):
        block = context.rule.peers.block
        if block and (unmatched := unmatched_by_block(f"networks {', '.join(networks)}", "networks", end, block)):
            return unmatched
        within = ALL_ADDRESSES if context.traits is UPSTREAM or block is None else block.addresses
        return _match_networks(networks, end, families, within)
    if (nodes := nodes_of(peer)) is not None:
        return _match_nodes(compile_selector(nodes), end, families, context)
    if names := domain_names_of(peer):
        return _match_domain_names(names, end)
    # network-policy-api, ClusterNetworkPolicyIngressPeer: a peer without a known field is one of a later version, and
    # an implementation must fail closed.
    if not is_known_peer(peer):
        return PeerMatch(False, "it has no known field: a later version of the API may have written it")
    if isinstance(end, Addresses):
        return PeerMatch(False, "selectors select pods only, never addresses outside the cluster")
    if end.host_network:
        as_a_pod = _match_workloads(peer, end, context)
        reason = f"{end} uses its node's network: selectors do not select it, only its node's address can"
        return PeerMatch(False, reason, assumption=host_network_assumption(end) if as_a_pod.matches else None)
    return _match_workloads(peer, end, context)


def _match_workloads(peer: ClusterPolicyPeer, member: Member, context: RuleContext) -> PeerMatch:
    if peer.pods is None:
        return _match_selectors("namespaces", peer.namespaces or LabelSelector(), None, member, context)
    pods = peer.pods
    return _match_selectors("pods", pods.namespace_selector, pods.pod_selector or LabelSelector(), member, context)


def _match_selectors(
    field: str, namespaces: LabelSelector, pods: LabelSelector | None, member: Member, context: RuleContext
) -> PeerMatch:
    spaces = compile_selector(namespaces)
    labels = context.namespaces.labels(member.namespace)
    spaces_wrong = mismatch(spaces, labels, f"namespace {member.namespace}")
    selector = compile_selector(pods) if pods is not None else None
    pods_wrong = mismatch(selector, member.labels, str(member)) if selector else ""
    assumption = None if pods_wrong else namespace_assumption(spaces, member.namespace, context.namespaces)
    if not spaces_wrong and not pods_wrong:
        return PeerMatch(True, f"selects {member}", assumption=assumption)
    owner = "namespaces" if pods is None else "namespaceSelector"
    parts = [f"{owner} wants {spaces_wrong}"] if spaces_wrong else []
    if pods_wrong:
        parts.append(f"podSelector wants {pods_wrong}")
    if spaces_wrong:
        inside = selector_field(field if pods is None else f"{field}.namespaceSelector", namespaces, spaces, labels)
    else:
        inside = selector_field(f"{field}.podSelector", pods, selector, member.labels)
    return PeerMatch(False, "; ".join(parts), inside, assumption)


def _match_networks(networks: Iterable[str], end: End, families: tuple[Family, ...], within: Addresses) -> PeerMatch:
    blocks = [(text, parse_cidr(text)) for text in networks]
    written = f"networks {', '.join(text for text, _ in blocks)}"
    meant = Addresses.of(*(network for _, network in blocks))
    if within is not ALL_ADDRESSES:
        meant &= within
    if isinstance(end, Addresses):
        return address_match(written, meant, meant, end, "networks")
    if not end.addresses:
        # 0.0.0.0/0 contains every address of its family, so a pod without a known one is assumed to lie in it.
        covered = [network for _, network in blocks if network.prefixlen == 0]
        return unknown_address_match(written, meant, covered, end, "networks")
    return _match_pod_address(written, meant, end, families, "networks")


def _match_pod_address(
    written: str, meant: Addresses, member: Member, families: tuple[Family, ...], field: str
) -> PeerMatch:
    outside = [
        address_text(family, number)
        for family, number in member.addresses
        if family in families and not meant.contains(family, number)
    ]
    if outside:
        return PeerMatch(False, f"{written} does not contain {member}'s address {' and '.join(outside)}", field)
    return PeerMatch(True, f"{written} contains {member}'s address", field)


def _match_nodes(selector: Selector, end: End, families: tuple[Family, ...], context: RuleContext) -> PeerMatch:
    meant = context.addresses_of_nodes(selector)
    written = f"nodes {str(selector) or 'of the cluster'}"
    if isinstance(end, Addresses):
        match = address_match(written, meant, meant, end, "nodes")
    elif not end.addresses:
        match = unknown_address_match(written, meant, [], end, "nodes")
    else:
        match = _match_pod_address(written, meant, end, families, "nodes")
    is_about_nodes = isinstance(end, Addresses) or (end.host_network and end.addresses)
    # Without any Node object, "no node matches" may only mean that nodes were not read; with some, the answer is taken
    # as known.
    if match.matches or context.addresses_of_nodes(EVERYTHING) or not is_about_nodes:
        return match
    missing = "no Node object is in the input: "
    taken = Assumption((f"{missing}{end_text(end)} is assumed not to be an address of a node", ""))
    return PeerMatch(False, match.reason, match.field, taken)


def _match_domain_names(names: Iterable[str], end: End) -> PeerMatch:
    written = f"domainNames {', '.join(names)}"
    if isinstance(end, Member):
        return PeerMatch(False, f"{written} are names of servers outside the cluster", "domainNames")
    reason = f"the addresses of {written} are not known, so they are assumed not to contain {end_text(end)}"
    missing = f"the addresses that {', '.join(names)} resolve to are not known: they are assumed not to contain"
    return PeerMatch(False, reason, "domainNames", Assumption((f"{missing} {end_text(end)}", "")))
