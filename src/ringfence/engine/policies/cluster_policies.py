"""The tiers of the administrators: policies of the whole cluster that are evaluated before and after NetworkPolicies.

Rules accept, deny or pass by priority; the first that matches decides. A pod that such a policy selects is not
isolated: what no rule matches is left to the next tier. The kinds of such policies that a cluster has share two tiers.

Source: network-policy-api v0.2.0, the field descriptions of ClusterNetworkPolicy; for AdminNetworkPolicy and
BaselineAdminNetworkPolicy, v0.1.8.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.engine.policies.cluster_matching import match_cluster_peer
from ringfence.engine.policies.matching import End, over_families
from ringfence.engine.policies.rules import EVERYONE, Action, CompiledPolicy, CompiledRule, Peers
from ringfence.engine.policies.selection import PodSelection, Selections
from ringfence.engine.policies.tier import AddressesOfNodes, MatchedPeer, RuleContext, Tier, TierKind
from ringfence.engine.population import Block, Population, PortName
from ringfence.model.cidrs import cidr_range
from ringfence.model.cluster_policies import (
    ClusterPolicy,
    ClusterPolicyPeer,
    ClusterPolicyRule,
    NamespacedPods,
    PolicyTier,
    RuleAction,
)
from ringfence.model.cluster_rules import cluster_rules_of, is_known_peer, networks_of, nodes_of, ports_of, priority_of
from ringfence.model.kinds import kind_of
from ringfence.model.metadata import LabelSelector
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, compile_selector
from ringfence.sets.addresses import WHOLE, Addresses, Family
from ringfence.sets.intervals import Interval
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic

ClusterPolicyTier = Tier[ClusterPolicy]

_ACTIONS: Final = {
    RuleAction.ACCEPT: Action.ALLOW,
    RuleAction.ALLOW: Action.ALLOW,
    RuleAction.DENY: Action.DENY,
    RuleAction.PASS: Action.PASS,
}

_ACCEPTING: Final = (RuleAction.ACCEPT, RuleAction.ALLOW)


def cluster_policy_tier(tier: PolicyTier, population: Population, selections: Selections) -> ClusterPolicyTier:
    """One of the two tiers, without any policies yet."""
    kind = TierKind(tier.value, is_ordered=True, otherwise=Action.PASS, match_peers=_match_peers)
    return Tier(kind, population, selections)


# --- compiling --------------------------------------------------------------------------------------------------------


def compile_cluster_policy(
    policy: ClusterPolicy, addresses_of_nodes: AddressesOfNodes, origin: Origin | None = None
) -> CompiledPolicy[ClusterPolicy]:
    """Compile a valid policy. Its `nodes` are compiled to the addresses that they have now."""
    rules = {direction: cluster_rules_of(policy, direction) for direction in Direction}
    return CompiledPolicy(
        policy,
        origin,
        kind_of(policy),
        "",
        policy.metadata.name,
        _selection(policy.spec.subject.namespaces, policy.spec.subject.pods),
        # A policy has no effect on a direction without rules.
        {
            direction: tuple([_compile_rule(index, rule, addresses_of_nodes) for index, rule in enumerate(some)])
            for direction, some in rules.items()
            if some
        },
        priority_of(policy),
    )


def _selection(namespaces: LabelSelector | None, pods: NamespacedPods | None) -> PodSelection:
    if pods is None:
        return PodSelection(EVERYTHING, namespaces=compile_selector(namespaces or LabelSelector()))
    return PodSelection(
        compile_selector(pods.pod_selector or LabelSelector()), namespaces=compile_selector(pods.namespace_selector)
    )


def _compile_rule(index: int, rule: ClusterPolicyRule, addresses_of_nodes: AddressesOfNodes) -> CompiledRule:
    action = _ACTIONS[RuleAction(rule.action)]
    peers = _compile_peers(rule.peers, addresses_of_nodes)
    traffic, names = _traffic(rule)
    if action is not Action.ALLOW and not all(map(is_known_peer, rule.peers)):
        # A peer of a later version of the API, of which no field is known here. As the API demands, a rule that may
        # have been written to deny it, or to have it judged by the next tier, denies everything instead.
        action, peers = Action.DENY, EVERYONE
    return CompiledRule(index, peers, traffic, names, action, rule.name)


def _compile_peers(written: Iterable[ClusterPolicyPeer], addresses_of_nodes: AddressesOfNodes) -> Peers:
    selections: list[PodSelection] = []
    addresses: list[Addresses] = []
    covers_family = False
    for peer in written:
        if peer.namespaces is not None or peer.pods is not None:
            selections.append(_selection(peer.namespaces, peer.pods))
        for family, interval in map(cidr_range, networks_of(peer)):
            addresses.append(Addresses.of_ranges([(family, interval)]))
            covers_family |= interval == WHOLE[family]
        if (nodes := nodes_of(peer)) is not None:
            addresses.append(addresses_of_nodes(compile_selector(nodes)))
        # The addresses of domain names are not known here, so a peer with domain names matches none.
    block = Block(Addresses.union_of(addresses), covers_family) if addresses else None
    return Peers(False, tuple(selections), block)


def _traffic(rule: ClusterPolicyRule) -> tuple[Traffic, tuple[PortName, ...]]:
    """The traffic that a rule gives by number, and the port names that it gives."""
    entries = ports_of(rule)
    if not entries:
        return ALL_TRAFFIC, ()
    ranges: defaultdict[str, list[Interval]] = defaultdict(list)
    names: dict[PortName, None] = {}
    for entry in entries:
        if entry.name:
            # `namedPort` has no protocol field: the port of the container that has the name gives it.
            names |= dict.fromkeys((entry.name, protocol) for protocol in PROTOCOLS)
        elif entry.protocol in PROTOCOLS:
            ranges[entry.protocol].append((entry.start, entry.end))
        elif rule.action not in _ACCEPTING:
            return ALL_TRAFFIC, ()  # an entry that is not known here, as for peers
    return Traffic.union_of(Traffic.of(protocol, some) for protocol, some in ranges.items()), tuple(names)


# --- explaining -------------------------------------------------------------------------------------------------------


def _match_peers(context: RuleContext, end: End, families: tuple[Family, ...]) -> Iterator[MatchedPeer]:
    direction, index = context.direction, context.rule.index
    for number, peer in enumerate(cluster_rules_of(context.policy.policy, direction)[index].peers):
        match = over_families({family: match_cluster_peer(peer, end, (family,), context) for family in families})
        path = f"spec.{direction.field}[{index}].{direction.peers_field}[{number}]"
        yield MatchedPeer(f"{path}.{match.field}" if match.field else path, match)
