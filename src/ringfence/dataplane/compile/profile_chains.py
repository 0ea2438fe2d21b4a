"""Profiles as chains: the rules of all policies that decide about a pod in a direction, as a few lookups.

However many policies, rules and peers a profile has, its chain looks, for each address family, into

- two sets of ranges for the peers that are addresses: those allowed everything, and those allowed some ports. `except`
  is subtracted beforehand, ranges that overlap are cut up, and a rule without peers is the range of all addresses;
- a set of pods that are allowed everything;
- a set of (address, protocol, port) for pods that are allowed some ports;
- a set of pods and one of ports, both of which must match, for each rule whose product of the two would be large. The
  set of pods is shared with all other profiles that have such a rule about the same pods.

Sets of ranges are named after what they hold and never change; sets of pods are named after the selectors, and change
as pods come and go.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ringfence.dataplane.compile.address_rules import for_addresses
from ringfence.dataplane.compile.peers import PodSet
from ringfence.dataplane.compile.pod_rules import for_pods
from ringfence.dataplane.program import Chain, RangeSet, digest, profile_chain
from ringfence.engine.policies import Action, OwnPorts, Stack, is_union
from ringfence.engine.state import State
from ringfence.sets.addresses import ALL_ADDRESSES, Family
from ringfence.sets.traffic import ALL_TRAFFIC


class ProfileChain(NamedTuple):
    """The chain of a pod's profiles, and the sets that it looks into, by name."""

    chain: Chain
    ranges: dict[str, RangeSet]
    pods: dict[str, PodSet]


def denies_everything(stack: Stack) -> bool:
    """Whether nothing is allowed for any peer: no rule allows or passes anything."""
    return stack[-1].otherwise is Action.DENY and not any(profile.rules for profile in stack)


def chain_name(stack: Stack, ports: OwnPorts) -> str:
    """The name of a stack's chain for subjects with these ports of their own."""
    profile = stack[0]
    if len(stack) == 1 and profile.otherwise is Action.DENY:  # NetworkPolicies alone, whose order does not matter
        policies = frozenset((policy.namespace, policy.name) for policy in profile.policies)
        return f"{profile.direction.field}_{digest((policies, ports))}"
    tiers = tuple((one.tier, tuple((policy.namespace, policy.name) for policy in one.policies)) for one in stack)
    return f"{profile.direction.field}_{digest((tiers, ports))}"


def build_chain(state: State, stack: Stack, ports: OwnPorts, families: Iterable[Family]) -> ProfileChain | None:
    """The chain of a stack for subjects with these ports; None if it allows everything, and so isolates no pod."""
    direction = stack[0].direction
    cells = state.tiers.addresses_of(stack, ports)
    assert is_union(stack)
    if cells == [(ALL_ADDRESSES, ALL_TRAFFIC)]:
        return None
    allowances = [
        allowance
        for family in families
        for allowance in (*for_addresses(direction, family, cells), *for_pods(state, stack, ports, family))
    ]
    return ProfileChain(
        profile_chain(direction, tuple(one.rule for one in allowances)),
        {name: ranges for one in allowances for name, ranges in one.ranges.items()},
        {name: pods for one in allowances for name, pods in one.pods.items()},
    )
