"""What the rules of stacks about addresses allow, resolved once for all stacks that have the same ones.

The pods of many namespaces are often subjects of the same cluster policies, and differ only in rules about pods.
"""

from typing import Final

from ringfence.dataplane.compile.address_precedence import AddressRules, pairs_with_precedence
from ringfence.dataplane.compile.address_rules import for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.model.policies import Direction
from ringfence.steps import Steps

_MOST_KEPT: Final = 8
"""The number of different rules about addresses for which the result is kept."""


class SharedAddresses:
    """Resolves rules about addresses, and keeps the last results."""

    def __init__(self) -> None:
        self._known: dict[tuple[Direction, AddressRules], list[Allowance]] = {}

    def allowances(self, direction: Direction, rules: AddressRules) -> Steps[list[Allowance]]:
        """Return what the rules allow. Raises TooComplex."""
        key = direction, rules
        if key not in self._known:
            pairs = yield from pairs_with_precedence(rules)
            found = yield from for_addresses(direction, rules.family, pairs)
            while len(self._known) >= _MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = found
        return self._known[key]
