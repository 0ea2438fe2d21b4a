"""Divides possible pods by the policies that would select them: pods of one part have the same profiles."""

from functools import partial
from typing import Any

from ringfence.engine.policies import CompiledPolicy, Stack, Tiers
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.universe import NAME, Universe
from ringfence.model.policies import Direction
from ringfence.sets.partitions import Partition, changed_within, merged
from ringfence.sets.regions import Region


def subjects_in(
    tiers: Tiers, universe: Universe, name: str | None, direction: Direction, budget: Budget
) -> Partition[Region, Stack]:
    """The possible pods of an existing namespace, or of all future ones (None), by their profiles for a direction.

    Regions of the pods of one namespace do not depend on its name.
    """
    selecting: Partition[Region, tuple[CompiledPolicy[Any], ...]]
    selecting = [(universe.to_come if name is None else universe.regions.everything, ())]
    for policy in tiers.policies_in(name or ""):
        if direction in policy.rules:
            budget.place = policy
            selecting = changed_within(selecting, subject_region(universe, policy, name), partial(_and_also, policy))
    return merged((region, tiers.stack_of(policies, direction)) for region, policies in selecting)


def subjects_everywhere(
    tiers: Tiers, universe: Universe, direction: Direction, budget: Budget
) -> Partition[Region, Stack]:
    """All possible pods, by their profiles for a direction."""
    parts = list(subjects_in(tiers, universe, None, direction, budget))
    for name in universe.existing:
        for region, stack in subjects_in(tiers, universe, name, direction, budget):
            parts.append((universe.in_namespace(name, region), stack))
    return merged(parts)


def subject_region(universe: Universe, policy: CompiledPolicy[Any], name: str | None) -> Region:
    """The possible pods of a namespace, or of all future ones (None), that a policy would select."""
    # Within its own namespace only the labels of pods matter.
    if policy.namespace:
        return universe.labelled(policy.subject.pods)
    region = universe.selected(policy.subject)
    return region if name is None else universe.regions.restricted(region, NAME, name)


def _and_also(policy: CompiledPolicy[Any], some: tuple[CompiledPolicy[Any], ...]) -> tuple[CompiledPolicy[Any], ...]:
    return (*some, policy)
