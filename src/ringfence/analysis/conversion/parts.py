"""The rules of one AdminNetworkPolicy or BaselineAdminNetworkPolicy as those of ClusterNetworkPolicies.

A ClusterNetworkPolicy has at most 25 rules for a direction, and a rule at most 25 peers and 25 protocols, where the
older kinds have 100 of each. A rule with more is written as several that follow one another and do the same: what any
of them matches is what the one rule matched. A policy with more rules is written as several parts, which are evaluated
one after another.

Source: network-policy-api v0.1.8 and v0.2.0, `config/crd/experimental`.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    BaselineDestination,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterPolicyRule,
    Destination,
    RuleAction,
    RulePort,
    RuleProtocol,
    WorkloadPeer,
)
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of, is_known_peer, protocol_entry
from ringfence.model.policies import Direction
from ringfence.sets.traffic import PROTOCOLS

OlderPolicy = AdminNetworkPolicy | BaselineAdminNetworkPolicy
"""A policy of the kinds that ClusterNetworkPolicy replaces."""

ConvertedRule = ClusterIngressRule | ClusterEgressRule

MOST_ENTRIES: Final = 25
"""The limit for the rules of a direction, the peers of a rule, and the protocols of a rule."""

T = TypeVar("T")


class Obstacle(msgspec.Struct, frozen=True):
    """A field that no ClusterNetworkPolicy can express exactly: its path, and why."""

    path: str
    message: str


class SplitRule(msgspec.Struct, frozen=True):
    """A converted rule, and where it stood in the original: the numbers of the rule, its first peer and first port."""

    rule: ConvertedRule
    index: int
    first_peer: int
    first_port: int


class PolicyPart(msgspec.Struct, frozen=True):
    """The rules of one ClusterNetworkPolicy, by direction."""

    ingress: tuple[SplitRule, ...] = ()
    egress: tuple[SplitRule, ...] = ()

    def rules(self, direction: Direction) -> tuple[SplitRule, ...]:
        """The rules of a direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress


def parts_of(policy: OlderPolicy) -> list[PolicyPart]:
    """The rules of a policy in as few parts as possible, at least one."""
    ingress, egress = (list(_split_rules(policy, direction)) for direction in (Direction.INGRESS, Direction.EGRESS))
    starts = range(0, max(len(ingress), len(egress), 1), MOST_ENTRIES)
    return [
        PolicyPart(tuple(ingress[start : start + MOST_ENTRIES]), tuple(egress[start : start + MOST_ENTRIES]))
        for start in starts
    ]


def obstacles(policy: OlderPolicy) -> Iterator[Obstacle]:
    """What cannot be converted exactly."""
    for direction in Direction:
        for index, rule in enumerate(cluster_rules_of(policy, direction)):
            path = f"spec.{direction.field}[{index}]"
            for number, peer in enumerate(rule.peers):
                if not is_known_peer(peer):
                    message = "this peer has no known field, so what it selects is not known"
                    yield Obstacle(f"{path}.{direction.peers_field}[{number}]", message)
            for number, port in enumerate(_ports_of(rule)):
                if message := _port_obstacle(port):
                    yield Obstacle(f"{path}.ports[{number}]", message)


def _split_rules(policy: OlderPolicy, direction: Direction) -> Iterator[SplitRule]:
    for index, rule in enumerate(cluster_rules_of(policy, direction)):
        for first_peer, peers in _pieces(rule.peers):
            # A rule without ports means all of them: it must become one rule, not none.
            for first_port, ports in _pieces(_ports_of(rule)) or [(0, ())]:
                yield SplitRule(_rule(rule, direction, peers, ports), index, first_peer, first_port)


def _pieces(entries: Sequence[T]) -> list[tuple[int, tuple[T, ...]]]:
    """The entries in pieces of at most `MOST_ENTRIES`, each with the index of its first entry."""
    starts = range(0, len(entries), MOST_ENTRIES)
    return [(start, tuple(entries[start : start + MOST_ENTRIES])) for start in starts]


def _rule(
    rule: ClusterPolicyRule, direction: Direction, peers: Sequence[WorkloadPeer], ports: Sequence[RulePort]
) -> ConvertedRule:
    action = RuleAction.ACCEPT.value if rule.action == RuleAction.ALLOW else rule.action
    protocols = tuple(map(_protocol, ports))
    if direction is Direction.INGRESS:
        return ClusterIngressRule(rule.name, action, tuple(peers), protocols)
    return ClusterEgressRule(rule.name, action, tuple(map(_destination, peers)), protocols)


def _destination(peer: WorkloadPeer) -> Destination:
    if isinstance(peer, BaselineDestination):
        return Destination(peer.namespaces, peer.pods, peer.networks, peer.nodes, domain_names_of(peer))
    return Destination(peer.namespaces, peer.pods)


def _ports_of(rule: ClusterPolicyRule) -> tuple[RulePort, ...]:
    """The ports of a rule of one of the older kinds."""
    assert not isinstance(rule, ConvertedRule)
    return rule.ports


def _protocol(port: RulePort) -> RuleProtocol:
    if port.named_port:
        return RuleProtocol(destination_named_port=port.named_port)
    return protocol_entry(*_interval(port))


def _port_obstacle(port: RulePort) -> str:
    """Why an entry of `ports` cannot be converted; empty if it can."""
    if port.named_port:
        return ""
    if port.port_number is None and port.port_range is None:
        return "this entry has no known field, so which ports it means is not known"
    protocol, first, last = _interval(port)
    if protocol not in PROTOCOLS:
        return f"a ClusterNetworkPolicy cannot name protocol {protocol!r}: it supports {', '.join(PROTOCOLS)}"
    # The definitions of the older kinds do not compare start and end; that of ClusterNetworkPolicy does.
    if first > last:
        return f"the range {first}-{last} contains no port, and a ClusterNetworkPolicy cannot have such a range"
    return ""


def _interval(port: RulePort) -> tuple[str, int, int]:
    """The protocol, and the first and the last port, of an entry without a port name."""
    if port.port_number is not None:
        return port.port_number.protocol, port.port_number.port, port.port_number.port
    assert port.port_range is not None
    return port.port_range.protocol, port.port_range.start, port.port_range.end
