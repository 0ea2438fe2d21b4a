"""The assumptions of a list about the pods that peers of rules match: those of all its answers, each named once.

An answer about one pair names a missing fact (`policies.matching`) if a rule's match depends on it, unless rules that
certainly match allow all traffic of the rule. Here the same is computed for all pairs at once, with bitsets of
identities: for subjects that the same policies select, and for each rule, the identities about which the fact is
missing, without those with which the traffic of the rule is certainly allowed by other rules.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, reduce
from operator import and_, or_
from typing import Any, NamedTuple

import msgspec

from ringfence.engine.answers.assumed_matches import AssumedMatches
from ringfence.engine.answers.connectivity import side_row
from ringfence.engine.answers.host_selections import unapplied_policies, would_select
from ringfence.engine.answers.listed_peers import ListedPeers, bits_of, has_unknown_labels
from ringfence.engine.answers.listed_priorities import EqualPriorities
from ringfence.engine.answers.listed_subjects import ListedSubjects, subjects_by_policies
from ringfence.engine.answers.rule_reasons import context_of
from ringfence.engine.policies import (
    Action,
    Assumption,
    CompiledPolicy,
    CompiledRule,
    Peers,
    PodSelection,
    Profile,
    host_network_assumption,
    namespace_assumption,
)
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

_FIELDS_OF_ADDRESSES = ("ipBlock", "networks", "nodes")
"""The fields of peers that match pods by their addresses."""

ListedPairs = tuple[Collection[Member], Collection[Member]]
"""Sources and destinations: the pairs of each source with each destination."""


def list_matches(state: State, pairs: Iterable[ListedPairs], asked: Traffic = ALL_TRAFFIC) -> AssumedMatches:
    """The missing facts about namespaces, addresses and hostNetwork pods on which a list depends, and the policies with
    the same priority whose order decides.

    The list is about `pairs` of pods, the traffic `asked` between them, and their connections with addresses. The
    result names exactly what the answers about all traffic between such pairs assume: the assumptions of one side,
    unless the other side certainly denies everything. If a policy is not read or a label has an unknown value, nothing
    counts as certainly denied.
    """
    return _assumed(state, _both_sides(state, pairs, asked))


class SubjectMatches(NamedTuple):
    """The assumptions of the policies of some subjects, and `facts` that are equal at two times if these have not
    changed.

    A fact says which subject makes which assumption about which peers. Facts can be compared only while pods keep their
    identities.
    """

    matches: AssumedMatches
    facts: frozenset[object]


def subject_matches(
    state: State, directions: Iterable[Direction], subjects: Collection[Member], peers: Collection[Member]
) -> SubjectMatches:
    """The assumptions of the policies of some subjects, for some directions, about their connections with some peers.

    Unlike `list_matches`, this includes assumptions about pairs for which the policies of the peers certainly deny
    everything.
    """
    listed = ListedPeers(state, peers)
    sides = [_ListedSide(state, direction, subjects, listed, ALL_TRAFFIC) for direction in directions]
    facts = {
        (side.direction, identity.bit, one.assumption, one.bits)
        for side in sides
        for group, uncertain in side.by_group
        for one in uncertain
        for identity in group.pods
    }
    return SubjectMatches(_assumed(state, ((side, None) for side in sides)), frozenset(facts))


def unapplied_matches(state: State, pods: Iterable[Member]) -> AssumedMatches:
    """The policies that would select the hostNetwork pods among some pods, and are assumed not to apply to them."""
    unapplied: defaultdict[str, set[Member]] = defaultdict(set)
    for host in (pod for pod in pods if pod.host_network):
        for direction in Direction:
            for policy in unapplied_policies(state, host, direction):
                unapplied[str(policy)].add(host)
    return AssumedMatches({}, {policy: frozenset(hosts) for policy, hosts in unapplied.items()})


_Sides = Iterable[tuple["_ListedSide", "_ListedSide | None"]]
"""Sides, each with the side of the other ends; None means one that allows everything."""


def _both_sides(state: State, pairs: Iterable[ListedPairs], asked: Traffic) -> _Sides:
    for sources, destinations in pairs:
        egress = _ListedSide(state, Direction.EGRESS, sources, ListedPeers(state, destinations), asked)
        ingress = _ListedSide(state, Direction.INGRESS, destinations, ListedPeers(state, sources), asked)
        yield from ((egress, ingress), (ingress, egress))


def _assumed(state: State, sides: _Sides) -> AssumedMatches:
    found: defaultdict[Assumption, set[frozenset[Member]]] = defaultdict(set)
    unapplied: defaultdict[str, set[Member]] = defaultdict(set)
    for side, other in sides:
        for assumption, pods in side.assumed(other):
            found[assumption].add(pods)
        for host in (pod for pod in side.subjects if pod.host_network):
            for policy in unapplied_policies(state, host, side.direction):
                unapplied[str(policy)].add(host)
    return AssumedMatches(
        {assumption: frozenset(groups) for assumption, groups in found.items()},
        {policy: frozenset(hosts) for policy, hosts in unapplied.items()},
    )


class _PlacedRule(NamedTuple):
    """A rule, with the profile and the policy that it is part of."""

    profile: Profile
    policy: CompiledPolicy[Any]
    rule: CompiledRule


class _Uncertain(NamedTuple):
    """An assumption about some identities; of the hostNetwork pods among them, only about `hosts`."""

    assumption: Assumption
    bits: Bitset
    hosts: Sequence[Member]


class _Found(msgspec.Struct):
    """The pods about which an assumption is made: all pods of some identities, and single pods."""

    bits: Bitset = 0
    pods: set[Member] = msgspec.field(default_factory=set)


class _ListedSide:
    """The policies of some subjects for one direction, and their assumptions about some peers."""

    def __init__(
        self,
        state: State,
        direction: Direction,
        subjects: Collection[Member],
        peers: ListedPeers,
        asked: Traffic,
    ) -> None:
        self.direction = direction
        self.subjects = subjects
        self._state = state
        self._asked = asked
        self._priorities = EqualPriorities(state, asked)
        self.peers = peers
        self._sure: dict[tuple[Peers, tuple[Family, ...]], Bitset] = {}
        self._doubtful: dict[CompiledRule, list[tuple[Assumption, Bitset]]] = {}
        self._found: defaultdict[Assumption, _Found] = defaultdict(_Found)

    def assumed(self, other: "_ListedSide | None") -> Iterator[tuple[Assumption, frozenset[Member]]]:
        """The assumptions of the answers about any subject and any peer, each with the peers that it is about.

        If the other side of a pair certainly denies everything, the answer does not depend on assumptions of this side.
        """
        for group, uncertain in self.by_group:
            if uncertain:
                self._note(group, uncertain, other)
        known: dict[tuple[Bitset, frozenset[Member]], frozenset[Member]] = {}
        for assumption, found in self._found.items():
            # Many assumptions, such as one for each block, are about the same pods: the set of members is built once
            # for each.
            key = (found.bits, frozenset(found.pods))
            if key not in known:
                identities = self._state.population.identities(found.bits)
                known[key] = self.peers.pods & ({pod for one in identities for pod in one.pods()} | key[1])
            if known[key]:
                yield assumption, known[key]

    @cached_property
    def by_group(self) -> list[tuple[ListedSubjects, list[_Uncertain]]]:
        """The subjects by the policies that select them, with the assumptions of these."""
        groups = subjects_by_policies(self._state, self.direction, self.subjects)
        return [(group, list(self._uncertain(group))) for group in groups]

    @cached_property
    def _admitting(self) -> list[tuple[ListedSubjects, Bitset, Bitset]]:
        """The selected subjects, their bits, and the peers to which they do not certainly deny everything.

        If there is an assumption about a policy that is not read or a label with an unknown value, nothing counts as
        certain.
        """
        found = []
        for group, uncertain in self.by_group:
            admitted = self._state.population.everyone
            if not any(map(self._is_unsure_otherwise, group.members())):
                row = side_row(self._state, next(iter(group.pods)), self.direction)
                admitted = reduce(or_, (peers for peers, traffic in row if traffic & self._asked), 0)
                # A peer about which a fact is missing may be admitted in the end, so it never counts as certainly
                # denied.
                admitted |= reduce(or_, (one.bits for one in uncertain), 0)
            found.append((group, bits_of(group.pods), admitted | self.peers.with_unknown_labels))
        return found

    @cached_property
    def _admitted_by(self) -> dict[Identity, Bitset]:
        return {identity: admitted for group, _, admitted in self._admitting for identity in group.pods}

    def _is_unsure_otherwise(self, subject: Member) -> bool:
        doubts = self._state.doubts
        doubted = bool(doubts) and any(True for _ in doubts.selecting(subject, self.direction))
        return doubted or has_unknown_labels(self._state, subject)

    def closed_to(self, peers: Bitset) -> Bitset:
        """The subjects that certainly deny everything to all of some peers."""
        return reduce(or_, (bits for _, bits, admitted in self._admitting if not admitted & peers), 0)

    def _uncertain(self, group: ListedSubjects) -> Iterator[_Uncertain]:
        """The assumptions of the policies of a group, each with the peers that it is about."""
        meeting = reduce(or_, map(self._state.population.in_family, group.families))
        for assumption, bits in self._priorities.deciding(group):
            yield _Uncertain(assumption, bits & meeting, self.peers.hosts)
        rules = [
            _PlacedRule(profile, policy, rule)
            for profile in group.stack
            for policy in profile.policies
            for rule in policy.rules[self.direction]
        ]
        allowed: Partition[Bitset, Traffic] | None = None
        for placed in rules:
            of_hosts = list(self._hosts_selected(placed.rule))
            doubts = self._doubts(placed)
            if not (of_hosts or doubts):
                continue
            # Computed once some rule has a doubt, and not before: it walks over all rules of the group.
            allowed = allowed or self._surely_allowed(group, rules)
            for assumption, bits in doubts:
                if unsure := self._unsure(group, placed.rule, bits & meeting, allowed):
                    yield _Uncertain(assumption, unsure, self.peers.hosts)
            for hosts in of_hosts:
                bits = bits_of(map(self._state.identity, hosts)) & meeting
                if unsure := self._unsure(group, placed.rule, bits, allowed):
                    assumption = msgspec.structs.replace(host_network_assumption(hosts[0]), pod=None)
                    yield _Uncertain(assumption, unsure, hosts)

    def _note(self, group: ListedSubjects, uncertain: Iterable[_Uncertain], other: "_ListedSide | None") -> None:
        """Add the peers about which a group makes assumptions, if its policies apply to them.

        Policies do not apply to a pod and itself, nor to a pod and its own node.
        """
        subjects = bits_of(group.pods)
        selectable = self._state.population.selectable
        admits_others: Callable[[Identity, Bitset], Bitset | bool] = _others
        if other is not None:
            selectable &= ~other.closed_to(subjects)
            admits_others = other.admits_others
        # A subject that is the only one of its identity has no connection to a peer of the same identity except itself,
        # to which policies do not apply.
        alone = {identity: pod for identity, pod in _single(group) if not admits_others(identity, subjects)}
        for assumption, bits, hosts in uncertain:
            found = self._found[assumption]
            # HostNetwork pods are noted one by one, because whether policies apply depends on the node of each.
            if bits & ~self._state.population.selectable:
                found.pods.update(
                    host
                    for host in hosts
                    if bits >> self._state.identity(host).bit & 1 and self._is_policed(group, host)
                )
            noted = bits & selectable
            for identity, pod in alone.items():
                if noted >> identity.bit & 1:
                    noted &= ~(1 << identity.bit)
                    found.pods.update(one for one in identity.pods() if one is not pod)
            found.bits |= noted

    def admits_others(self, identity: Identity, peers: Bitset) -> bool:
        """Whether the pods of an identity may allow something to a peer of another identity."""
        others = peers & ~(1 << identity.bit)
        return bool(self._admitted_by.get(identity, self._state.population.everyone) & others)

    def _is_policed(self, group: ListedSubjects, host: Member) -> bool:
        """Whether the policies of some subject apply to a hostNetwork pod. They do not on the subject's own node."""
        if self.direction is Direction.EGRESS or not host.node:
            return True
        return any(pod.node != host.node for pod in group.members())

    def _doubts(self, placed: _PlacedRule) -> list[tuple[Assumption, Bitset]]:
        """The assumptions on which the match of a rule depends, each with the identities that it is about."""
        if placed.rule not in self._doubtful:
            # Keyed by the rule, which many groups of subjects share with its policy.
            self._doubtful[placed.rule] = [
                (assumption, within)
                for assumption, bits in (*self._about_namespaces(placed.rule), *self._about_addresses(placed))
                if (within := bits & self.peers.doubtful)
            ]
        return self._doubtful[placed.rule]

    def _about_namespaces(self, rule: CompiledRule) -> Iterator[tuple[Assumption, Bitset]]:
        for selection in rule.peers.selections:
            for namespace, assumption in self._unsettled(selection):
                yield assumption, self._selected(PodSelection(selection.pods, namespace=namespace))

    def _about_addresses(self, placed: _PlacedRule) -> Iterator[tuple[Assumption, Bitset]]:
        if not self.peers.without_address or not placed.rule.peers.block:
            return
        # Whether a block is assumed to contain a pod is the same for all pods without an address.
        context = context_of(self._state, placed.policy, self.direction, placed.rule)
        example = next(iter(self.peers.without_address.values()))
        for one in self._state.tiers.match_peers(placed.profile, context, example, FAMILIES):
            if one.match.field in _FIELDS_OF_ADDRESSES and one.match.assumption:
                yield msgspec.structs.replace(one.match.assumption, pod=None), bits_of(self.peers.without_address)

    def _unsettled(self, selection: PodSelection) -> Iterator[tuple[str, Assumption]]:
        """The namespaces with unknown labels that a selection reads, each with the assumption about it."""
        if selection.namespaces is not None:
            for name in self.peers.undefined_namespaces:
                if assumption := namespace_assumption(selection.namespaces, name, self._state.namespaces):
                    yield name, assumption

    def _hosts_selected(self, rule: CompiledRule) -> Iterator[list[Member]]:
        """The hostNetwork pods that a rule would select by labels, grouped by namespace and labels."""
        for hosts in self.peers.hosts_alike.values():
            if any(would_select(self._state, selection, hosts[0]) for selection in rule.peers.selections):
                yield hosts

    def _unsure(
        self, group: ListedSubjects, rule: CompiledRule, bits: Bitset, allowed: Partition[Bitset, Traffic]
    ) -> Bitset:
        """The identities of `bits` with which some traffic of a rule is not certainly allowed."""
        unsure = 0
        for extent, traffic in self._traffic(rule, bits, group):
            asked = traffic & self._asked
            for within, surely in allowed:
                if (common := extent & within) and asked - surely:
                    unsure |= common
        return unsure

    def _surely_allowed(self, group: ListedSubjects, rules: Sequence[_PlacedRule]) -> Partition[Bitset, Traffic]:
        """The traffic that rules which certainly match allow, for all peers about which there are assumptions.

        If some rule denies or passes, the order of rules matters, so no rule makes another one irrelevant: nothing is
        certain.
        """
        allowed: Partition[Bitset, Traffic] = [(self.peers.doubtful, NO_TRAFFIC)]
        if all(one.rule.action is Action.ALLOW for one in rules):
            for one in rules:
                sure = self._surely_matching(one.rule.peers, group.families) & self.peers.doubtful
                for extent, traffic in self._traffic(one.rule, sure, group) if sure else ():
                    allowed = changed_within(allowed, extent, traffic.__or__)
        return merged(allowed)

    def _traffic(self, rule: CompiledRule, bits: Bitset, group: ListedSubjects) -> Iterator[tuple[Bitset, Traffic]]:
        return self._state.tiers.rule_traffic(rule, self.direction, bits, group.own)

    def _surely_matching(self, peers: Peers, families: tuple[Family, ...]) -> Bitset:
        """The identities that a rule matches for subjects with some address families, without any assumption."""
        key = (peers, families)
        if key not in self._sure:
            self._sure[key] = self._find_surely_matching(peers, families)
        return self._sure[key]

    def _find_surely_matching(self, peers: Peers, families: tuple[Family, ...]) -> Bitset:
        population = self._state.population
        if peers.everyone:
            return population.everyone
        bits = 0
        for selection in peers.selections:
            unsettled = reduce(or_, (population.in_namespace(name) for name, _ in self._unsettled(selection)), 0)
            bits |= self._selected(selection) & ~unsettled
        if peers.block:
            block = Peers(everyone=False, block=peers.block)
            # A pod that has no address of a family cannot be missed over it.
            over = (self._state.tiers.peers(block, family) | ~population.in_family(family) for family in families)
            bits |= reduce(and_, over) & self.peers.addressed & population.everyone
        return bits

    def _selected(self, selection: PodSelection) -> Bitset:
        # Selectors match over both families alike, so the family is of no account.
        return self._state.tiers.peers(Peers(everyone=False, selections=(selection,)), Family.IPV4)


def _single(group: ListedSubjects) -> Iterator[tuple[Identity, Member]]:
    """The identities of which a group contains a single pod, with this pod."""
    for identity, pods in group.pods.items():
        if len(pods) == 1 and not pods[0].is_several:
            yield identity, pods[0]


def _others(identity: Identity, bits: Bitset) -> Bitset:
    return bits & ~(1 << identity.bit)
