"""The traffic between possible pods and an existing pod: a partition of the universe by traffic.

Both sides decide, as between any two pods: the policies that select the existing pod, and those that would select the
possible one (`possible_sides`). The former are evaluated once for all pods with the same profiles, the latter once for
each namespace. Possible pods allow most existing pods the same, so only differences are stored for single pods.

The address of a possible pod is not known: an ipBlock matches it if it covers all addresses of a family
(`engine.policies.rulings`). It has addresses of both families.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

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
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.engine.possible.possible_sides import PossibleSides, both_sides, by_traffic
from ringfence.engine.possible.universe import NAME, Universe
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.overlays import overlay_of_members
from ringfence.sets.partitions import Partition
from ringfence.sets.regions import Region
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_Names = frozenset[str | None]
"""Names of existing namespaces; None means all namespaces that do not exist yet."""

_NAMESPACES_OF_A_STEP: Final = 4
"""The number of namespaces that are looked at in the time of a step."""


class _OwnSide(msgspec.Struct, frozen=True, eq=False):
    """What the policies of an existing pod allow: in listed, in all other existing, and in future namespaces."""

    listed: Mapping[str, ByTraffic]
    others: ByTraffic
    to_come: ByTraffic


class Counterparts:
    """Answers for one direction of existing pods: ingress is traffic that possible pods open to them."""

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
        self._possible_sides = PossibleSides(tiers, population, universe, direction.opposite, budget)
        self._divided: set[_Names] = set()
        self._usual: dict[str | None, ByTraffic] = {}
        self._unusual: defaultdict[int, dict[str | None, ByTraffic]] = defaultdict(dict)
        """The traffic that possible pods of each namespace allow with most existing pods, and that with single ones."""

    def of(self, pod: Identity, names: _Names | None = None, stack: Stack | None = None) -> ByTraffic:
        """The possible pods, by the traffic allowed between them and an existing pod.

        With `names`, only pods of these namespaces are considered, which takes less time; None among the names stands
        for all namespaces that do not exist yet. `stack` are the policies of the pod, if these are not the present
        ones.
        """
        by_namespace = self.by_namespace(pod, names, stack)
        found = self._united.get(by_namespace)
        if found is None:
            found = self._united[by_namespace] = by_namespace.united(self.universe)
        return found

    def by_namespace(self, pod: Identity, names: _Names | None = None, stack: Stack | None = None) -> ByNamespace:
        """The same as `of`, for each namespace separately."""
        names = self._all if names is None else names
        own, unusual = self.own_side(pod, stack), self._unusual_of(pod, names)
        side = self._own_sides.get(own)
        if side is None:
            side = self._own_sides[own] = self._by_own_side(own)
        if not side.others:
            # If the own side allows nothing with a namespace, it does not matter what that namespace's side allows.
            unusual = {name: one for name, one in unusual.items() if name is None or name in side.listed}
        key = (own, names, frozenset(unusual.items()))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._both_sides(side, unusual, names)
        return found

    def look_at(self, names: frozenset[str | None]) -> None:
        """Compute and cache what possible pods of some namespaces allow with the present policies."""
        if names not in self._divided:
            for name in sorted(names.difference(self._usual), key=str):
                self._divide(name)
            self._divided.add(names)

    def other_sides(self, pod: Identity, names: frozenset[str | None]) -> dict[str | None, ByTraffic]:
        """The traffic that possible pods of each of some namespaces allow with an existing pod."""
        unusual = self._unusual_of(pod, names)
        return {name: unusual.get(name, self._usual[name]) for name in names}

    def differ_from(
        self, other: "Counterparts", names: frozenset[str | None]
    ) -> "Callable[[Identity, Identity], bool]":
        """A function that says, for the identities of a pod here and there, whether possible pods allow other traffic.

        Most pods are allowed the same, so the common part is compared only once.
        """
        self.look_at(names)
        other.look_at(names)
        if any(self._usual[name] != other._usual[name] for name in names):
            return lambda here, there: self.other_sides(here, names) != other.other_sides(there, names)

        def differs(here: Identity, there: Identity) -> bool:
            # Most pods have nothing unusual in either cluster.
            if not (self._unusual.get(here.bit) or other._unusual.get(there.bit)):
                return False
            return self.other_sides(here, names) != other.other_sides(there, names)

        return differs

    def _unusual_of(self, pod: Identity, names: frozenset[str | None]) -> dict[str | None, ByTraffic]:
        self.look_at(names)
        found = self._unusual.get(pod.bit, {})
        return found if names is self._all else {name: one for name, one in found.items() if name in names}

    def _by_own_side(self, own: ByTraffic) -> _OwnSide:
        """The traffic of the own side, divided by namespaces."""
        existing = self.universe.existing
        named = dict.fromkeys(name for region, _ in own if region.axis == NAME for name in region.listed)
        self._budget.step(len(named) // _NAMESPACES_OF_A_STEP)
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
        """The traffic that both sides allow, for each namespace."""
        existing, usual = self.universe.existing, self._usual
        found = dict(self._usually(own.others, names)) if own.others else {}
        self._budget.step((len(own.listed) + len(unusual)) // _NAMESPACES_OF_A_STEP)
        for name in dict.fromkeys((*own.listed, *unusual)):
            if name is not None and name in names and name in existing:
                found[name] = self._both_in(own.listed.get(name, own.others), unusual.get(name, usual[name]))
        to_come = NOTHING_PASSES
        if None in names:
            to_come = self._both_in(own.to_come, unusual.get(None, usual[None]))
        return ByNamespace(frozenset([one for one in found.items() if one[1]]), to_come)

    def _usually(self, own: ByTraffic, names: _Names) -> Mapping[str, ByTraffic]:
        """The traffic that both sides allow in each existing namespace of `names`, if the own side allows the same in
        all.

        It is valid for namespaces whose possible pods allow the pod nothing unusual. Most own sides name few namespaces
        and treat all others the same, so the result is shared by many pods.
        """
        found = self._usual_everywhere.get((own, names))
        if found is None:
            existing = filter(names.__contains__, self.universe.existing)
            found = {name: self._both_in(own, self._usual[name]) for name in existing}
            self._usual_everywhere[own, names] = found
        return found

    def _both_in(self, own: ByTraffic, other: ByTraffic) -> ByTraffic:
        """The traffic that both sides allow in one namespace, cached because namespaces share few values."""
        if not own or not other:
            return NOTHING_PASSES
        if other == self._everywhere or own == other:
            return own
        found = self._joined.get((own, other))
        if found is None:
            found = self._joined[own, other] = both_sides(own, other)
        return found

    # --- the policies of the existing pod -----------------------------------------------------------------------------

    def own_side(self, pod: Identity, stack: Stack | None = None) -> ByTraffic:
        """The possible pods, by the traffic that the policies of the existing pod allow with them."""
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
        """The possible pods, by the traffic that a stack of an existing pod allows with them, regardless of the other
        side.

        Unlike in `of`, the partition includes pods with which nothing is allowed.
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
            # The address of a possible pod is not known, so only a block with a whole family is assumed to contain it,
            # as for a pod without an address (`rulings._is_peer`).
            if peers.everyone or (peers.block and peers.block.covers_family):
                found = self._everything
            else:
                found = reduce(or_, map(self.universe.selected, peers.selections), self.universe.regions.nothing)
            self._by_peers[peers] = found
        return found

    def _named(self, rule: CompiledRule, peers: Region) -> Iterator[tuple[Region, Traffic]]:
        """The traffic of a rule's port names at possible pods, which may give a name to any number."""
        for name in rule.port_names:
            yield peers & self.universe.with_port_name(name), Traffic.of(name[1])

    # --- the policies of possible pods --------------------------------------------------------------------------------

    def _divide(self, name: str | None) -> None:
        """Compute what possible pods of a namespace, or of all future ones (None), allow with existing pods."""
        parts = self._possible_sides.allow(name)
        # What most existing pods are allowed is stored once for the namespace; 100,000 pods times 500 namespaces would
        # not fit into memory.
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
