"""The NetworkPolicy tier: isolation per direction, and the union of the rules of all policies that select a pod.

A pod that no policy selects for a direction is not isolated in it: the tier passes everything. One that is isolated is
allowed exactly what some rule allows; everything else is denied, whatever the order of policies.

Source: Kubernetes documentation, "Network Policies": "The two sorts of pod isolation".
"""

from collections import defaultdict
from functools import reduce
from operator import or_
from typing import Any
from weakref import WeakValueDictionary

from ringfence.engine.policies.peer_index import AllUses, Use, Uses
from ringfence.engine.policies.profiles import PortRuling, Profile
from ringfence.engine.policies.rules import CompiledPolicy, CompiledRule, Peers
from ringfence.engine.policies.selection import Selections
from ringfence.engine.policies.tiers import Action, Ruling
from ringfence.engine.population import Identity, NamedPort, Population
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class NetworkPolicyTier:
    """All NetworkPolicies in force. `version` grows with every change of a policy."""

    def __init__(self, population: Population, selections: Selections) -> None:
        self.version = 0
        self._population = population
        self._selections = selections
        self._policies: defaultdict[str, dict[str, CompiledPolicy]] = defaultdict(dict)
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._remembered_subjects: dict[str, tuple[object, list[tuple[CompiledPolicy, Bitset]]]] = {}
        self._uses_version: object = None
        self._remembered_uses: dict[tuple[Direction, Family], AllUses] = {}
        self._profiles: WeakValueDictionary[tuple[Direction, tuple[CompiledPolicy, ...]], Profile]
        self._profiles = WeakValueDictionary()

    # --- policies -------------------------------------------------------------------------------------------------

    def upsert(self, policy: CompiledPolicy) -> None:
        """Put a policy in force, in place of an older one of its name."""
        old = self._policies[policy.namespace].get(policy.name)
        self._policies[policy.namespace][policy.name] = policy
        self._population.start_reading(policy.read_facts())
        for block in policy.blocks():
            self._population.start_reading_block(block)
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
            self._population.stop_reading(old.read_facts())
            for block in old.blocks():
                self._population.stop_reading_block(block)
        self.version += 1
        self._versions[namespace] = self.version

    # --- isolation ------------------------------------------------------------------------------------------------

    def profile(self, subject: Identity, direction: Direction) -> Profile | None:
        """The policies that isolate `subject` in a direction and their rules; None if it is not isolated."""
        template = subject.template
        if template.host_network:
            return None
        version = self._versions[template.namespace]
        known: Any = subject.cache.get(direction)
        if known is None or known[0] != version:
            known = subject.cache[direction] = (version, self._find_profile(subject, direction))
        found: Profile | None = known[1]
        return found

    def _find_profile(self, subject: Identity, direction: Direction) -> Profile | None:
        isolating = tuple(
            policy
            for policy, subjects in self._policies_with_subjects(subject.namespace)
            if subjects >> subject.bit & 1 and direction in policy.rules
        )
        if not isolating:
            return None
        profile = self._profiles.get((direction, isolating))
        if profile is None:
            profile = self._profiles[direction, isolating] = Profile(direction, isolating)
        return profile

    def _policies_with_subjects(self, namespace: str) -> list[tuple[CompiledPolicy, Bitset]]:
        """The policies of a namespace and whom they select; remembered as long as nothing changes."""
        version = (self._versions[namespace], self._selections.version)
        remembered = self._remembered_subjects.get(namespace)
        if remembered is None or remembered[0] != version:
            policies = self._policies[namespace].values()
            remembered = version, [(policy, self._selections.pods(policy.subject)) for policy in policies]
            self._remembered_subjects[namespace] = remembered
        return remembered[1]

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
        allowed = self._allowed_peers(profile, subject, family, protocol, port)
        return Action.ALLOW if allowed >> peer.bit & 1 else Action.DENY

    def peer_rulings(
        self, subject: Identity, direction: Direction, family: Family, protocol: str, port: int
    ) -> tuple[Bitset, Bitset]:
        """What the policies say to every peer about one protocol and port; see `Tier`."""
        profile = self.profile(subject, direction)
        if profile is None:
            return 0, 0
        allowed = self._allowed_peers(profile, subject, family, protocol, port)
        return allowed, self._population.everyone & ~allowed

    def _allowed_peers(self, profile: Profile, subject: Identity, family: Family, protocol: str, port: int) -> Bitset:
        rulings, key = profile.rulings(self._selections.version), (family, protocol, port)
        ruling = rulings.get(key)
        if ruling is None:
            ruling = rulings[key] = self._port_ruling(profile, family, protocol, port)
        allowed = ruling.peers
        for name, peers in ruling.by_name:
            if port in subject.ports_named(name, protocol):
                allowed |= peers
        return allowed

    def _port_ruling(self, profile: Profile, family: Family, protocol: str, port: int) -> PortRuling:
        allowed: Bitset = 0
        by_name: defaultdict[str, Bitset] = defaultdict(int)
        for rule in profile.rules:
            if rule.traffic.contains(protocol, port):
                allowed |= self.peers(rule.peers, family)
            for name in rule.names_of(protocol):
                peers = self.peers(rule.peers, family)
                if profile.direction is Direction.INGRESS:
                    by_name[name] |= peers
                else:
                    allowed |= peers & self._population.holding(NamedPort(name, protocol, port))
        return PortRuling(allowed, tuple(by_name.items()))

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
        uses = self._uses(direction, family)
        allowed = 0
        for rule, subjects in uses.naming(peer.bit):
            if rule.traffic.contains(protocol, port):
                allowed |= subjects
            elif rule.port_names:
                allowed |= subjects & self._where_named(rule, direction, peer, protocol, port)
        return allowed, uses.isolated & ~allowed

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

    def _uses(self, direction: Direction, family: Family) -> AllUses:
        """All rules of a direction by the peers that they name. Remembered: a change of a policy is one of a namespace.

        What is remembered falls with the selections, which most changes leave alone.
        """
        if self._uses_version != self._selections.version:
            self._uses_version, self._remembered_uses = self._selections.version, {}
        uses = self._remembered_uses.setdefault((direction, family), AllUses())
        if uses.version != self.version:
            changed = self.namespaces_changed_since(uses.version)
            uses.update(self.version, {space: self._find_uses(space, direction, family) for space in changed})
        return uses

    def _find_uses(self, namespace: str, direction: Direction, family: Family) -> Uses:
        isolated = 0
        rules: defaultdict[Peers, list[tuple[CompiledRule, Bitset]]] = defaultdict(list)
        for policy in self._policies[namespace].values():
            if direction in policy.rules:
                subjects = self._selections.pods(policy.subject)
                isolated |= subjects
                for rule in policy.rules[direction]:
                    rules[rule.peers].append((rule, subjects))
        uses = (Use(self.peers(peers, family), of_peers) for peers, of_peers in rules.items())
        return Uses(isolated, uses, self._population.everyone)

    def _where_named(
        self, rule: CompiledRule, direction: Direction, peer: Identity, protocol: str, port: int
    ) -> Bitset:
        """The subjects for which one of a rule's port names stands for this port at the destination."""
        names = rule.names_of(protocol)
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
