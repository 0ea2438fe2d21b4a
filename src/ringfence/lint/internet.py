"""The traffic that policies allow with the whole internet: all public addresses of a family outside the cluster."""

from collections.abc import Callable
from functools import reduce
from operator import and_

from ringfence.analysis.endpoints import internet_addresses
from ringfence.engine.policies import CompiledRule, OwnPorts, Stack
from ringfence.lint.linted import Linted
from ringfence.lint.posture import Passing
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


def passing_with_the_internet(linted: Linted, direction: Direction) -> Passing:
    """A function that gives the traffic allowed with every address of the internet, of at least one family."""
    internet, tiers = _by_family(linted), linted.state.tiers

    def passing(stack: Stack, own: OwnPorts) -> Traffic:
        cells = ([traffic for part, traffic in tiers.addresses_of(stack, own, one) if part] for one in internet)
        # Within a family all addresses must be allowed; of the two families, one is enough.
        return Traffic.union_of([reduce(and_, traffic, ALL_TRAFFIC) for traffic in cells])

    return passing


def is_about_the_internet(linted: Linted) -> Callable[[CompiledRule], bool]:
    """A predicate: whether a rule matches every address of the internet, of at least one family."""
    internet = _by_family(linted)
    return lambda rule: rule.peers.everyone or any(not one - rule.peers.addresses for one in internet)


def _by_family(linted: Linted) -> list[Addresses]:
    def found() -> list[Addresses]:
        every = internet_addresses(linted.state)
        return [Addresses.in_family(family, every.ranges(family)) for family in FAMILIES]

    return linted.remembered("the internet", found)
