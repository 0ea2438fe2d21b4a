"""One tier: all policies in force of one kind, indexed for every question about them.

What is the same for all kinds is here: policies are added and removed, pods share profiles, rules are found by their
peers. What differs is in a `TierKind` and in how the kind's objects are compiled; see `network_policies`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from operator import attrgetter, or_
from typing import Any, Generic
from weakref import WeakValueDictionary

import msgspec

from ringfence.engine.policies.matching import End, PeerMatch
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.engine.policies.peer_index import PeerGroup, PeerIndex, PlacedRule, ScopeIndex
from ringfence.engine.policies.profiles import PortQuestion, PortRuling, Profile
from ringfence.engine.policies.rules import Action, CompiledPolicy, CompiledRule, P, Peers
from ringfence.engine.policies.selecting import SelectingPolicies
from ringfence.engine.policies.selection import Selections
from ringfence.engine.population import Identity, NamedPort, Namespaces, Population
from ringfence.model.policies import Direction
from ringfence.model.selectors import Selector
from ringfence.plugins import Traits
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset

_Key = tuple[str, str]
"""What identifies a policy in its namespace: the key of its kind, and its name."""


AddressesOfNodes = Callable[[Selector], Addresses]
"""Gives the addresses of the nodes whose labels a selector matches."""


class MatchedPeer(msgspec.Struct, frozen=True):
    """One written peer of a rule: where it stands in the policy, and whether it matches an end."""

    path: str
    match: PeerMatch


class RuleContext(msgspec.Struct, frozen=True):
    """One rule of a policy, and what it takes to say why its peers match or not."""

    policy: CompiledPolicy[Any]
    direction: Direction
    rule: CompiledRule
    namespaces: Namespaces
    nodes: NodePeers
    addresses_of_nodes: AddressesOfNodes
    traits: Traits


class TierKind(msgspec.Struct, frozen=True):
    """What makes one kind of policy different from another.

    `otherwise` is the action on what no rule of a pod's policies matches. In an ordered kind the first rule that
    matches decides; in others all rules allow, and their order does not matter. `match_peers` says of each peer that a
    rule has, in the order written, whether it matches an end over some address families, and why.
    """

    name: str
    is_ordered: bool
    otherwise: Action
    match_peers: Callable[[RuleContext, End, tuple[Family, ...]], Iterator[MatchedPeer]]


class Tier(Generic[P]):
    """All policies of one kind in force. `version` grows with every change of a policy."""

    def __init__(self, kind: TierKind, population: Population, selections: Selections) -> None:
        self.kind = kind
        self.version = 0
        self._population = population
        self._selections = selections
        self._policies: defaultdict[str, dict[_Key, CompiledPolicy[P]]] = defaultdict(dict)
        self._has_cluster_scope = False
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._selecting: dict[str, tuple[object, SelectingPolicies[P]]] = {}
        self._indexes_version: object = None
        self._indexes: dict[tuple[Direction, Family], PeerIndex] = {}
        # A profile lives as long as some pod, or a program of the dataplane, has it.
        self._profiles: WeakValueDictionary[tuple[Direction, tuple[CompiledPolicy[P], ...]], Profile]
        self._profiles = WeakValueDictionary()

    # --- policies ---------------------------------------------------------------------------------------------------

    def upsert(self, policy: CompiledPolicy[P]) -> None:
        """Put a policy in force, in place of an older one of its kind and name."""
        if not policy.namespace:
            # Never reset: a stale True only costs a look at an empty set of policies, and with False namespaced tiers
            # need one version only.
            self._has_cluster_scope = True
        key, present = (policy.kind, policy.name), self._policies[policy.namespace]
        old = present.get(key)
        present[key] = policy
        # The new policy is read before the old one is forgotten: identities that both tell apart need not merge and
        # split again. Most versions of a policy read the same facts, of which there can be 80,000.
        stopped = dict.fromkeys(old.read_facts if old else (), True)
        self._population.start_reading([fact for fact in policy.read_facts if not stopped.pop(fact, False)])
        self._population.start_reading_blocks(policy.blocks)
        if old:
            self._population.stop_reading(stopped)
            self._population.stop_reading_blocks(old.blocks)
        self._note_change(policy.namespace)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Remove a policy, if it is in force; `kind` is the key of its kind."""
        if old := self._policies[namespace].pop((kind, name), None):
            self._population.stop_reading(old.read_facts)
            self._population.stop_reading_blocks(old.blocks)
            self._note_change(namespace)

    def policies(self, namespace: str) -> list[CompiledPolicy[P]]:
        """The policies of a namespace by name; those that are cluster-scoped have the empty namespace."""
        return sorted(self._policies[namespace].values(), key=lambda policy: (policy.name, policy.kind))

    def all_policies(self) -> list[CompiledPolicy[P]]:
        """All policies, by namespace and name."""
        return [policy for namespace in sorted(self._policies) for policy in self.policies(namespace)]

    def policy(self, kind: str, namespace: str, name: str) -> CompiledPolicy[P] | None:
        """The policy of a kind and name, if there is one."""
        return self._policies[namespace].get((kind, name))

    def has(self, policy: CompiledPolicy[Any]) -> bool:
        """Whether a policy is one of this tier, and in force."""
        return self._policies[policy.namespace].get((policy.kind, policy.name)) is policy

    @property
    def selects_by_namespace_labels(self) -> bool:
        """Whether other labels of a namespace may make a policy select other pods: cluster-scoped policies may."""
        return self._has_cluster_scope

    def namespaces_changed_since(self, version: int) -> set[str]:
        """The namespaces whose policies have changed since `version` was this tier's; empty for the cluster's own."""
        return {namespace for namespace, changed in self._versions.items() if changed > version}

    def _note_change(self, namespace: str) -> None:
        self.version += 1
        self._versions[namespace] = self.version

    # --- which pods the policies select -----------------------------------------------------------------------------

    def profile(self, subject: Identity, direction: Direction) -> Profile | None:
        """The policies that select `subject` for a direction, as a profile; None if none does."""
        template = subject.template
        if template.host_network:
            return None
        namespace = template.namespace
        version: object = self._versions[namespace]
        if self._has_cluster_scope:
            version = (version, self._versions[""], self._selections.namespaces_version)
        key = (self.kind.name, direction)
        # Kept with the identity, so that the entry goes with it when identities merge or split.
        known: Any = subject.cache.get(key)
        if known is None or known[0] != version:
            known = subject.cache[key] = (version, self._find_profile(subject, direction))
        found: Profile | None = known[1]
        return found

    def _find_profile(self, subject: Identity, direction: Direction) -> Profile | None:
        scopes = (subject.namespace, "") if self._has_cluster_scope else (subject.namespace,)
        selecting = [
            policy
            for scope in scopes
            for policy in self._selecting_in(scope).selecting(subject)
            if direction in policy.rules
        ]
        return self.profile_of(selecting, direction)

    def profile_of(self, selecting: Iterable[CompiledPolicy[P]], direction: Direction) -> Profile | None:
        """The profile of pods that exactly these policies select for a direction; None without any policy."""
        # Sorted also in tiers without an order, so that equal sets of policies give one key and one profile.
        policies = tuple(sorted(selecting, key=lambda policy: policy.order))
        if not policies:
            return None
        profile = self._profiles.get((direction, policies))
        if profile is None:
            profile = Profile(self.kind.name, direction, policies, self.kind.otherwise)
            self._profiles[direction, policies] = profile
        return profile

    def _selecting_in(self, namespace: str) -> SelectingPolicies[P]:
        """The policies of a namespace by the pods that they select; cached until something changes."""
        version = (self._versions[namespace], self._selections.version)
        remembered = self._selecting.get(namespace)
        if remembered is None or remembered[0] != version:
            policies = self._policies[namespace].values()
            found = SelectingPolicies(policies, self._selections)
            remembered = self._selecting[namespace] = version, found
        return remembered[1]

    # --- what the rules say -----------------------------------------------------------------------------------------

    def subject_ruling(self, peer: Identity, direction: Direction, question: PortQuestion) -> PortRuling:
        """The subjects to which the policies allow, and deny, one port with `peer`."""
        index = self._index(direction, question.family)
        allow: Bitset = 0
        deny: Bitset = 0
        undecided = index.selected
        rules: Iterable[PlacedRule] = index.naming(peer.bit)
        if self.kind.is_ordered:
            rules = sorted(rules, key=attrgetter("place"))
        for rule, subjects, _ in rules:
            meant = undecided & subjects & self._where_matching(rule, direction, peer, question)
            if rule.action is Action.ALLOW:
                allow |= meant
            elif rule.action is Action.DENY:
                deny |= meant
            if self.kind.is_ordered:
                undecided &= ~meant
        if self.kind.otherwise is Action.DENY:
            deny |= undecided & ~allow
        return PortRuling(allow, deny)

    def _index(self, direction: Direction, family: Family) -> PeerIndex:
        """The rules of a direction by the peers that they name.

        The whole index is dropped when selections may have changed, which most changes of policies leave as they are.
        """
        if self._indexes_version != self._selections.version:
            self._indexes_version, self._indexes = self._selections.version, {}
        index = self._indexes.setdefault((direction, family), PeerIndex())
        if index.version != self.version:
            changed = self.namespaces_changed_since(index.version)
            index.update(self.version, {scope: self._index_scope(scope, direction, family) for scope in changed})
        return index

    def _index_scope(self, namespace: str, direction: Direction, family: Family) -> ScopeIndex:
        selected = 0
        by_peers: defaultdict[Peers, list[PlacedRule]] = defaultdict(list)
        for policy in self._policies[namespace].values():
            if direction in policy.rules:
                subjects = self._selections.pods(policy.subject)
                selected |= subjects
                for rule in policy.rules[direction]:
                    place = (*policy.order, rule.index)
                    by_peers[rule.peers].append(PlacedRule(rule, subjects, place))
        groups = (PeerGroup(peers.among(self._selections, family), rules) for peers, rules in by_peers.items())
        return ScopeIndex(selected, groups, self._population.everyone)

    def _where_matching(
        self, rule: CompiledRule, direction: Direction, peer: Identity, question: PortQuestion
    ) -> Bitset:
        """The subjects for which a rule that names `peer` is about the port in question."""
        _, protocol, port = question
        everyone = self._population.everyone
        if rule.traffic.contains(protocol, port):
            return everyone
        if not rule.port_names:
            return 0
        names = rule.names_of(protocol)
        if direction is Direction.EGRESS:
            named = any(port in peer.ports_named(name, protocol) for name in names)
            return everyone if named else 0
        return reduce(or_, (self._population.holding(NamedPort(name, protocol, port)) for name in names), 0)
