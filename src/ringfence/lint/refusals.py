"""Peers whose connections the policies of the other end deny (RF113 and RF142).

A connection between two pods needs the egress of its source and the ingress of its destination. A peer that selects
pods by labels is refused if none of the connections that it allows is possible between any pods of the input.
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from ringfence.engine.answers import is_exempt, side_traffic
from ringfence.engine.policies import CompiledPolicy, CompiledRule, PodSelection, own_ports
from ringfence.engine.population import Identity, Member
from ringfence.lint.findings import RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Premise
from ringfence.lint.rule import MOST_RELATED
from ringfence.lint.written import WrittenPeer, peers_in_force
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import Traffic


class NamingRule(msgspec.Struct, frozen=True):
    """A rule that selects a pod by its labels: its policy and its path."""

    policy: CompiledPolicy[object]
    path: str

    def __str__(self) -> str:
        place = f" ({self.policy.origin.at(self.path)})" if self.policy.origin else ""
        return f"{self.policy} {self.path}{place}"


class RefusedPeer(msgspec.Struct, frozen=True):
    """A peer without any possible connection, with an example: a pod of its policy, and one that it selects.

    `named` is the traffic that the rule allows, `allowed` the traffic that the other end allows. `policies` are those
    of the other end, and `naming` is a rule of one of them that selects the pod of this policy by labels, if there is
    one.
    """

    peer: WrittenPeer
    own: Member
    other: Member
    named: Traffic
    allowed: Traffic
    policies: tuple[CompiledPolicy[object], ...]
    naming: NamingRule | None

    def premises(self, linted: Linted) -> tuple[Premise, ...]:
        """The premise that policies of unsupported kinds do not allow the pods of the peer more."""
        assert self.peer.selection is not None
        others = tuple(linted.pods_of(self.peer.selection)) if linted.state.doubts else (self.other,)
        return (Premise(others, self.direction, is_refusal=True, is_between_pods=True),)

    @property
    def related(self) -> tuple[RelatedPlace, ...]:
        """The rule of the other end that selects the pod of this policy, or else the policies there."""
        fields = [(one, "") for one in self.policies[:MOST_RELATED]]
        if self.naming:
            fields = [(self.naming.policy, self.naming.path)]
        text = "the rule of the other end" if self.naming else "a policy of the other end"
        return tuple(
            RelatedPlace(policy.origin.at(path), text, f"{policy.kind_name} {policy}")
            for policy, path in fields
            if policy.origin
        )

    @property
    def direction(self) -> Direction:
        """The direction of the rules of the other end."""
        return self.peer.rule.direction.opposite

    @property
    def source(self) -> Member:
        """The pod that opens the connection."""
        return self.other if self.direction is Direction.EGRESS else self.own

    @property
    def destination(self) -> Member:
        """The pod that accepts the connection."""
        return self.own if self.direction is Direction.EGRESS else self.other


def refusals(linted: Linted) -> list[RefusedPeer]:
    """The peers of all rules in force that the other end refuses, computed once."""
    return linted.remembered("refusals", lambda: list(_refusals(linted)))


def _refusals(linted: Linted) -> Iterator[RefusedPeer]:
    for peer in peers_in_force(linted):
        selection = peer.selection
        # A peer of all pods is not meant for one in particular, so a refusal by some of them is no mistake.
        if selection is None or not selection.pods.terms or _may_have_others(linted, selection):
            continue
        if found := _refused(linted, peer):
            own, other, named, allowed = found
            direction = peer.rule.direction.opposite
            policies = _policies(linted, other, direction)
            naming = _naming(linted, policies, direction, own)
            yield RefusedPeer(peer, own, other, named, allowed, tuple(policies), naming)


def _may_have_others(linted: Linted, selection: PodSelection) -> bool:
    """Whether a peer may select pods that the input does not contain, which may allow the connection."""
    return linted.operators_make_pods(selection) or linted.may_be_elsewhere(selection)


def _refused(linted: Linted, peer: WrittenPeer) -> tuple[Member, Member, Traffic, Traffic] | None:
    """A pod of the policy, one of the peer, and the traffic that either side allows; None if any is common."""
    first: tuple[Member, Member, Traffic, Traffic] | None = None
    assert peer.selection is not None
    direction = peer.rule.direction
    others, owns = linted.identities_of(peer.selection), linted.identities_of(peer.policy.subject)
    if not others or not owns:
        return None
    family = _only_family(linted, [*others, *owns])
    is_each_alike = family is not None and not peer.rule.compiled.port_names and not set(others) & set(owns)
    if family is not None and is_each_alike:
        if _passes(linted, peer, bitsets.of(one.bit for one in owns), others, family):
            return None
        # No pair passes, so any pair is an example, and the loops below end after the first.
        owns, others = owns[:1], others[:1]
    for own in map(_example, owns):
        for other in map(_example, others):
            source, destination = (other, own) if direction is Direction.INGRESS else (own, other)
            named = peer.rule.traffic_to(destination)
            allowed = side_traffic(linted.state, other, direction.opposite, own)
            # One pair that can connect is enough: the peer then has an effect, whatever other pods refuse.
            if not named or is_exempt(linted.state, source, destination) or named & allowed:
                return None
            first = first or (own, other, named, allowed)
    return first


def _example(identity: Identity) -> Member:
    return next(iter(identity.pods()))


def _only_family(linted: Linted, identities: list[Identity]) -> Family | None:
    """The only address family that decides between these pods; None if several may decide."""
    families = identities[0].families
    if any(one.families != families for one in identities):
        return None
    # Unless a policy reads addresses, both families get the same answers, and one of them decides.
    deciding = families if len(families) == 1 else linted.state.population.decisive_families()
    return deciding[0] if len(deciding) == 1 else None


def _passes(linted: Linted, peer: WrittenPeer, owns: Bitset, others: list[Identity], family: Family) -> bool:
    """Whether the other side allows any traffic of the rule, between any pods.

    Most pods of a peer have the same policies, so what these allow is computed once and cached for all peers.
    """
    tiers, direction, named = linted.state.tiers, peer.rule.direction.opposite, peer.rule.compiled.traffic
    stacks = {(stack := tiers.stack(one, direction), own_ports(stack, one)) for one in others}
    for stack, ports in stacks:
        cells = linted.remembered((stack, ports, family), partial(tiers.peers_of, stack, ports, family))
        if any(bits & owns and traffic & named for bits, traffic in cells):
            return True
    return False


def _policies(linted: Linted, pod: Member, direction: Direction) -> list[CompiledPolicy[object]]:
    profiles = linted.state.tiers.profiles(linted.state.identity(pod), direction)
    return [policy for profile in profiles for policy in profile.policies]


def _naming(
    linted: Linted, policies: list[CompiledPolicy[object]], direction: Direction, pod: Member
) -> NamingRule | None:
    """The first rule that selects a pod by its labels; None if there is none."""
    bit = 1 << linted.state.identity(pod).bit
    for policy in policies:
        for rule in policy.rules.get(direction, ()):
            if _names(linted, rule, bit):
                return NamingRule(policy, f"spec.{direction.field}[{rule.index}]")
    return None


def _names(linted: Linted, rule: CompiledRule, bit: int) -> bool:
    return any(one.pods.terms and linted.state.selected(one) & bit for one in rule.peers.selections)
