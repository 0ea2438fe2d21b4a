"""Large policies: compiles the addresses of each large policy into sets of its own.

A profile normally unites the addresses of all its policies. With large policies, a change of one policy would unite,
write and load the addresses of all of them again. So each large policy has its own sets. All profiles that contain the
policy share these sets, and they are compiled once for each policy.
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from ringfence.dataplane.compile.address_rules import MOST_PAIRS, address_pairs, for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.dataplane.compile.division import Pair
from ringfence.engine.policies import CompiledPolicy, OwnPorts, Stack
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.traffic import PROTOCOLS, Traffic
from ringfence.steps import Steps

LARGE: Final = 1_000
"""The number of address ranges that makes a policy large. Compiling and loading so many takes 5 ms."""

MOST_APART: Final = 8
"""The maximum number of combinations of addresses and traffic that a chain has separately.

Each of them costs a packet two lookups.
"""


_RULE: Final = 15
"""The number of address ranges that take as long to compile as one rule."""


class _PartKey(NamedTuple):
    """What the compiled form of a policy depends on: direction, family, and the subject's own ports."""

    direction: Direction
    family: Family
    own: OwnPorts


class _PolicyPart(NamedTuple):
    """The rules for the addresses of one large policy, and their number of combinations of addresses and traffic."""

    combinations: int
    allowances: list[Allowance]


class _Division(NamedTuple):
    """The rules for the addresses of one family that the policies of a stack allow."""

    apart: list[Allowance]
    """The rules of large policies, compiled separately for each policy."""
    together: list[Pair]
    """The addresses and traffic that all other policies allow, united."""


class LargePolicies:
    """Compiles each large policy separately, and caches the result."""

    def __init__(self, state: State) -> None:
        self._tiers = state.tiers
        # A compiled policy never changes. A changed one is a new object, and the entry of the old one goes with it.
        self._parts: WeakKeyDictionary[CompiledPolicy[Any], dict[_PartKey, _PolicyPart | None]] = WeakKeyDictionary()

    def effort(self, stack: Stack) -> int:
        """Estimate the time to compile the addresses of a stack, in units of 1.5 us. Cached policies take none."""
        return sum(
            _effort(policy, profile.direction)
            for profile in stack
            for policy in profile.policies
            if not (policy in self._parts and any(self._parts[policy].values()))
        )

    def for_addresses_of(self, stack: Stack, own: OwnPorts, family: Family) -> Steps[list[Allowance]]:
        """Return the rules for the addresses of one family. All rules of the stack must allow. Raises TooComplex."""
        apart, together = yield from self._divide(stack, own, family)
        return [*apart, *(yield from for_addresses(stack[0].direction, family, together))]

    def _divide(self, stack: Stack, own: OwnPorts, family: Family) -> Steps[_Division]:
        """Divide the policies of a stack into separate large ones and all others. All rules of the stack must allow.

        Policies become separate in the order of their names until they have `MOST_APART` combinations, so a change of
        one policy does not change the sets of the others.
        """
        key = _PartKey(stack[0].direction, family, own)
        policies = [policy for profile in stack for policy in profile.policies]
        apart: dict[CompiledPolicy[Any], _PolicyPart] = {}
        left = MOST_APART
        for policy in policies:
            part = yield from self._part(policy, key)
            if part is not None and part.combinations <= left:
                left -= part.combinations
                apart[policy] = part
        if not apart:
            return _Division([], (yield from address_pairs((yield from self._tiers.address_rules(stack, own)), family)))
        others = (rule for policy in policies if policy not in apart for rule in policy.rules[key.direction])
        together = yield from self._tiers.joined_address_rules(others, own)
        return _Division(
            [allowance for part in apart.values() for allowance in part.allowances],
            (yield from address_pairs(together, family)),
        )

    def _part(self, policy: CompiledPolicy[Any], key: _PartKey) -> Steps[_PolicyPart | None]:
        """Return the compiled policy if it is large and has at most `MOST_PAIRS` combinations; else None."""
        known = self._known(policy)
        if key not in known:
            known[key] = yield from self._compiled(policy, key)
        return known[key]

    def _known(self, policy: CompiledPolicy[Any]) -> dict[_PartKey, _PolicyPart | None]:
        return self._parts.setdefault(policy, {})

    def _compiled(self, policy: CompiledPolicy[Any], key: _PartKey) -> Steps[_PolicyPart | None]:
        direction, family, own = key
        rules = policy.rules[direction]
        if sum(len(rule.peers.addresses.ranges(family)) for rule in rules) < LARGE:
            return None
        joined = yield from self._tiers.joined_address_rules(rules, own)
        pairs = yield from address_pairs(joined, family)
        if len(pairs) > MOST_PAIRS:
            return None  # so many would become classes, and packets do not return from the chains of classes
        return _PolicyPart(len(pairs), (yield from for_addresses(direction, family, pairs)))


def _effort(policy: CompiledPolicy[Any], direction: Direction) -> int:
    rules = policy.rules[direction]
    if len(rules) >= LARGE:
        return _RULE * len(rules)  # the effort is high already, so the sizes of the rules need not be counted
    with_blocks = (rule.peers.addresses for rule in rules if rule.peers.block is not None)
    addresses = sum(len(one.ranges(family)) for one in with_blocks for family in FAMILIES)
    return _RULE * len(rules) + addresses + sum(map(_ports_in, [rule.traffic for rule in rules]))


@lru_cache(maxsize=1 << 12)  # most policies are about a few ports
def _ports_in(traffic: Traffic) -> int:
    return sum(len(traffic.ports(one)) for one in PROTOCOLS)
