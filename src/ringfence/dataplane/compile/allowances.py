"""Allowances: rules of a profile's chain that allow something, with what they look into and where they lead."""

import msgspec

from ringfence.dataplane.compile.peer_maps import PeerMap
from ringfence.dataplane.compile.peers import PodSet
from ringfence.dataplane.program import GROUPS, PEER, Chain, Collection, Condition, DispatchGroup, Rule, RuleVerdict


class Allowance(msgspec.Struct, frozen=True):
    """A rule that allows something, the sets and maps that it looks into, and the chains to which it leads, by name.

    Those that are `fixed` hold the same for ever, and so do the chains; the sets of `pods`, and `maps` of peers, change
    as pods come and go.
    """

    rule: Rule
    fixed: dict[str, Collection] = {}
    pods: dict[str, PodSet] = {}
    maps: dict[str, PeerMap] = {}
    chains: dict[str, Chain] = {}


def by_peer(peers: PeerMap) -> Allowance:
    """The rule that leads from the addresses of peers to their chains, from which packets do not come back."""
    field, groups = PEER[peers.direction][peers.family], GROUPS[peers.family]
    return Allowance(Rule((), DispatchGroup(field, groups, peers.name, peers.chains_name)), maps={peers.name: peers})


def allowing(*conditions: Condition) -> Rule:
    """The rule that allows what meets all of the conditions: it returns from the chain."""
    return Rule(conditions, RuleVerdict.RETURN)
