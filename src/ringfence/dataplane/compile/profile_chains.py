"""Compiles profiles into chains: a few lookups for the rules of all policies of a pod in one direction.

The number of lookups does not depend on the number of policies, rules and peers. For each address family, the chain of
a profile looks up

- a set of ranges, for peers that are addresses and are allowed everything. The compiler subtracts `except`, and treats
  a rule without peers as the range of all addresses;
- for other peers that are addresses: a set of ranges and a set of ports, both of which must match, if there are few
  combinations of the two; otherwise a map from ranges to the chains of classes (`class_chains`);
- a set of pods that are allowed everything;
- a set of (address, protocol, port), for pods that are allowed some ports;
- a set of pods and a set of ports, both of which must match, for a few rules whose product of pods and ports would be
  large. All profiles that have such a rule about the same pods share the set of pods;
- for more such rules, a map from pods to the chains that allow their traffic (`peer_maps`).

The addresses of a large policy are in sets of its own (`large_policies`).

Where some rules deny or pass, there is this map in place of all sets of pods. Pods that have the same cluster policies
share most of it: the chain of each looks up the map of its exceptions only, and then goes to a chain that they have in
common, with all other rules.

Sets and maps of ranges are named after what they hold and never change; sets of pods are named after the selectors, and
change as pods come and go.
"""

import errno
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from ringfence.dataplane.compile.allowances import Allowance, by_peer
from ringfence.dataplane.compile.division import TooComplex
from ringfence.dataplane.compile.large_policies import LargePolicies
from ringfence.dataplane.compile.peer_maps import PeerMap, RulesOfProfiles
from ringfence.dataplane.compile.peers import PodSet
from ringfence.dataplane.compile.pod_rules import check_selectors, for_pods, selectors_in
from ringfence.dataplane.compile.shared_addresses import SharedAddresses
from ringfence.dataplane.program import Chain, Collection, Dispatch, Goto, Rule, digest, profile_chain
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action, OwnPorts, Stack, is_union
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.steps import Steps

_FORM: Final = 2
"""The form of chains of several tiers. Earlier versions gave them other rules, under names without this number.

Pods that move to a chain of another name need no copies of rules while both directions change. Rules that replace
others in place do, and the kernel takes as long for a copy as for all addresses that have groups.
"""

_NAMED: Final = 3
"""The maximum number of policies that a message names."""


class ProfileChain(NamedTuple):
    """The chain of a pod's profiles, and the sets, maps and chains that it uses, by name."""

    chain: Chain
    fixed: dict[str, Collection]
    pods: dict[str, PodSet]
    maps: dict[str, PeerMap]
    parts: dict[str, Chain]
    """The chains of its classes, and the chain that it has in common with others. They never change."""


def denies_everything(stack: Stack) -> bool:
    """Whether a stack has no rules and denies all traffic."""
    return stack[-1].otherwise is Action.DENY and not any(True for profile in stack for _ in profile.rules)


def chain_name(stack: Stack, ports: OwnPorts) -> str:
    """Return the name of a stack's chain for subjects with these ports of their own."""
    profile = stack[0]
    if len(stack) == 1 and profile.otherwise is Action.DENY:  # NetworkPolicies alone, whose order does not matter
        policies = frozenset((policy.namespace, policy.name) for policy in profile.policies)
        return f"{profile.direction.field}_{digest((policies, ports))}"
    tiers = tuple((one.tier, tuple((policy.namespace, policy.name) for policy in one.policies)) for one in stack)
    return f"{profile.direction.field}_{digest((_FORM, tiers, ports))}"


class SharedParts(NamedTuple):
    """What was built for other stacks and is used again: by large policies, for profiles, and for addresses."""

    large: LargePolicies
    rules: RulesOfProfiles
    addresses: SharedAddresses


def build_chain(
    state: State, stack: Stack, ports: OwnPorts, families: tuple[Family, ...], shared: SharedParts
) -> Steps[ProfileChain | None]:
    """Build the chain of a stack for subjects with these ports. Raises TooComplex.

    Returns None if the stack allows everything and therefore isolates no pod.
    """
    if _allows_everything(state, stack):
        return None
    check_selectors([rule for one in stack if one.tier == NETWORK_POLICY_TIER for rule in one.rules])
    exceptions: list[Allowance] = []
    others: list[Allowance] = []
    for family in families:
        if is_union(stack):
            others += yield from _of_union(state, stack, ports, family, shared.large)
        else:
            found = yield from _settled(state, stack, ports, family, shared)
            exceptions += found.exceptions
            others += found.others
    chain, in_common = _written(stack[0].direction, exceptions, others)
    used = [*exceptions, *others]
    return ProfileChain(
        chain,
        _joined(one.fixed for one in used),
        _joined(one.pods for one in used),
        _joined(one.maps for one in used),
        in_common | _joined(one.chains for one in used),
    )


def _written(
    direction: Direction, exceptions: list[Allowance], others: list[Allowance]
) -> tuple[Chain, dict[str, Chain]]:
    """Return the chain with these rules, and the chain of the rules behind the exceptions, if there are exceptions."""
    rules = tuple(one.rule for one in others)
    if not exceptions:
        return profile_chain(direction, rules), {}
    name, chain = _chain_in_common(direction, rules)
    return Chain((*(one.rule for one in exceptions), Rule((), Goto(name)))), {name: chain}


@lru_cache(maxsize=1 << 10)  # many subjects have the same one
def _chain_in_common(direction: Direction, rules: tuple[Rule, ...]) -> tuple[str, Chain]:
    """Return the chain of the rules that subjects have in common, and its name, which says what the rules are."""
    return f"{direction.field}_common_{digest(rules)}", profile_chain(direction, rules)


_SELECTOR: Final = 50
"""The number of address ranges that take as long to compile as one selector."""


def effort(stack: Stack, large: LargePolicies, *, of_the_cluster: bool = False) -> int:
    """Estimate the time to build the chain of a stack, in units of 1.5 us. Only work that tenants cause counts.

    For a union (`is_union`), all policies count. For other stacks, only NetworkPolicies count, and nothing counts if
    policies `of_the_cluster` have changed.
    """
    if is_union(stack):
        written = stack
    elif of_the_cluster:
        return 0
    else:
        written = tuple(one for one in stack if one.tier == NETWORK_POLICY_TIER)
    return large.effort(written) + _SELECTOR * selectors_in(rule for profile in written for rule in profile.rules)


def _of_union(
    state: State, stack: Stack, ports: OwnPorts, family: Family, large: LargePolicies
) -> Steps[list[Allowance]]:
    """Return the rules for a stack whose rules all allow, so that their order does not matter."""
    by_address = yield from large.for_addresses_of(stack, ports, family)
    # Packets do not return from the chains of classes, so the rules that lead there come last.
    dispatching = [one for one in by_address if isinstance(one.rule.action, Dispatch)]
    others = [one for one in by_address if not isinstance(one.rule.action, Dispatch)]
    by_pod = yield from for_pods(state, stack, ports, family, tuple(one.rule for one in dispatching))
    return [*others, *by_pod, *dispatching]


class _Settled(NamedTuple):
    """The rules for a stack where the first match decides: those about `exceptions` come before all `others`."""

    exceptions: list[Allowance]
    others: list[Allowance]


def _settled(state: State, stack: Stack, ports: OwnPorts, family: Family, shared: SharedParts) -> Steps[_Settled]:
    """Return the rules for a stack where the first match decides. Rules about addresses apply to peers in no map."""
    direction = stack[0].direction
    about_addresses = yield from shared.addresses.rules_of(state, stack, ports, family)
    by_address = yield from shared.addresses.allowances(direction, about_addresses)
    known = shared.rules
    rules = tuple(known.of(profile, family, ports) for profile in stack)
    own = [profile.tier == NETWORK_POLICY_TIER for profile in stack]
    if not any(own) or not any(one.names_pods for one, is_own in zip(rules, own, strict=True) if not is_own):
        return _Settled([], [by_peer(PeerMap(rules, is_last=not by_address)), *by_address])
    # Many subjects differ only in the peers that their NetworkPolicies single out. Everything else is in a common map.
    in_common = tuple([one.about_everyone if is_own else one for one, is_own in zip(rules, own, strict=True)])
    common = known.common(PeerMap(in_common, is_last=not by_address))
    return _Settled([by_peer(PeerMap(rules, common=common))], [by_peer(common), *by_address])


V = TypeVar("V")


def _joined(parts: Iterable[dict[str, V]]) -> dict[str, V]:
    joined: dict[str, V] = {}
    for part in parts:
        joined |= part
    return joined


def _allows_everything(state: State, stack: Stack) -> bool:
    """Whether a stack allows everything for any set of pods."""
    if is_union(stack):
        return state.tiers.allows_everything(stack)
    denies = any(step.action is Action.DENY for profile in stack for step in profile.steps)
    return not denies and all(profile.otherwise is not Action.DENY for profile in stack)


def refusal(stack: Stack, error: TooComplex) -> KernelError:
    """Return the error that tells the authors of the policies why no chain was built for a stack."""
    named = [str(policy) for profile in stack for policy in profile.policies]
    policies = ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
    return KernelError(
        f"the {stack[0].direction.field} rules of {policies} cannot be enforced together, so their pods are closed: "
        f"{error}: use fewer rules, larger blocks and ranges of ports, or selectors that select more",
        errno.E2BIG,
    )
