"""What possible pods may open to a pod that exists, and it to them: a partition of the universe by traffic.

Both sides decide, as between any two pods: the policies that select the pod that exists, and those that would select
the one to come (`pods_to_come`). The former are asked once for all pods with the same profiles, the latter once for
each namespace. Most existing pods are allowed the same, so only what differs is kept for each.

An address is not known of a pod to come: an ipBlock matches it if it covers all addresses of a family
(`engine.policies.rulings`). It has the addresses of both families.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from ringfence.engine.policies import (
    CompiledPolicy,
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
from ringfence.engine.population import Identity, Population
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.by_namespace import NOTHING_PASSES, ByNamespace, ByTraffic
from ringfence.engine.possible.pods_to_come import PodsToCome, both_sides, by_traffic
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.engine.possible.universe import NAME, Universe
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.overlays import overlay_of_members
from ringfence.sets.partitions import Partition
from ringfence.sets.regions import Region
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_Names = frozenset[str | None]
"""Namespaces that exist, and with None all to come."""


class _OwnSide(msgspec.Struct, frozen=True, eq=False):
    """What the policies of a pod that exists allow: in some namespaces, in all others that exist, and to come."""

    listed: Mapping[str, ByTraffic]
    others: ByTraffic
    to_come: ByTraffic


class Counterparts:
    """Answers for one direction of the pods that exist: ingress is what possible pods may open to them."""

    def __init__(
        self, tiers: Tiers, population: Population, universe: Universe, direction: Direction, budget: Budget
    ) -> None:
        self.direction = direction
        self._budget = budget
        self.universe = universe
        self._tiers = tiers
        self._everything = universe.regions.everything
        self._everywhere: ByTraffic = frozenset([(self._everything, ALL_TRAFFIC)])
        self._by_peers: dict[Peers, Region] = {}
        self._own: dict[tuple[Stack, OwnPorts], ByTraffic] = {}
        self._own_sides: dict[ByTraffic, _OwnSide] = {}
        self._joined: dict[tuple[ByTraffic, ByTraffic], ByTraffic] = {}
        self._usual_everywhere: dict[tuple[ByTraffic, _Names], Mapping[str, ByTraffic]] = {}
        self._found: dict[tuple[ByTraffic, _Names, frozenset[tuple[str | None, ByTraffic]]], ByNamespace] = {}
        self._united: dict[ByNamespace, ByTraffic] = {}
        self._all: _Names = frozenset((*universe.existing, None))
        self._pods_to_come = PodsToCome(tiers, population, universe, _opposite(direction), budget)
        self._divided: set[_Names] = set()
        self._usual: dict[str | None, ByTraffic] = {}
        self._unusual: defaultdict[int, dict[str | None, ByTraffic]] = defaultdict(dict)
        """What possible pods of each namespace allow most existing pods, and what they allow to single ones instead."""

    def of(self, pod: Identity, names: _Names | None = None, stack: Stack | None = None) -> ByTraffic:
        """The possible pods, by the traffic that passes between them and a pod that exists.

        With `names`, only those of some namespaces that exist, and with None among them of all to come: to answer about
        few takes little time. `stack` is what decides about the pod, if it is not what does now.
        """
        by_namespace = self.by_namespace(pod, names, stack)
        found = self._united.get(by_namespace)
        if found is None:
            found = self._united[by_namespace] = by_namespace.united(self.universe)
        return found

    def by_namespace(self, pod: Identity, names: _Names | None = None, stack: Stack | None = None) -> ByNamespace:
        """The same as `of`, each namespace by itself."""
        names = self._all if names is None else names
        own, unusual = self.own_side(pod, stack), self._unusual_of(pod, names)
        side = self._own_sides.get(own)
        if side is None:
            side = self._own_sides[own] = self._by_own_side(own)
        if not side.others:
            # Of namespaces with which the own side allows nothing, it does not matter what they allow.
            unusual = {name: one for name, one in unusual.items() if name is None or name in side.listed}
        key = (own, names, frozenset(unusual.items()))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._both_sides(side, unusual, names)
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

    def _by_own_side(self, own: ByTraffic) -> _OwnSide:
        """What the own side allows, divided by namespaces."""
        existing = self.universe.existing
        named = dict.fromkeys(name for region, _ in own if region.axis == NAME for name in region.listed)
        listed = {
            name: by_traffic((region.at(name) if region.axis == NAME else region, traffic) for region, traffic in own)
            for name in named
            if name is not None and name in existing
        }
        others = ((region.others if region.axis == NAME else region, traffic) for region, traffic in own)
        return _OwnSide(
            listed,
            by_traffic(others) if len(listed) < len(existing) else NOTHING_PASSES,
            by_traffic((region & self.universe.to_come, traffic) for region, traffic in own),
        )

    def _both_sides(self, own: _OwnSide, unusual: Mapping[str | None, ByTraffic], names: _Names) -> ByNamespace:
        """What both sides allow, namespace by namespace."""
        existing, usual = self.universe.existing, self._usual
        found = dict(self._usually(own.others, names)) if own.others else {}
        for name in dict.fromkeys((*own.listed, *unusual)):
            if name is not None and name in names and name in existing:
                found[name] = self._both_in(own.listed.get(name, own.others), unusual.get(name, usual[name]))
        to_come = NOTHING_PASSES
        if None in names:
            to_come = self._both_in(own.to_come, unusual.get(None, usual[None]))
        return ByNamespace(frozenset([one for one in found.items() if one[1]]), to_come)

    def _usually(self, own: ByTraffic, names: _Names) -> Mapping[str, ByTraffic]:
        """What both sides allow in each existing namespace of `names`, where the own side allows the same in all.

        Only for pods with which possible pods of none of these allow anything unusual. Most own sides name few
        namespaces, and leave the same of all others.
        """
        found = self._usual_everywhere.get((own, names))
        if found is None:
            existing = filter(names.__contains__, self.universe.existing)
            found = {name: self._both_in(own, self._usual[name]) for name in existing}
            self._usual_everywhere[own, names] = found
        return found

    def _both_in(self, own: ByTraffic, other: ByTraffic) -> ByTraffic:
        """What both sides allow of one namespace. Most namespaces have one of a few others."""
        if not own or not other:
            return NOTHING_PASSES
        if other == self._everywhere or own == other:
            return own
        found = self._joined.get((own, other))
        if found is None:
            found = self._joined[own, other] = both_sides(own, other)
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
            whole = self.universe.regions.nothing
            for rule, policy in _policies_of_rules(stack).items():
                self._budget.place = RulePlace(policy, self.direction, rule)
                whole |= self._peers(rule.peers)
        return by_traffic(self._within(whole, stack, own))

    def of_stack(self, stack: Stack, own: OwnPorts) -> Partition[Region, Traffic]:
        """The possible pods, by what some profiles of a pod that exists allow with them, whatever the other side says.

        Unlike in `of`, pods with which nothing is allowed are among them.
        """
        return self._within(self._everything, stack, own)

    def _within(self, whole: Region, stack: Stack, own: OwnPorts) -> Partition[Region, Traffic]:
        policy_of = _policies_of_rules(stack)

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
        parts = self._pods_to_come.allow(name)
        most, _ = max(parts, key=lambda part: part[0].bit_count())
        for pods, allowed in parts:
            if pods == most:
                self._usual[name] = allowed
            else:
                for bit in bitsets.members(pods):
                    self._unusual[bit][name] = allowed


def _policies_of_rules(stack: Stack) -> dict[CompiledRule, CompiledPolicy[Any]]:
    """The rules of some profiles, each with its policy."""
    return {rule: policy for one in stack for policy in one.policies for rule in policy.rules[one.direction]}


def _opposite(direction: Direction) -> Direction:
    return Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
