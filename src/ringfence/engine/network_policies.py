"""The NetworkPolicy tier: isolation per direction, and the union of the rules of all policies that select a pod.

A pod that no policy selects for a direction is not isolated in it: the tier passes everything. One that is isolated is
allowed exactly what some rule allows; everything else is denied, whatever the order of policies.

Source: Kubernetes documentation, "Network Policies": "The two sorts of pod isolation".
"""

from collections import defaultdict
from functools import reduce
from operator import or_
from typing import cast
from weakref import WeakValueDictionary

from ringfence.engine.pods import NamedPort
from ringfence.engine.population import Identity, Population
from ringfence.engine.rules import CompiledPolicy, CompiledRule, Peers
from ringfence.engine.selection import Selections
from ringfence.engine.tiers import Action, Ruling
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class Profile:
    """The policies that isolate a pod in one direction, and all their rules. Pods of the same policies share it."""

    __slots__ = ("__weakref__", "direction", "policies", "rules")

    def __init__(self, direction: Direction, policies: tuple[CompiledPolicy, ...]) -> None:
        self.direction = direction
        self.policies = policies
        self.rules = tuple(rule for policy in policies for rule in policy.rules[direction])


class NetworkPolicyTier:
    """All NetworkPolicies in force. `version` grows with every change of a policy."""

    def __init__(self, population: Population, selections: Selections) -> None:
        self.version = 0
        self._population = population
        self._selections = selections
        self._policies: defaultdict[str, dict[str, CompiledPolicy]] = defaultdict(dict)
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._uses_version: object = None
        self._remembered_uses: dict[Direction, tuple[Bitset, dict[Peers, list[tuple[CompiledRule, Bitset]]]]] = {}
        self._profiles: WeakValueDictionary[tuple[Direction, tuple[CompiledPolicy, ...]], Profile]
        self._profiles = WeakValueDictionary()

    # --- policies -------------------------------------------------------------------------------------------------

    def upsert(self, policy: CompiledPolicy) -> None:
        """Put a policy in force, in place of an older one of its name."""
        old = self._policies[policy.namespace].get(policy.name)
        self._policies[policy.namespace][policy.name] = policy
        self._population.read(policy.aspects())
        for block in policy.blocks():
            self._population.read_block(block)
        self._changed(policy.namespace, old)

    def remove(self, namespace: str, name: str) -> None:
        """Take a policy out of force, if it is in."""
        old = self._policies[namespace].pop(name, None)
        self._changed(namespace, old)

    def policies(self, namespace: str) -> list[CompiledPolicy]:
        """The policies of a namespace by name."""
        return sorted(self._policies[namespace].values(), key=lambda policy: policy.name)

    def all_policies(self) -> list[CompiledPolicy]:
        """All policies, by namespace and name."""
        return [policy for namespace in sorted(self._policies) for policy in self.policies(namespace)]

    def policy(self, namespace: str, name: str) -> CompiledPolicy | None:
        """The policy of a name, if there is one."""
        return self._policies[namespace].get(name)

    def namespaces_changed_since(self, version: int) -> set[str]:
        """The namespaces whose policies have changed since `version` was this tier's."""
        return {namespace for namespace, changed in self._versions.items() if changed > version}

    def _changed(self, namespace: str, old: CompiledPolicy | None) -> None:
        if old is not None:
            self._population.unread(old.aspects())
            for block in old.blocks():
                self._population.unread_block(block)
        self.version += 1
        self._versions[namespace] = self.version

    # --- isolation ------------------------------------------------------------------------------------------------

    def profile(self, subject: Identity, direction: Direction) -> Profile | None:
        """The policies that isolate `subject` in a direction and their rules; None if it is not isolated."""
        if subject.host_network:
            return None
        version = self._versions[subject.namespace]
        known = cast(tuple[int, Profile | None] | None, subject.cache.get(direction))
        if known is not None and known[0] == version:
            return known[1]
        profile = self._find_profile(subject, direction)
        subject.cache[direction] = (version, profile)
        return profile

    def _find_profile(self, subject: Identity, direction: Direction) -> Profile | None:
        isolating = tuple(
            policy
            for policy in self._policies[subject.namespace].values()
            if direction in policy.rules and self._selections.pods(policy.subject) >> subject.bit & 1
        )
        if not isolating:
            return None
        profile = self._profiles.get((direction, isolating))
        if profile is None:
            profile = self._profiles[direction, isolating] = Profile(direction, isolating)
        return profile

    # --- what rules say -------------------------------------------------------------------------------------------

    def peers(self, peers: Peers, family: Family) -> Bitset:
        """The identities that a rule is about, as peers reached over one family."""
        if peers.everyone:
            return self._population.everyone
        bits = self._selections.union(peers.selections)
        return bits | self._selections.in_block(peers.block, family) if peers.block else bits

    def action(
        self,
        subject: Identity,
        direction: Direction,
        peer: Identity,
        family: Family,
        protocol: str,
        port: int,
    ) -> Action:
        """What the policies say about one protocol and port; see `Tier`."""
        profile = self.profile(subject, direction)
        if profile is None:
            return Action.PASS
        destination = subject if direction is Direction.INGRESS else peer
        for rule in profile.rules:
            if self._names_port(rule, destination, protocol, port) and self._names_peer(rule.peers, peer, family):
                return Action.ALLOW
        return Action.DENY

    def _names_port(self, rule: CompiledRule, destination: Identity, protocol: str, port: int) -> bool:
        if rule.traffic is ALL_TRAFFIC or rule.traffic.contains(protocol, port):
            return True
        return any(
            name_protocol == protocol and port in destination.ports_named(name, protocol)
            for name, name_protocol in rule.port_names
        )

    def _names_peer(self, peers: Peers, peer: Identity, family: Family) -> bool:
        return peers.everyone or bool(self.peers(peers, family) >> peer.bit & 1)

    def rulings(self, subject: Identity, direction: Direction, family: Family) -> Partition[Bitset, Ruling]:
        """What the policies say about every identity as a peer; see `Tier`."""
        profile = self.profile(subject, direction)
        if profile is None:
            return []
        cells: Partition[Bitset, Traffic] = [(self._population.everyone, NO_TRAFFIC)]
        for rule in profile.rules:
            peers = self.peers(rule.peers, family)
            if direction is Direction.INGRESS:
                cells = _adding(cells, peers, rule.traffic | _resolved(rule, subject))
            else:
                cells = _adding(cells, peers, rule.traffic)
                for named, traffic in self._named_at(rule, peers):
                    cells = _adding(cells, named, traffic)
        return [(peers, Ruling(traffic, ALL_TRAFFIC - traffic)) for peers, traffic in merged(cells)]

    def subject_rulings(
        self, peer: Identity, direction: Direction, family: Family, protocol: str, port: int
    ) -> tuple[Bitset, Bitset]:
        """What the policies of every identity say about one peer, protocol and port; see `Tier`."""
        isolated, uses = self._uses(direction)
        allowed = 0
        for peers, of_peers in uses.items():
            if self._names_peer(peers, peer, family):
                for rule, subjects in of_peers:
                    if rule.traffic.contains(protocol, port):
                        allowed |= subjects
                    elif rule.port_names:
                        allowed |= subjects & self._where_named(rule, direction, peer, protocol, port)
        return allowed, isolated & ~allowed

    def address_rulings(self, subject: Identity, direction: Direction) -> Partition[Addresses, Ruling]:
        """What the policies say about every address outside the cluster; see `Tier`.

        A named port is looked up on the destination, so outside the cluster it never means anything.
        """
        profile = self.profile(subject, direction)
        if profile is None:
            return []
        cells: Partition[Addresses, Traffic] = [(ALL_ADDRESSES, NO_TRAFFIC)]
        for rule in profile.rules:
            traffic = rule.traffic | _resolved(rule, subject) if direction is Direction.INGRESS else rule.traffic
            extent = ALL_ADDRESSES if rule.peers.everyone else rule.peers.addresses
            cells = changed_within(cells, extent, traffic.__or__)
        return [(addresses, Ruling(traffic, ALL_TRAFFIC - traffic)) for addresses, traffic in merged(cells)]

    def _uses(self, direction: Direction) -> tuple[Bitset, dict[Peers, list[tuple[CompiledRule, Bitset]]]]:
        """The isolated identities, and for all peers that any rule is about, those rules and their subjects."""
        version = (self.version, self._selections.version)
        if version != self._uses_version:
            self._uses_version, self._remembered_uses = version, {}
        if direction not in self._remembered_uses:
            isolated = 0
            uses: defaultdict[Peers, list[tuple[CompiledRule, Bitset]]] = defaultdict(list)
            for policies in self._policies.values():
                for policy in policies.values():
                    if direction in policy.rules:
                        subjects = self._selections.pods(policy.subject)
                        isolated |= subjects
                        for rule in policy.rules[direction]:
                            uses[rule.peers].append((rule, subjects))
            self._remembered_uses[direction] = (isolated, uses)
        return self._remembered_uses[direction]

    def _where_named(
        self, rule: CompiledRule, direction: Direction, peer: Identity, protocol: str, port: int
    ) -> Bitset:
        """The subjects for which one of a rule's port names stands for this port at the destination."""
        names = [name for name, name_protocol in rule.port_names if name_protocol == protocol]
        if direction is Direction.EGRESS:
            named = any(port in peer.ports_named(name, protocol) for name in names)
            return self._population.everyone if named else 0
        return reduce(or_, (self._population.holding(NamedPort(name, protocol, port)) for name in names), 0)

    def _named_at(self, rule: CompiledRule, destinations: Bitset) -> Partition[Bitset, Traffic]:
        """The traffic that a rule's port names stand for, at each of the destinations that have such ports."""
        return [
            (named, Traffic.of(port.protocol, ((port.port, port.port),)))
            for name in rule.port_names
            for port in self._population.ports_named(name)
            if (named := destinations & self._population.holding(port))
        ]


def _adding(cells: Partition[Bitset, Traffic], extent: Bitset, traffic: Traffic) -> Partition[Bitset, Traffic]:
    return changed_within(cells, extent, traffic.__or__) if traffic else cells


def _resolved(rule: CompiledRule, destination: Identity) -> Traffic:
    """The traffic that a rule's port names stand for at one destination."""
    return reduce(
        or_,
        (
            Traffic.of(protocol, ((port, port) for port in destination.ports_named(name, protocol)))
            for name, protocol in rule.port_names
        ),
        NO_TRAFFIC,
    )
