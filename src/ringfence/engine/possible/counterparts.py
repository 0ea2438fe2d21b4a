"""What possible pods may open to a pod that exists, and it to them: a partition of the universe by traffic.

Both sides decide, as between any two pods: the policies that select the pod that exists, and those that would select
the one to come. The former are asked once for all pods with the same profiles. For the latter, each namespace is
divided by which of its policies would select a pod to come; each part has profiles as a pod that exists has, and allows
something to sets of existing pods. Most existing pods are allowed the same, so only what differs is kept for each.

An address is not known of a pod to come: an ipBlock matches it if it covers all addresses of a family
(`engine.policies.rulings`). It has the addresses of both families.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial, reduce
from operator import and_, or_
from typing import TypeVar

from ringfence.engine.policies import (
    CompiledRule,
    OwnPorts,
    Peers,
    Stack,
    Tiers,
    is_union,
    own_ports,
    own_traffic,
    settled,
)
from ringfence.engine.population import Identity, Population, PortName
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.engine.possible.subjects import subjects_in
from ringfence.engine.possible.universe import NAME, Universe
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.label_values import LabelValue
from ringfence.sets.overlays import overlay_of_members
from ringfence.sets.partitions import Partition, changed_within, combined, merged
from ringfence.sets.regions import OTHER, Region
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

T = TypeVar("T")
ByTraffic = frozenset[tuple[Region, Traffic]]
"""A partition by traffic, in one form: where nothing passes, there is no cell."""


class Counterparts:
    """Answers for one direction of the pods that exist: ingress is what possible pods may open to them."""

    def __init__(
        self, tiers: Tiers, population: Population, universe: Universe, direction: Direction, budget: Budget
    ) -> None:
        self.direction = direction
        self._budget = budget
        self.universe = universe
        self._tiers = tiers
        self._population = population
        self._everything = universe.regions.everything
        self._everywhere: ByTraffic = frozenset([(self._everything, ALL_TRAFFIC)])
        self._by_peers: dict[Peers, Region] = {}
        self._own: dict[tuple[Stack, OwnPorts], ByTraffic] = {}
        self._towards: dict[Stack, Partition[Bitset, ByTraffic]] = {}
        self._united: dict[frozenset[tuple[Traffic, tuple[PortName, ...]]], ByTraffic] = {}
        self._joined: dict[tuple[Region, Traffic, ByTraffic], ByTraffic] = {}
        self._usual_everywhere: dict[Hashable, defaultdict[Traffic, dict[LabelValue, Region]]] = {}
        self._found: dict[Hashable, ByTraffic] = {}
        self._all: frozenset[str | None] = frozenset((*universe.existing, None))
        self._divided: set[frozenset[str | None]] = set()
        self._usual: dict[str | None, ByTraffic] = {}
        self._unusual: defaultdict[int, dict[str | None, ByTraffic]] = defaultdict(dict)
        """What possible pods of each namespace allow most existing pods, and what they allow to single ones instead."""

    def of(self, pod: Identity, names: frozenset[str | None] | None = None, stack: Stack | None = None) -> ByTraffic:
        """The possible pods, by the traffic that passes between them and a pod that exists.

        With `names`, only those of some namespaces that exist, and with None among them of all to come: to answer about
        few takes little time. `stack` is what decides about the pod, if it is not what does now.
        """
        names = self._all if names is None else names
        own, unusual = self.own_side(pod, stack), self._unusual_of(pod, names)
        key = (own, names, frozenset(unusual.items()))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._both_sides(own, unusual, names)
        return found

    def look_at(self, names: frozenset[str | None]) -> None:
        """Find out what possible pods of some namespaces allow, by their policies as they are now."""
        if names not in self._divided:
            for name in sorted(names.difference(self._usual), key=str):
                self._divide(name)
            self._divided.add(names)

    def other_sides(self, pod: Identity, names: frozenset[str | None]) -> dict[str | None, ByTraffic]:
        """What possible pods of some namespaces allow with a pod that exists, each namespace by itself."""
        unusual = self._unusual_of(pod, names)
        return {name: unusual.get(name, self._usual[name]) for name in names}

    def differ_from(
        self, other: "Counterparts", names: frozenset[str | None]
    ) -> "Callable[[Identity, Identity], bool]":
        """Tells of a pod, by its identities here and there, if possible pods of some namespaces allow something else.

        Most pods are allowed the same as all others, so what differs for all is found out once.
        """
        self.look_at(names)
        other.look_at(names)
        if any(self._usual[name] != other._usual[name] for name in names):
            return lambda here, there: self.other_sides(here, names) != other.other_sides(there, names)

        def differs(here: Identity, there: Identity) -> bool:
            # The pods of which neither has anything unusual are most of them.
            if not (self._unusual.get(here.bit) or other._unusual.get(there.bit)):
                return False
            return self.other_sides(here, names) != other.other_sides(there, names)

        return differs

    def _unusual_of(self, pod: Identity, names: frozenset[str | None]) -> dict[str | None, ByTraffic]:
        self.look_at(names)
        found = self._unusual.get(pod.bit, {})
        return found if names is self._all else {name: one for name, one in found.items() if name in names}

    def _both_sides(
        self, own: ByTraffic, unusual: dict[str | None, ByTraffic], names: frozenset[str | None]
    ) -> ByTraffic:
        """What both sides allow, namespace by namespace, of those that the own side allows anything."""
        regions, existing = self.universe.regions, self.universe.existing
        inside: defaultdict[Traffic, dict[LabelValue, Region]] = defaultdict(dict)
        to_come: defaultdict[Traffic, Region] = defaultdict(lambda: regions.nothing)
        for region, traffic in own:
            listed = region.listed if region.axis == NAME else {}
            others = region.others if region.axis == NAME else region
            apart = [name for name in dict.fromkeys((*listed, *unusual)) if name in names and name in existing]
            if others:
                for passing, usual in self._usually(others, traffic, names).items():
                    _unite(inside[passing], usual, apart)
            for name in apart:
                if own_pods := listed.get(name, others):
                    for pods, passing in self._both_in(own_pods, traffic, unusual.get(name, self._usual[name])):
                        inside[passing][name] = inside[passing].get(name, regions.nothing) | pods
            if None in names:
                to_come_allow = unusual.get(None, self._usual[None])
                for pods, passing in _both([(region & self.universe.to_come, traffic)], to_come_allow):
                    to_come[passing] |= pods
        found = []
        for traffic in {**inside, **to_come}:
            outside = to_come[traffic]
            listed = dict.fromkeys(existing, regions.nothing)
            if outside.axis == NAME:
                listed |= outside.listed
            others = regions.restricted(outside, NAME, OTHER)
            found.append((regions.node(NAME, listed | inside[traffic], others), traffic))
        return frozenset(found)

    def _usually(
        self, own: Region, traffic: Traffic, names: frozenset[str | None]
    ) -> Mapping[Traffic, Mapping[LabelValue, Region]]:
        """What both sides allow in each existing namespace of `names`, where the own side allows the same pods in all.

        Only for pods with which possible pods of none of these allow anything unusual. Most own sides name few
        namespaces, and leave the same of all others.
        """
        key = (own, traffic, names)
        found = self._usual_everywhere.get(key)
        if found is None:
            found = self._usual_everywhere[key] = defaultdict(dict)
            for name in filter(names.__contains__, self.universe.existing):
                for pods, passing in self._both_in(own, traffic, self._usual[name]):
                    found[passing][name] = pods
        return found

    def _both_in(self, own: Region, traffic: Traffic, other: ByTraffic) -> ByTraffic:
        """What both sides allow of one cell of the own side. Most namespaces have one of a few others."""
        key = (own, traffic, other)
        found = self._joined.get(key)
        if found is None:
            found = self._joined[key] = _both([(own, traffic)], other)
        return found

    # --- the policies of the pod that exists --------------------------------------------------------------------------

    def own_side(self, pod: Identity, stack: Stack | None = None) -> ByTraffic:
        """What the policies of the pod that exists allow: the possible pods that these are about, by traffic."""
        stack = self._tiers.stack(pod, self.direction) if stack is None else stack
        if not stack:
            return self._everywhere
        own = own_ports(stack, pod)
        found = self._own.get((stack, own))
        if found is None:
            found = self._own[stack, own] = self._allowed_by(stack, own)
        return found

    def _allowed_by(self, stack: Stack, own: OwnPorts) -> ByTraffic:
        whole = self._everything
        if is_union(stack):
            # What no rule is about is denied: to leave it out from the start saves half of the time.
            peers = (self._peers(rule.peers) for profile in stack for rule in profile.rules)
            whole = reduce(or_, peers, self.universe.regions.nothing)
        return _by_traffic(self._within(whole, stack, own))

    def of_stack(self, stack: Stack, own: OwnPorts) -> Partition[Region, Traffic]:
        """The possible pods, by what some profiles of a pod that exists allow with them, whatever the other side says.

        Unlike in `of`, pods with which nothing is allowed are among them.
        """
        return self._within(self._everything, stack, own)

    def _within(self, whole: Region, stack: Stack, own: OwnPorts) -> Partition[Region, Traffic]:
        policy_of = {rule: policy for one in stack for policy in one.policies for rule in policy.rules[one.direction]}

        def matched(rule: CompiledRule) -> Iterator[tuple[Region, Traffic]]:
            self._budget.place = RulePlace(policy_of[rule], self.direction, rule)
            peers = self._peers(rule.peers)
            yield peers, own_traffic(rule, own)
            if self.direction is Direction.EGRESS:
                yield from self._named(rule, peers)

        return settled(whole, stack, matched, overlay_of_members)

    def _peers(self, peers: Peers) -> Region:
        found = self._by_peers.get(peers)
        if found is None:
            if peers.everyone or (peers.block and peers.block.covers_family):
                found = self._everything
            else:
                found = reduce(or_, map(self.universe.selected, peers.selections), self.universe.regions.nothing)
            self._by_peers[peers] = found
        return found

    def _named(self, rule: CompiledRule, peers: Region) -> Iterator[tuple[Region, Traffic]]:
        """What a rule says of the ports of possible pods by name: the number is free."""
        for name in rule.port_names:
            yield peers & self.universe.with_port_name(name), Traffic.of(name[1])

    # --- the policies of the pods to come -----------------------------------------------------------------------------

    def _divide(self, name: str | None) -> None:
        """Find out what possible pods of a namespace, or of all to come, allow existing pods."""
        parts = self._allowed_in(name)
        most, _ = max(parts, key=lambda part: part[0].bit_count())
        for pods, allowed in parts:
            if pods == most:
                self._usual[name] = allowed
            else:
                for bit in bitsets.members(pods):
                    self._unusual[bit][name] = allowed

    def _allowed_in(self, name: str | None) -> Partition[Bitset, ByTraffic]:
        """The existing pods, by what possible pods of a namespace, or of all to come, allow with them."""
        subjects = subjects_in(self._tiers, self.universe, name, _opposite(self.direction), self._budget)
        # Of each part of the pods, what the subjects that allow anything with them allow.
        divided: Partition[Bitset, tuple[tuple[Region, ByTraffic], ...]] = [(self._population.everyone, ())]
        for subject, stack in subjects:
            for pods, allowed in self._toward(stack):
                if allowed:
                    divided = changed_within(divided, pods, partial(_and_also, (subject, allowed)))
        found: Partition[Bitset, ByTraffic] = []
        for pods, some in divided:
            cells = [(subject & names, traffic) for subject, allowed in some for names, traffic in allowed]
            found.append((pods, _by_traffic(cells)))
        return merged(found) or [(0, self._everywhere)]

    def _toward(self, stack: Stack) -> Partition[Bitset, ByTraffic]:
        """The existing pods, by what pods to come with these profiles allow with them: over all families in common."""
        found = self._towards.get(stack)
        if found is None:
            families = self._population.decisive_families()
            over = [self._toward_over(stack, family) for family in families]
            if len(families) > 1:
                over = [self._where_in_family(cells, family) for cells, family in zip(over, families, strict=True)]
            found = self._towards[stack] = merged(reduce(partial(combined, combine=_both), over))
        return found

    def _where_in_family(self, cells: Partition[Bitset, ByTraffic], family: Family) -> Partition[Bitset, ByTraffic]:
        """A pod without an address of a family does not meet others over it: the family has no say."""
        lacking = self._population.everyone & ~self._population.in_family(family)
        found = [(pods & ~lacking, allowed) for pods, allowed in cells] + [(lacking, self._everywhere)]
        return [cell for cell in found if cell[0]]

    def _toward_over(self, stack: Stack, family: Family) -> Partition[Bitset, ByTraffic]:
        if self.direction is Direction.INGRESS or not any(profile.naming for profile in stack):
            cells = self._tiers.peers_of(stack, family=family)
            return [(pods, self._to_everything(traffic)) for pods, traffic in cells]
        rules = [rule for profile in stack for rule in profile.rules]
        matching: Partition[Bitset, frozenset[CompiledRule]] = [(self._population.everyone, frozenset())]
        for rule in rules:
            pods = self._tiers.peers(rule.peers, family)
            matching = changed_within(matching, pods, frozenset([rule]).union)
        return [(pods, self._allowed_by_some(stack, some)) for pods, some in matching if pods]

    def _to_everything(self, traffic: Traffic) -> ByTraffic:
        return frozenset([(self._everything, traffic)] if traffic else [])

    def _allowed_by_some(self, stack: Stack, matching: frozenset[CompiledRule]) -> ByTraffic:
        """What a stack allows with a pod that exactly these of its rules match, to the ports of the pods to come."""
        if is_union(stack):
            meant = frozenset((rule.traffic, rule.port_names) for rule in matching)
            found = self._united.get(meant)
            if found is None:
                found = self._united[meant] = self._settled_by_some(stack, matching)
            return found
        return self._settled_by_some(stack, matching)

    def _settled_by_some(self, stack: Stack, matching: frozenset[CompiledRule]) -> ByTraffic:
        def matched(rule: CompiledRule) -> Iterator[tuple[Region, Traffic]]:
            if rule in matching:
                yield self._everything, rule.traffic
                yield from self._named(rule, self._everything)

        return _by_traffic(settled(self._everything, stack, matched, overlay_of_members))


def _unite(into: dict[LabelValue, Region], more: Mapping[LabelValue, Region], apart: Iterable[LabelValue]) -> None:
    """Add the pods of each namespace, but for some namespaces, to those that are there."""
    left = dict(more)
    for name in apart:
        left.pop(name, None)
    both = {name: pods | left[name] for name, pods in into.items() if name in left}
    into.update(left)
    into.update(both)


def _and_also(one: T, some: tuple[T, ...]) -> tuple[T, ...]:
    return (*some, one)


def _opposite(direction: Direction) -> Direction:
    return Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS


def _by_traffic(cells: Iterable[tuple[Region, Traffic]]) -> ByTraffic:
    return frozenset(merged((region, traffic) for region, traffic in cells if region and traffic))


def _both(a: Iterable[tuple[Region, Traffic]], b: Iterable[tuple[Region, Traffic]]) -> ByTraffic:
    """What both of two sides allow."""
    return _by_traffic(combined(list(a), list(b), and_))
