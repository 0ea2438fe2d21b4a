"""The traffic between possible pods and existing ones: the same as their profiles give once they exist."""

from functools import reduce
from operator import and_
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies
from tests.example_counts import examples
from tests.possible_pods import policies, worlds
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.engine.possible import Budget, Universe
from ringfence.engine.possible.possible_sides import PossibleSides
from ringfence.engine.possible.subjects import subjects_in
from ringfence.engine.possible.universe import is_about_ports
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.label_values import ABSENT
from ringfence.sets.partitions import Partition
from ringfence.sets.regions import Region, nodes_of
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

V = TypeVar("V")


@settings(max_examples=examples(50))
@given(worlds(st.one_of(policies, policies, cluster_policy_strategies.cluster_policies)), st.sampled_from(Direction))
def test_pods_of_one_profile_allow_what_the_profile_says(world: list[Object], direction: Direction) -> None:
    state, budget = cluster_of(world).state, Budget()
    universe = Universe(state.namespaces, budget.step)
    to_come = PossibleSides(state.tiers, state.population, universe, direction, budget)
    for name in (*universe.existing, None):
        allowed = to_come.allow(name)
        for subjects, stack in subjects_in(state.tiers, universe, name, direction, budget):
            over = [state.tiers.peers_of(stack, family=family) for family in state.population.decisive_families()]
            for bit in bitsets.members(state.population.everyone):
                expected = reduce(and_, (value_at(partition, bit) for partition in over))
                assert passing(universe, value_at(allowed, bit), subjects) == {expected}


def value_at(partition: Partition[Bitset, V], bit: int) -> V:
    (found,) = (value for pods, value in partition if pods >> bit & 1)
    return found


def passing(universe: Universe, cells: frozenset[tuple[Region, Traffic]], subjects: Region) -> set[Traffic]:
    """The traffic of some possible pods whose ports have none of the names in rules."""
    found, left = set(), subjects
    for region, traffic in cells:
        for axis in sorted({node.axis for node in nodes_of([region]) if is_about_ports(node.axis)}):
            region = universe.regions.restricted(region, axis, ABSENT)
        if common := region & left:
            found.add(traffic)
            left ^= common
    return found | {NO_TRAFFIC} if left else found
