"""The NetworkPolicy tier: isolation per direction, and the union of the rules of all policies that select a pod.

A pod that no policy selects for a direction is not isolated in it: the tier passes everything. One that is isolated is
allowed exactly what some rule allows; everything else is denied, whatever the order of policies.

Source: networking.k8s.io/v1 NetworkPolicy, field meanings as in its API documentation; Kubernetes documentation,
"Network Policies": "The two sorts of pod isolation".
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ringfence.engine.policies.matching import End, PeerScope, match_peer, over_families
from ringfence.engine.policies.matching_as_enforced import as_enforced, match_unrestricted, unmatched_as_enforced
from ringfence.engine.policies.rules import EVERYONE, Action, CompiledPolicy, CompiledRule, Peers
from ringfence.engine.policies.selection import PodSelection, Selections
from ringfence.engine.policies.tier import MatchedPeer, RuleContext, Tier, TierKind
from ringfence.engine.population import Block, Population, PortName
from ringfence.model.cidrs import AddressRange, cidr_ranges
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.objects import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from ringfence.model.origin import Origin
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction, cidrs_of, rules_of
from ringfence.model.selectors import EVERYTHING, compile_selector
from ringfence.plugins import UPSTREAM
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, FAMILIES, WHOLE, Addresses, Family
from ringfence.sets.intervals import Interval
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, NO_TRAFFIC, Traffic

NetworkPolicyTier = Tier[NetworkPolicy]

NETWORK_POLICY_TIER: Final = "NetworkPolicy"
"""The name of the tier."""

_Ranges = Mapping[str, AddressRange]
"""What the CIDRs of a policy mean."""


def network_policy_tier(population: Population, selections: Selections) -> NetworkPolicyTier:
    """The tier of NetworkPolicies, without any yet."""
    return Tier(_KIND, population, selections)


# --- compiling --------------------------------------------------------------------------------------------------------


def compile_policy(policy: NetworkPolicy, origin: Origin | None = None) -> CompiledPolicy[NetworkPolicy]:
    """Compile a policy that is valid and has its defaults (`model.policies.defaulted`), without knowing any node."""
    namespace = namespace_of(policy)
    ranges = cidr_ranges(cidrs_of(policy))
    return CompiledPolicy(
        policy,
        origin,
        kind_of(policy),
        namespace,
        policy.metadata.name,
        PodSelection(compile_selector(policy.spec.pod_selector), namespace=namespace),
        {
            direction: tuple(
                [
                    CompiledRule(
                        index,
                        _compile_peers(rule.peers, namespace, ranges) if rule.peers else EVERYONE,
                        _numbered(rule.ports) if rule.ports else ALL_TRAFFIC,
                        _names(rule.ports) if rule.ports else (),
                    )
                    for index, rule in enumerate(rules_of(policy, direction))
                ]
            )
            for direction in Direction
            if direction in policy.spec.policy_types
        },
    )


def _compile_peers(peers: tuple[NetworkPolicyPeer, ...], namespace: str, ranges: _Ranges) -> Peers:
    blocks = [peer.ip_block for peer in peers if peer.ip_block]
    # A policy can have 20,000 peers that are all blocks: the common case makes no empty selections.
    if len(blocks) == len(peers):
        return Peers(False, (), _compile_blocks(blocks, ranges))
    selections = tuple([compile_peer(peer, namespace) for peer in peers if not peer.ip_block])
    return Peers(False, selections, _compile_blocks(blocks, ranges) if blocks else None)


def compile_peer(peer: NetworkPolicyPeer, namespace: str) -> PodSelection:
    """The pods of a peer: a lone podSelector means the policy's own `namespace`, a lone namespaceSelector all pods."""
    pods = compile_selector(peer.pod_selector) if peer.pod_selector else EVERYTHING
    if peer.namespace_selector is None:
        return PodSelection(pods, namespace=namespace)
    return PodSelection(pods, namespaces=compile_selector(peer.namespace_selector))


def written_blocks(policy: NetworkPolicy, index: int) -> list[IPBlock]:
    """The ipBlocks of an ingress rule, which is given by its index."""
    peers = rules_of(policy, Direction.INGRESS)[index].peers
    return [peer.ip_block for peer in peers if peer.ip_block]


def _compile_blocks(blocks: Sequence[IPBlock], ranges: _Ranges) -> Block:
    by_family: dict[Family, list[Interval]] = {family: [] for family in FAMILIES}
    covers_family = False
    for block in blocks:
        family, interval = ranges[block.cidr]
        if block.excepts:
            # Validation refuses an `except` outside its cidr, and so one of the other family; manifests that were not
            # validated may have it.
            excepted = [part for of, part in map(ranges.__getitem__, block.excepts) if of is family]
            left = intervals.difference((interval,), intervals.normalise(excepted))
            by_family[family] += left
            covers_family |= bool(left) and interval == WHOLE[family]
        else:
            by_family[family].append(interval)
            covers_family |= interval == WHOLE[family]
    # The ranges of one block are sorted and disjoint already.
    v4, v6 = (tuple(some) if len(blocks) == 1 else intervals.normalise(some) for some in by_family.values())
    return Block(Addresses(v4, v6), covers_family)


def _numbered(ports: tuple[NetworkPolicyPort, ...]) -> Traffic:
    """The traffic of the port entries that give numbers, or only a protocol."""
    ranges: defaultdict[str, list[Interval]] = defaultdict(list)
    for port in ports:
        number, protocol = port.port, port.protocol or DEFAULT_PROTOCOL
        if number is None:
            ranges[protocol] += ALL_PORTS
        elif isinstance(number, int):
            ranges[protocol].append((number, port.end_port or number))
    if not ranges:
        return NO_TRAFFIC
    if len(ranges) == 1:
        return Traffic.of(*ranges.popitem())
    return Traffic.union_of(Traffic.of(protocol, some) for protocol, some in ranges.items())


def _names(ports: tuple[NetworkPolicyPort, ...]) -> tuple[PortName, ...]:
    """The names of the port entries that give one."""
    names = [(port.port, port.protocol or DEFAULT_PROTOCOL) for port in ports if isinstance(port.port, str)]
    return tuple(dict.fromkeys(names)) if len(names) > 1 else tuple(names)


# --- explaining -------------------------------------------------------------------------------------------------------


def _match_peers(context: RuleContext, end: End, families: tuple[Family, ...]) -> Iterator[MatchedPeer]:
    policy, direction, index = context.policy, context.direction, context.rule.index
    written = rules_of(policy.policy, direction)
    if index == len(written):  # the rule that stands for a family which is not restricted
        matches = {family: match_unrestricted(end, family) for family in families}
        yield MatchedPeer(f"spec.{direction.field}", over_families(matches))
        return
    # Only as a source does a node have a choice of addresses; a connection to it names one.
    nodes = context.nodes if direction is Direction.INGRESS else None
    block, traits = context.rule.peers.block, context.traits
    within = ALL_ADDRESSES if traits is UPSTREAM or block is None else block.addresses
    scope = PeerScope(policy.namespace, context.namespaces, nodes, within)
    for number, peer in enumerate(written[index].peers):
        match = unmatched_as_enforced(peer, end, block, traits)
        if match is None:
            meant = as_enforced(peer, traits)
            match = over_families({family: match_peer(meant, end, (family,), scope) for family in families})
        path = f"spec.{direction.field}[{index}].{direction.peers_field}[{number}]"
        yield MatchedPeer(f"{path}.{match.field}" if match.field else path, match)


_KIND: Final = TierKind(NETWORK_POLICY_TIER, is_ordered=False, otherwise=Action.DENY, match_peers=_match_peers)
