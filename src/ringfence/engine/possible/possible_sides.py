"""The side of possible pods: what the policies that would select them allow with existing pods.

Existing pods that are in the peers of the same rules of a namespace are allowed the same. So they are divided by these
rules first. For each part, the possible pods are then divided by the policies that would select them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import partial, reduce
from operator import and_, or_
from typing import Any

from ringfence.engine.policies import NO_OWN_PORTS, CompiledPolicy, CompiledRule, Stack, Tiers, is_union, settled
from ringfence.engine.population import Population
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.by_namespace import ByTraffic
from ringfence.engine.possible.policy_boxes import RulePlace
from ringfence.engine.possible.subjects import subject_region
from ringfence.engine.possible.universe import Universe
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.overlays import overlay_of_members
from ringfence.sets.partitions import Partition, changed_within, combined, merged
from ringfence.sets.regions import Region
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_CELLS_OF_A_STEP = 16
"""How many cells of existing pods are looked at in the time of one step with regions."""

_Meant = tuple[CompiledRule, Region, Traffic]
"""A rule, the possible pods for which it applies to some existing pods, and its traffic."""


class PossibleSides:
    """Answers for the direction in which the policies of possible pods decide."""

    def __init__(
        self, tiers: Tiers, population: Population, universe: Universe, direction: Direction, budget: Budget
    ) -> None:
        self._tiers = tiers
        self._population = population
        self._universe = universe
        self._direction = direction
        self._budget = budget
        self._everywhere: ByTraffic = frozenset([(universe.regions.everything, ALL_TRAFFIC)])
        self._united: dict[tuple[Region, frozenset[tuple[Region, Traffic]]], Partition[Region, Traffic]] = {}
        """A cache of what rules allow together: most namespaces have the same default policies."""

    def allow(self, name: str | None) -> Partition[Bitset, ByTraffic]:
        """The existing pods, by what possible pods of a namespace, or of all future ones (None), allow with them."""
        families = self._population.decisive_families()
        over = [self._allow_over(name, family) for family in families]
        if len(families) > 1:
            over = [self._where_in_family(cells, family) for cells, family in zip(over, families, strict=True)]
        return merged(reduce(partial(combined, combine=both_sides), over))

    def _where_in_family(self, cells: Partition[Bitset, ByTraffic], family: Family) -> Partition[Bitset, ByTraffic]:
        """The cells of a family; for pods without an address of it, the family does not restrict anything."""
        lacking = self._population.everyone & ~self._population.in_family(family)
        found = [(pods & ~lacking, allowed) for pods, allowed in cells] + [(lacking, self._everywhere)]
        return [cell for cell in found if cell[0]]

    def _allow_over(self, name: str | None, family: Family) -> Partition[Bitset, ByTraffic]:
        universe, tiers, direction = self._universe, self._tiers, self._direction
        about = {
            policy: subject_region(universe, policy, name)
            for policy in tiers.policies_in(name or "")
            if direction in policy.rules
        }
        isolating = [policy for policy in about if isinstance(policy.policy, NetworkPolicy)]
        whole = universe.to_come if name is None else universe.regions.everything
        isolated = whole & reduce(or_, map(about.__getitem__, isolating), universe.regions.nothing)
        others = [policy for policy in about if not isinstance(policy.policy, NetworkPolicy)]
        # A rule of a policy that does not select a pod matches none of its connections, so one stack serves all parts.
        parts = [
            (isolated, tiers.stack_of(list(about), direction)),
            (whole ^ isolated, tiers.stack_of(others, direction)),
        ]
        found: Partition[Bitset, ByTraffic] = []
        for pods, meant in self._by_rules(about.items(), family):
            cells = [cell for part, stack in parts if part for cell in self._settled(part, stack, meant)]
            found.append((pods, by_traffic(cells)))
        return merged(found)

    def _by_rules(
        self, policies: Iterable[tuple[CompiledPolicy[Any], Region]], family: Family
    ) -> Partition[Bitset, tuple[_Meant, ...]]:
        """The existing pods, by the rules of some policies whose peers they are."""
        by_peers: defaultdict[Bitset, list[_Meant]] = defaultdict(list)
        for policy, subjects in policies:
            for rule in policy.rules[self._direction] if subjects else ():
                self._budget.place = RulePlace(policy, self._direction, rule)
                for peers, possible, traffic in self._meant(rule, subjects, family):
                    by_peers[peers].append((rule, possible, traffic))
        divided: Partition[Bitset, tuple[_Meant, ...]] = [(self._population.everyone, ())]
        for peers, some in by_peers.items():
            self._budget.step(len(divided) // _CELLS_OF_A_STEP)
            divided = changed_within(divided, peers, partial(_and_also, some))
        return divided

    def _meant(self, rule: CompiledRule, subjects: Region, family: Family) -> Iterator[tuple[Bitset, Region, Traffic]]:
        """The existing pods, possible pods and traffic that a rule matches; names refer to ports of the destination."""
        peers = self._tiers.peers(rule.peers, family)
        if self._direction is Direction.EGRESS:
            for pods, traffic in self._tiers.rule_traffic(rule, self._direction, peers, NO_OWN_PORTS):
                yield pods, subjects, traffic
            return
        yield peers, subjects, rule.traffic
        for name in rule.port_names:
            yield peers, subjects & self._universe.with_port_name(name), Traffic.of(name[1])

    def _settled(self, part: Region, stack: Stack, meant: Sequence[_Meant]) -> Partition[Region, Traffic]:
        """The traffic allowed with the possible pods of a part, given the matches of all rules."""
        if not stack:
            return [(part, ALL_TRAFFIC)]
        # In a union the order and the owner of a rule do not matter, so policies of different namespaces share results.
        # Ordered tiers are not cached.
        key = (part, frozenset((region, traffic) for _, region, traffic in meant)) if is_union(stack) else None
        found = self._united.get(key) if key else None
        if found is None:
            of_rules: defaultdict[CompiledRule, list[tuple[Region, Traffic]]] = defaultdict(list)
            for rule, region, traffic in meant:
                of_rules[rule].append((region, traffic))
            found = settled(part, stack, lambda rule: of_rules.get(rule, ()), overlay_of_members)
            if key:
                self._united[key] = found
        return found


def side_of_stack(
    tiers: Tiers, population: Population, stack: Stack, family: Family, names: Set[str]
) -> Partition[Bitset, Traffic]:
    """The traffic that a stack of possible pods allows with the existing pods, regardless of the other side.

    Towards a possible pod, it is the traffic to those of its ports that have exactly these `names`. They may have any
    number.
    """
    if not stack:
        return [(population.everyone, ALL_TRAFFIC)]
    direction = stack[0].direction

    def matched(rule: CompiledRule) -> Iterator[tuple[Bitset, Traffic]]:
        peers = tiers.peers(rule.peers, family)
        yield from tiers.rule_traffic(rule, direction, peers, NO_OWN_PORTS)
        if direction is Direction.INGRESS:
            yield from ((peers, Traffic.of(protocol)) for name, protocol in rule.port_names if name in names)

    return settled(population.everyone, stack, matched, overlay_of_members)


def _and_also(some: Sequence[_Meant], meant: tuple[_Meant, ...]) -> tuple[_Meant, ...]:
    return (*meant, *some)


def by_traffic(cells: Iterable[tuple[Region, Traffic]]) -> ByTraffic:
    """Disjoint cells as a partition by traffic."""
    return frozenset(merged((region, traffic) for region, traffic in cells if region and traffic))


def both_sides(a: Iterable[tuple[Region, Traffic]], b: Iterable[tuple[Region, Traffic]]) -> ByTraffic:
    """The traffic that both of two sides allow."""
    return by_traffic(combined(list(a), list(b), and_))
