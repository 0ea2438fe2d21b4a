"""Rules, peers and ports as they are written, each with its path and its compiled form."""

from collections.abc import Iterator
from typing import Final

import msgspec

from ringfence.engine.policies import CompiledRule, PodSelection, compile_peer
from ringfence.engine.population import Member
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Rule
from ringfence.model.policies import Direction, rules_of
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

SPEC_FIELDS: Final = ("podSelector", "policyTypes", "ingress", "egress")
PORT_FIELDS: Final = ("protocol", "port", "endPort")
"""The fields of a policy's spec (`SPEC_FIELDS`), and of a port entry."""


class WrittenRule(msgspec.Struct, frozen=True):
    """A rule in force."""

    policy: PolicyInForce
    direction: Direction
    compiled: CompiledRule
    written: Rule

    @property
    def path(self) -> str:
        """Its field: `spec.ingress[0]`."""
        return f"spec.{self.direction.field}[{self.compiled.index}]"

    def peers(self) -> "Iterator[WrittenPeer]":
        """Its peers."""
        for index, peer in enumerate(self.written.peers):
            yield WrittenPeer(self, index, peer)

    def destinations(self, linted: Linted) -> list[Member]:
        """The destination pods of the rule in the input, without those that only an ipBlock matches."""
        if self.direction is Direction.INGRESS:
            return linted.pods_of(self.policy.subject)
        if self.compiled.peers.everyone:
            return [pod for pod in linted.state.members() if not pod.host_network]
        found = {pod: None for one in self.compiled.peers.selections for pod in linted.pods_of(one)}
        return list(found)

    def traffic_to(self, destination: Member) -> Traffic:
        """The traffic that the rule allows to a pod; port names are resolved at this pod."""
        named = set(self.compiled.port_names)
        return Traffic.union_of(
            [
                self.compiled.traffic,
                *(
                    Traffic.of(port.protocol, ((port.port, port.port),))
                    for port in destination.named_ports
                    if (port.name, port.protocol) in named
                ),
            ]
        )

    def ports(self) -> Iterator[tuple[str, NetworkPolicyPort]]:
        """Its port entries, with their paths."""
        for index, port in enumerate(self.written.ports):
            yield f"{self.path}.ports[{index}]", port


class WrittenPeer(msgspec.Struct, frozen=True):
    """A peer of a rule in force."""

    rule: WrittenRule
    index: int
    peer: NetworkPolicyPeer

    @property
    def policy(self) -> PolicyInForce:
        """The policy that it is in."""
        return self.rule.policy

    @property
    def path(self) -> str:
        """Its field: `spec.ingress[0].from[1]`."""
        return f"{self.rule.path}.{self.rule.direction.peers_field}[{self.index}]"

    @property
    def addresses(self) -> Addresses:
        """The addresses of its ipBlock; none for a peer with selectors."""
        block = self.peer.ip_block
        if block is None:
            return NO_ADDRESSES
        return Addresses.of(parse_cidr(block.cidr)) - Addresses.of(*map(parse_cidr, block.excepts))

    @property
    def selection(self) -> PodSelection | None:
        """The pods that it selects; None for an ipBlock."""
        return None if self.peer.ip_block else compile_peer(self.peer, self.policy.namespace)


def rules_in_force(linted: Linted) -> Iterator[WrittenRule]:
    """The rules of all NetworkPolicies, for the directions of these policies."""
    for policy in linted.policies:
        for direction, rules in policy.rules.items():
            for rule in rules:
                yield WrittenRule(policy, direction, rule, rules_of(policy.policy, direction)[rule.index])


def peers_in_force(linted: Linted) -> Iterator[WrittenPeer]:
    """The peers of all rules in force."""
    for rule in rules_in_force(linted):
        yield from rule.peers()


def selects_all_of(policy: PolicyInForce, other: PolicyInForce) -> bool:
    """Whether a policy selects all pods that another one selects, in any cluster."""
    # Fewer terms select more pods. This misses some cases, such as `in (a, b)` beside `in (a)`, but is never wrong.
    return policy.namespace == other.namespace and set(policy.subject.pods.terms) <= set(other.subject.pods.terms)


def rules_for_all_its_pods(linted: Linted, rule: WrittenRule) -> Iterator[WrittenRule]:
    """The other rules of the same direction that apply to all pods of a rule's policy, in any cluster."""
    for policy in linted.policies_in(rule.policy.namespace):
        if selects_all_of(policy, rule.policy):
            yield from (
                other for other in rules_of_policy(policy, rule.direction) if other.compiled is not rule.compiled
            )


def rules_for_some_of_its_pods(linted: Linted, rule: WrittenRule) -> Iterator[WrittenRule]:
    """The other rules of the same direction to whose pods a rule applies as well, in any cluster."""
    for policy in linted.policies_in(rule.policy.namespace):
        if selects_all_of(rule.policy, policy):
            yield from (
                other for other in rules_of_policy(policy, rule.direction) if other.compiled is not rule.compiled
            )


def rules_of_policy(policy: PolicyInForce, direction: Direction) -> Iterator[WrittenRule]:
    """The rules that a policy has in force for a direction."""
    for rule in policy.rules.get(direction, ()):
        yield WrittenRule(policy, direction, rule, rules_of(policy.policy, direction)[rule.index])


def allows_everything(rule: CompiledRule) -> bool:
    """Whether a rule matches all peers and all traffic."""
    return rule.peers.everyone and rule.traffic == ALL_TRAFFIC


def isolating_policy(linted: Linted, pod: Member, direction: Direction) -> PolicyInForce | None:
    """The NetworkPolicy that isolates a pod in a direction; of several, the one that selects the fewest pods.

    None if no NetworkPolicy does; policies of administrators do not count.
    """
    profiles = linted.state.tiers.profiles(linted.state.identity(pod), direction)
    found = [policy for one in profiles for policy in one.policies if isinstance(policy.policy, NetworkPolicy)]
    # The policy with the fewest pods is the one that was written for these, and best to be corrected.
    return min(found, key=lambda policy: linted.state.selected(policy.subject).bit_count(), default=None)
