"""Allowances: the allow rules of a profile's chain, with the sets, maps and chains that they use."""

import msgspec

from ringfence.dataplane.compile.peer_maps import PeerMap
from ringfence.dataplane.compile.peers import PodSet
from ringfence.dataplane.program import GROUPS, PEER, Chain, Collection, Condition, DispatchGroup, Rule, RuleVerdict


class Allowance(msgspec.Struct, frozen=True):
    """An allow rule, the sets and maps that it looks up, and the chains that it jumps to, by name.

    The `fixed` sets and maps and the `chains` never change. The sets in `pods` and the peer maps in `maps` change when
    pods are added or removed.
    """

    rule: Rule
    fixed: dict[str, Collection] = {}
    pods: dict[str, PodSet] = {}
    maps: dict[str, PeerMap] = {}
    chains: dict[str, Chain] = {}


def by_peer(peers: PeerMap) -> Allowance:
    """Return the rule that sends packets to the chain of their peer. Packets do not return from these chains."""
    field, groups = PEER[peers.direction][peers.family], GROUPS[peers.family]
    return Allowance(Rule((), DispatchGroup(field, groups, peers.name, peers.chains_name)), maps={peers.name: peers})


def allowing(*conditions: Condition) -> Rule:
    """Return the rule that allows packets that meet all conditions. It allows them by returning from the chain."""
    return Rule(conditions, RuleVerdict.RETURN)
