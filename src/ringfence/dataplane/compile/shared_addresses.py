"""What the rules of stacks about addresses allow, resolved once for all stacks that have the same ones.

The pods of many namespaces are often subjects of the same cluster policies, and differ only in rules about pods.
"""

from typing import Final
from weakref import WeakKeyDictionary

from ringfence.dataplane.compile.address_precedence import (
    AddressRules,
    ProfileRules,
    pairs_with_precedence,
    profile_rules_of,
)
from ringfence.dataplane.compile.address_rules import for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.engine.policies import OwnPorts, Profile, Stack
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family
from ringfence.steps import Steps

_FEWEST_KEPT: Final = 8
"""The number of different rules about addresses for which the result is always kept."""

_MOST_RANGES: Final = 50_000
"""The number of ranges in all results from which on no more are kept."""


class SharedAddresses:
    """Resolves rules about addresses, and keeps the last results."""

    def __init__(self) -> None:
        self._rules: WeakKeyDictionary[Profile, dict[tuple[Family, OwnPorts], ProfileRules]] = WeakKeyDictionary()
        self._known: dict[tuple[Direction, AddressRules], list[Allowance]] = {}
        self._ranges = 0
        """The number of ranges in all kept results."""

    def rules_of(self, state: State, stack: Stack, own: OwnPorts, family: Family) -> Steps[AddressRules]:
        """Collect the rules of a stack about addresses of one family. `own` are the subject's own ports."""
        profiles: list[ProfileRules] = []
        for profile in stack:
            known = self._rules.setdefault(profile, {})
            # Only the ports that the profile names: subjects that differ in other ports share the rules.
            key = family, frozenset(port for port in own if port[:2] in profile.port_names)
            if key not in known:
                known[key] = yield from profile_rules_of(state, profile, own, family)
            profiles.append(known[key])
        return AddressRules(family, tuple(profiles), tuple([profile.otherwise for profile in stack]))

    def allowances(self, direction: Direction, rules: AddressRules) -> Steps[list[Allowance]]:
        """Return what the rules allow. Raises TooComplex."""
        key = direction, rules
        if key not in self._known:
            pairs = yield from pairs_with_precedence(rules)
            found = yield from for_addresses(direction, rules.family, pairs)
            self._keep(key, found)
        return self._known[key]

    def _keep(self, key: tuple[Direction, AddressRules], found: list[Allowance]) -> None:
        if key in self._known:
            return  # another computation was faster
        self._known[key] = found
        self._ranges += _ranges_in(found)
        while len(self._known) > _FEWEST_KEPT and self._ranges > _MOST_RANGES:
            self._ranges -= _ranges_in(self._known.pop(next(iter(self._known))))


def _ranges_in(found: list[Allowance]) -> int:
    return sum(one.size for allowance in found for one in allowance.fixed.values())
