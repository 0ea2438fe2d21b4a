"""Tiers: the one place where rules become a verdict, and the answers to all questions about policies of any kind.

Policies come in tiers, evaluated one after another for each direction. A tier allows some of the traffic between a
subject and a peer, denies some, and passes the rest on to the next tier; what no tier decides is allowed:

    admin policies (allow, deny, pass by priority)  ->  NetworkPolicy  ->  baseline policies  ->  allowed

The outer two are those of the administrators (`cluster_policies`). To add another tier, write a file like
`network_policies` that compiles the kind's objects and describes the kind (`TierKind`), and name it in
`policies_in_force`, before or after NetworkPolicy. All readers (verdicts, explanations, kernel programs, the
laboratory) go through `Tiers` and need no change.

Source: network-policy-api, "Evaluation order"; for NetworkPolicy alone, the Kubernetes documentation, "The two sorts of
pod isolation".
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ringfence.engine.policies.matching import End
from ringfence.engine.policies.port_rulings import PortRulings
from ringfence.engine.policies.profiles import (
    NO_OWN_PORTS,
    AddressRule,
    OwnPorts,
    PortQuestion,
    PortRuling,
    Profile,
    Stack,
    own_ports,
)
from ringfence.engine.policies.rules import CompiledPolicy, CompiledRule, Peers
from ringfence.engine.policies.rulings import Rulings, extent_of, own_traffic
from ringfence.engine.policies.selection import Selections
from ringfence.engine.policies.tier import MatchedPeer, RuleContext, Tier
from ringfence.engine.population import Identity, Member, Population
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, FAMILIES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic
from ringfence.steps import Steps


class TiersVersion(NamedTuple):
    """The versions of all policies at one time, to find out later what has changed since."""

    policies: tuple[int, ...]
    namespaces: int


_VERSION: Final = attrgetter("version")  # of a tier: each question about a pod reads those of all

BEFORE_EVERYTHING = TiersVersion((), -1)
"""The version before any policy was added."""


class Tiers:
    """All policies in force, in the order in which the tiers are evaluated.

    The methods that answer for many at once (all peers, all subjects, all addresses) agree with `allows`, which answers
    for one pair and one port.
    """

    def __init__(self, population: Population, selections: Selections, tiers: Sequence[Tier[Any]]) -> None:
        self._population = population
        self._selections = selections
        self._tiers = tuple(tiers)
        self._by_name = {tier.kind.name: tier for tier in tiers}
        self._rulings = Rulings(population, selections)
        self._on_ports = PortRulings(population, selections)

    # --- what is allowed --------------------------------------------------------------------------------------------

    def allows(self, subject: Identity, direction: Direction, peer: Identity, question: PortQuestion) -> bool:
        """Whether `subject`'s side allows one port with `peer`: the first tier that does not pass decides."""
        return self._on_ports.allows(self.stack(subject, direction), subject, peer, question)

    def peers_allowed(self, subject: Identity, direction: Direction, question: PortQuestion) -> Bitset:
        """The identities with which `subject`'s side allows one port: `allows`, for all peers."""
        stack = self.stack(subject, direction)
        return self._first_decides(self._on_ports.on_port(profile, subject, question) for profile in stack)

    def subjects_allowing(self, peer: Identity, direction: Direction, question: PortQuestion) -> Bitset:
        """The identities whose own side allows one port with `peer`: `allows`, for all subjects."""
        return self._first_decides(tier.subject_ruling(peer, direction, question) for tier in self._tiers)

    def _first_decides(self, rulings: Iterable[PortRuling]) -> Bitset:
        """The identities that the first ruling which does not pass allows; those that all pass are allowed."""
        allowed, undecided = 0, self._population.everyone
        for allow, deny in rulings:
            allowed |= undecided & allow
            undecided &= ~(allow | deny)
        return allowed | undecided

    def allowed_peers(self, subject: Identity, direction: Direction, family: Family) -> Partition[Bitset, Traffic]:
        """The traffic that `subject`'s side allows, for every identity as a peer."""
        stack = self.stack(subject, direction)
        return self.peers_of(stack, own_ports(stack, subject), family)

    def allowed_with(self, subject: Identity, direction: Direction, peer: Member, family: Family) -> Traffic:
        """The traffic that `subject`'s side allows with one pod: `allowed_peers`, for this peer alone."""
        stack = self.stack(subject, direction)
        return self._rulings.on_peer(stack, own_ports(stack, subject), peer, family) if stack else ALL_TRAFFIC

    def allowed_addresses(
        self, subject: Identity, direction: Direction, within: Addresses = ALL_ADDRESSES
    ) -> Partition[Addresses, Traffic]:
        """The traffic that `subject`'s side allows, for every address outside the cluster, of those `within`."""
        stack = self.stack(subject, direction)
        return self.addresses_of(stack, own_ports(stack, subject), within)

    # --- what kernel programs are made of ---------------------------------------------------------------------------

    def stack(self, subject: Identity, direction: Direction) -> Stack:
        """The profiles that decide about a subject, in order; none if no policy selects it.

        Pods that the same policies select have the same profile objects. A profile that passes nothing on is the last.
        """
        # The numbers only grow, so their sum differs after any change.
        present = sum(map(_VERSION, self._tiers), self._selections.namespaces_version)
        known: Any = subject.cache.get(direction)
        if known is None or known[0] != present:
            known = subject.cache[direction] = (present, _to_last(self.profiles(subject, direction)))
        found: Stack = known[1]
        return found

    def profiles(self, subject: Identity, direction: Direction) -> Iterator[Profile]:
        """The profiles of a subject in all tiers, in order, whether or not an earlier one passes anything on."""
        for tier in self._tiers:
            profile = tier.profile(subject, direction)
            if profile is not None:
                yield profile

    def stack_of(self, selecting: Sequence[CompiledPolicy[Any]], direction: Direction) -> Stack:
        """The profiles of pods that exactly these policies select for a direction, whether or not there are any."""
        profiles = (
            tier.profile_of([policy for policy in selecting if tier.has(policy)], direction) for tier in self._tiers
        )
        return _to_last(profile for profile in profiles if profile is not None)

    def stack_replacing(
        self, subject: Identity, direction: Direction, old: CompiledPolicy[Any], new: CompiledPolicy[Any] | None
    ) -> Stack:
        """The profiles of a subject if another policy, of the same subjects, or none, were in place of one in force."""
        profiles = (self._replacing(profile, old, new) for profile in self.profiles(subject, direction))
        return _to_last(profile for profile in profiles if profile is not None)

    def _replacing(self, profile: Profile, old: CompiledPolicy[Any], new: CompiledPolicy[Any] | None) -> Profile | None:
        if old not in profile.policies:
            return profile
        others = [policy for policy in profile.policies if policy is not old]
        if new is not None and profile.direction in new.rules:
            others.append(new)
        return self._by_name[profile.tier].profile_of(others, profile.direction)

    def peers_of(
        self, stack: Stack, own: OwnPorts = NO_OWN_PORTS, family: Family = Family.IPV4
    ) -> Partition[Bitset, Traffic]:
        """The traffic that a stack allows, for every identity as a peer of a subject with these ports of its own."""
        if not stack:
            return [(self._population.everyone, ALL_TRAFFIC)] if self._population.everyone else []
        return self._rulings.on_peers(stack, own, family)

    def addresses_of(
        self, stack: Stack, own: OwnPorts = NO_OWN_PORTS, within: Addresses = ALL_ADDRESSES
    ) -> Partition[Addresses, Traffic]:
        """The traffic that a stack allows, for every address outside the cluster, of those `within`."""
        if not stack:
            return [(within, ALL_TRAFFIC)] if within else []
        return self._rulings.on_addresses(stack, own, within)

    def address_traffic(self, rule: CompiledRule, own: OwnPorts = NO_OWN_PORTS) -> Iterator[AddressRule]:
        """The addresses outside the cluster that a rule is about, and the traffic: nothing, or one pair of both."""
        extent, traffic = extent_of(rule), own_traffic(rule, own)
        if extent and traffic:
            yield extent, traffic

    def address_rules(self, stack: Stack, own: OwnPorts = NO_OWN_PORTS) -> Steps[list[AddressRule]]:
        """What a stack allows with addresses outside the cluster, as pairs of addresses and traffic, step by step.

        All that any pair allows is allowed. Pairs may overlap, so there are never more of them than rules, and together
        they are no longer than the policies; the cells of `addresses_of` can be as long as the square of that. No two
        pairs have the same traffic.
        """
        return (yield from self._rulings.address_rules(stack, own)) if stack else [(ALL_ADDRESSES, ALL_TRAFFIC)]

    def joined_address_rules(
        self, rules: Iterable[CompiledRule], own: OwnPorts = NO_OWN_PORTS
    ) -> Steps[list[AddressRule]]:
        """What some rules, all of which allow, say of addresses outside the cluster, as `address_rules` of a stack."""
        return self._rulings.joined_address_rules(rules, own)

    def allows_everything(self, stack: Stack) -> bool:
        """Whether a stack whose rules only allow (`is_union`) allows everything, whatever pods there are.

        A rule with ports never allows all traffic, since ports do not exist in ICMP: only rules without ports count.
        """
        rules = [rule for profile in stack for rule in profile.rules if rule.traffic == ALL_TRAFFIC]
        if any(rule.peers.everyone for rule in rules):
            return True
        wholly = [extent for rule in rules if (extent := rule.peers.addresses)]
        # Uniting hundreds of thousands of addresses takes long, and seldom are there enough of them.
        if any(sum(one.size(family) for one in wholly) < ALL_ADDRESSES.size(family) for family in FAMILIES):
            return not stack
        return Addresses.union_of(wholly) == ALL_ADDRESSES

    def peers(self, peers: Peers, family: Family) -> Bitset:
        """The identities that a rule is about, as peers reached over one family."""
        return peers.among(self._selections, family)

    def rule_traffic(
        self, rule: CompiledRule, direction: Direction, peers: Bitset, own: OwnPorts
    ) -> Iterator[tuple[Bitset, Traffic]]:
        """The traffic that a rule is about with some peers, in extents that may overlap."""
        return self._rulings.rule_traffic(rule, direction, peers, own)

    @property
    def version(self) -> TiersVersion:
        """The present moment, for `namespaces_changed_since`."""
        return TiersVersion(tuple(tier.version for tier in self._tiers), self._selections.namespaces_version)

    def namespaces_changed_since(self, version: TiersVersion) -> frozenset[str] | None:
        """The namespaces in which other policies may select a pod than at `version`; None if in any."""
        found: set[str] = set()
        before = version.policies or (-1,) * len(self._tiers)
        for tier, tier_version in zip(self._tiers, before, strict=True):
            if tier.selects_by_namespace_labels and version.namespaces != self._selections.namespaces_version:
                found |= self._selections.namespaces_changed_since(version.namespaces)
            if tier.version != tier_version:
                found |= tier.namespaces_changed_since(tier_version)
        return None if "" in found else frozenset(found)

    # --- the policies, and their reasons ----------------------------------------------------------------------------

    def policies(self) -> Iterator[CompiledPolicy[Any]]:
        """All policies in force, by tier, namespace and name."""
        for tier in self._tiers:
            yield from tier.all_policies()

    def policies_in(self, namespace: str) -> Iterator[CompiledPolicy[Any]]:
        """The policies that may select pods of a namespace: its own, and the cluster-scoped ones."""
        for tier in self._tiers:
            yield from tier.policies(namespace)
            yield from tier.policies("")

    def match_peers(
        self, profile: Profile, context: RuleContext, end: End, families: tuple[Family, ...]
    ) -> Iterator[MatchedPeer]:
        """Of each peer that a rule of a profile has: whether it matches an end over some families, and why."""
        return self._by_name[profile.tier].kind.match_peers(context, end, families)


def _to_last(profiles: Iterable[Profile]) -> Stack:
    """The profiles up to the first that passes nothing on."""
    stack: Stack = ()
    for profile in profiles:
        stack = (*stack, profile)
        if profile.is_final:
            break
    return stack
