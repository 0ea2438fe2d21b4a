"""Why a peer matches or not where a network plugin differs from upstream: `matching`, for what `enforced` changes."""

import msgspec

from ringfence.engine.policies.matching import End, PeerMatch
from ringfence.engine.population import Block, Member
from ringfence.model.objects import NetworkPolicyPeer
from ringfence.model.selectors import Operator, Selector, compile_selector
from ringfence.plugins import UPSTREAM, Excepts, Traits
from ringfence.sets.addresses import Family


def as_enforced(peer: NetworkPolicyPeer, traits: Traits) -> NetworkPolicyPeer:
    """A peer as it is read: without `except`, where this is ignored."""
    if traits is UPSTREAM or traits.excepts is not Excepts.IGNORED or not peer.ip_block:
        return peer
    return msgspec.structs.replace(peer, ip_block=msgspec.structs.replace(peer.ip_block, excepts=()))


def unmatched_as_enforced(peer: NetworkPolicyPeer, end: End, block: Block | None, traits: Traits) -> PeerMatch | None:
    """Why a peer does not match an end because of a trait, whatever it says; None if no trait prevents the match.

    `block` is what the blocks of its rule mean together.
    """
    if traits is UPSTREAM:
        return None
    if peer.ip_block and block:
        return unmatched_by_block(f"ipBlock {peer.ip_block.cidr}", "ipBlock", end, block)
    if not traits.negations and peer_has_negation(peer):
        return PeerMatch(False, "the network plugin does not support its NotIn or DoesNotExist")
    return None


def unmatched_by_block(written: str, field: str, end: End, block: Block) -> PeerMatch | None:
    """Why a block, written as `written`, does not match a pod because of a trait; None if no trait prevents it."""
    if not isinstance(end, Member) or (block.nodes if end.host_network else block.pods):
        return None
    what = "nodes, and so no hostNetwork pods" if end.host_network else "pods"
    return PeerMatch(False, f"with this network plugin, {written} matches no {what}", field)


def match_unrestricted(end: End, family: Family) -> PeerMatch:
    """Whether an end is reached over a family that the network plugin does not restrict."""
    if isinstance(end, Member):
        is_met = family is Family.IPV6 and any(of is family for of, _ in end.addresses)
    else:
        is_met = family is Family.IPV6 and bool(end.ranges(family))
    if is_met:
        return PeerMatch(True, f"the network plugin does not restrict {Family.IPV6}")
    return PeerMatch(False, f"the network plugin restricts all but {Family.IPV6}")


def has_negation(selector: Selector) -> bool:
    """Whether a selector has a term that is met by the lack of a label or a value."""
    return any(term.operator in (Operator.NOT_IN, Operator.DOES_NOT_EXIST) for term in selector.terms)


def peer_has_negation(peer: NetworkPolicyPeer) -> bool:
    """Whether one of the selectors of a peer has a negation."""
    written = (peer.pod_selector, peer.namespace_selector)
    return any(has_negation(compile_selector(one)) for one in written if one is not None)
