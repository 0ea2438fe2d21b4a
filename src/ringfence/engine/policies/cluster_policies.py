"""The tiers of the administrators: policies of the whole cluster that are evaluated before and after NetworkPolicies.

Rules accept, deny or pass by priority; the first that matches decides. A pod that such a policy selects is not
isolated: what no rule matches is left to the next tier. The kinds of such policies that a cluster has share two tiers.

Source: network-policy-api v0.2.0, the field descriptions of ClusterNetworkPolicy; for AdminNetworkPolicy and
BaselineAdminNetworkPolicy, v0.1.8.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ringfence.engine.policies.cluster_matching import match_cluster_peer
from ringfence.engine.policies.matching import End, over_families
from ringfence.engine.policies.rules import EVERYONE, Action, CompiledPolicy, CompiledRule, Peers
from ringfence.engine.policies.selection import PodSelection, Selections
from ringfence.engine.policies.tier import AddressesOfNodes, MatchedPeer, RuleContext, Tier, TierKind
from ringfence.engine.population import Block, Population, PortName
from ringfence.model.cidrs import AddressRange, cidr_range
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
from ringfence.model.selectors import EVERYTHING, Selector, compile_selector_in_steps
from ringfence.sets.addresses import WHOLE, Addresses, Family
from ringfence.sets.intervals import Interval
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic
from ringfence.steps import Pace, Steps, finish

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
    return with_nodes(finish(compile_without_nodes(policy, origin)), addresses_of_nodes)


def compile_without_nodes(policy: ClusterPolicy, origin: Origin | None = None) -> Steps[CompiledPolicy[ClusterPolicy]]:
    """Compile a valid policy in steps, as if there were no nodes (`with_nodes`)."""
    pace = Pace()
    subject = yield from compile_subject(policy, pace)
    compiled: dict[Direction, tuple[CompiledRule, ...]] = {}
    for direction in Direction:
        rules = []
        for index, rule in enumerate(cluster_rules_of(policy, direction)):
            rules.append((yield from _compile_rule(index, rule, pace)))
        if rules:  # a policy has no effect on a direction without rules
            compiled[direction] = tuple(rules)
    return CompiledPolicy(
        policy, origin, kind_of(policy), "", policy.metadata.name, subject, compiled, priority_of(policy)
    )


def compile_subject(policy: ClusterPolicy, pace: Pace) -> Steps[PodSelection]:
    """The pods that a policy selects, compiled in steps."""
    return (yield from _selection(policy.spec.subject.namespaces, policy.spec.subject.pods, pace))


def with_nodes(
    policy: CompiledPolicy[ClusterPolicy], addresses_of_nodes: AddressesOfNodes
) -> CompiledPolicy[ClusterPolicy]:
    """A policy that was compiled without nodes, with those that there are; the same object if it reads none."""
    if not any(rule.nodes for rule in policy.all_rules()):
        return policy
    rules = {
        direction: tuple([_rule_with_nodes(rule, addresses_of_nodes) if rule.nodes else rule for rule in some])
        for direction, some in policy.rules.items()
    }
    return msgspec.structs.replace(policy, rules=rules)


def _rule_with_nodes(rule: CompiledRule, addresses_of_nodes: AddressesOfNodes) -> CompiledRule:
    networks = rule.peers.block
    addresses = Addresses.union_of([rule.peers.addresses, *map(addresses_of_nodes, rule.nodes)])
    block = Block(addresses, covers_family=networks is not None and networks.covers_family)
    return msgspec.structs.replace(rule, peers=msgspec.structs.replace(rule.peers, block=block))


def _selection(namespaces: LabelSelector | None, pods: NamespacedPods | None, pace: Pace) -> Steps[PodSelection]:
    if pods is None:
        selector = yield from compile_selector_in_steps(namespaces or LabelSelector(), pace)
        return PodSelection(EVERYTHING, namespaces=selector)
    selector = yield from compile_selector_in_steps(pods.pod_selector or LabelSelector(), pace)
    within = yield from compile_selector_in_steps(pods.namespace_selector, pace)
    return PodSelection(selector, namespaces=within)


def _compile_rule(index: int, rule: ClusterPolicyRule, pace: Pace) -> Steps[CompiledRule]:
    action = _ACTIONS[RuleAction(rule.action)]
    traffic, names = yield from _traffic(rule, pace)
    if action is not Action.ALLOW and (yield from _has_unknown_peer(rule.peers, pace)):
        # A peer of a later version of the API, of which no field is known here. As the API demands, a rule that may
        # have been written to deny it, or to have it judged by the next tier, denies everything instead.
        return CompiledRule(index, EVERYONE, traffic, names, Action.DENY, rule.name)
    peers = yield from _compile_peers(rule.peers, pace)
    nodes: list[Selector] = []
    for peer in rule.peers:
        if pace.is_pause_due():
            yield
        if (selector := nodes_of(peer)) is not None:
            nodes.append((yield from compile_selector_in_steps(selector, pace)))
    return CompiledRule(index, peers, traffic, names, action, rule.name, tuple(nodes))


def _has_unknown_peer(peers: Iterable[ClusterPolicyPeer], pace: Pace) -> Steps[bool]:
    for peer in peers:
        if pace.is_pause_due():
            yield
        if not is_known_peer(peer):
            return True
    return False


def _compile_peers(written: Iterable[ClusterPolicyPeer], pace: Pace) -> Steps[Peers]:
    selections: list[PodSelection] = []
    ranges: list[AddressRange] = []
    covers_family = False
    for peer in written:
        if pace.is_pause_due():
            yield
        if peer.namespaces is not None or peer.pods is not None:
            selections.append((yield from _selection(peer.namespaces, peer.pods, pace)))
        for network in networks_of(peer):
            family, interval = cidr_range(network)
            ranges.append((family, interval))
            covers_family |= interval == WHOLE[family]
            if pace.is_pause_due():
                yield
        # The addresses of domain names are not known here, so a peer with domain names matches none.
    if not ranges:
        return Peers(False, tuple(selections))
    if pace.is_pause_due(len(ranges)):
        yield
    return Peers(False, tuple(selections), Block(Addresses.of_ranges(ranges), covers_family))


def _traffic(rule: ClusterPolicyRule, pace: Pace) -> Steps[tuple[Traffic, tuple[PortName, ...]]]:
    """The traffic that a rule gives by number, and the port names that it gives."""
    ranges: defaultdict[str, list[Interval]] = defaultdict(list)
    names: dict[PortName, None] = {}
    has_entries = False
    for entry in ports_of(rule):
        has_entries = True
        if pace.is_pause_due():
            yield
        if entry.name:
            # `namedPort` has no protocol field: the port of the container that has the name gives it.
            names |= dict.fromkeys((entry.name, protocol) for protocol in PROTOCOLS)
        elif entry.protocol in PROTOCOLS:
            ranges[entry.protocol].append((entry.start, entry.end))
        elif rule.action not in _ACCEPTING:
            return ALL_TRAFFIC, ()  # an entry that is not known here, as for peers
    if not has_entries:
        return ALL_TRAFFIC, ()
    return Traffic.union_of(Traffic.of(protocol, some) for protocol, some in ranges.items()), tuple(names)


# --- explaining -------------------------------------------------------------------------------------------------------


def _match_peers(context: RuleContext, end: End, families: tuple[Family, ...]) -> Iterator[MatchedPeer]:
    direction, index = context.direction, context.rule.index
    for number, peer in enumerate(cluster_rules_of(context.policy.policy, direction)[index].peers):
        match = over_families({family: match_cluster_peer(peer, end, (family,), context) for family in families})
        path = f"spec.{direction.field}[{index}].{direction.peers_field}[{number}]"
        yield MatchedPeer(f"{path}.{match.field}" if match.field else path, match)
