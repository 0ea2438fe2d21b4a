"""Large policies: what each of them allows with addresses is compiled apart from what others do.

A profile unites the addresses that its policies allow. If it has large ones, a change of one would have the addresses
of all of them united, written and loaded again. So the chain looks into sets that belong to one large policy each. They
are shared by all profiles that the policy is in, and compiled once, for as long as the policy exists.
"""

from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from ringfence.dataplane.compile.address_rules import MOST_PAIRS, address_pairs, for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.dataplane.compile.division import Pair
from ringfence.engine.policies import CompiledPolicy, OwnPorts, Stack
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.traffic import PROTOCOLS
from ringfence.steps import Steps

LARGE: Final = 1_000
"""So many ranges of addresses make a policy large. To compile and to load them takes 5 ms."""

MOST_APART: Final = 8
"""How many combinations of addresses and traffic are apart: each costs a packet two lookups."""


_RULE: Final = 15
"""So many ranges of addresses take as long as a rule with traffic of its own."""


class _PartKey(NamedTuple):
    """For whom a policy is compiled: what it allows differs by direction, by family and by the subject's own ports."""

    direction: Direction
    family: Family
    own: OwnPorts


class _PolicyPart(NamedTuple):
    """What one large policy allows with addresses: so many combinations with traffic, and the rules for them."""

    combinations: int
    allowances: list[Allowance]


class _Division(NamedTuple):
    """What the policies of a stack allow with addresses of one family."""

    apart: list[Allowance]
    """What large policies allow, each for itself."""
    together: list[Pair]
    """What all others allow."""


class LargePolicies:
    """Compiles large policies apart, and remembers the result."""

    def __init__(self, state: State) -> None:
        self._tiers = state.tiers
        self._parts: WeakKeyDictionary[CompiledPolicy[Any], dict[_PartKey, _PolicyPart | None]] = WeakKeyDictionary()

    def effort(self, stack: Stack) -> int:
        """How long it takes to compute what a stack says of addresses, in units of 1.5 us, without what is known."""
        return sum(
            _effort(policy, profile.direction)
            for profile in stack
            for policy in profile.policies
            if not any(self._known(policy).values())
        )

    def for_addresses_of(self, stack: Stack, own: OwnPorts, family: Family) -> Steps[list[Allowance]]:
        """What a stack whose rules only allow says of addresses of a family. Raises TooComplex."""
        apart, together = yield from self._divide(stack, own, family)
        return [*apart, *(yield from for_addresses(stack[0].direction, family, together))]

    def _divide(self, stack: Stack, own: OwnPorts, family: Family) -> Steps[_Division]:
        """Divide what a stack whose rules only allow says of addresses: large policies come apart, as far as is good.

        The first large policies by name are apart, so that a change of one leaves the sets of the others as they are.
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
        """What a policy allows, if it is large and has few combinations of addresses and traffic."""
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
            return None  # they would be classes, and from the chains of classes packets do not come back
        return _PolicyPart(len(pairs), (yield from for_addresses(direction, family, pairs)))


def _effort(policy: CompiledPolicy[Any], direction: Direction) -> int:
    rules = policy.rules[direction]
    if len(rules) >= LARGE:
        return _RULE * len(rules)  # it is much, however large they are
    addresses = sum(len(rule.peers.addresses.ranges(one)) for rule in rules for one in FAMILIES)
    return _RULE * len(rules) + addresses + sum(len(rule.traffic.ports(one)) for rule in rules for one in PROTOCOLS)
