"""The policies of one namespace, or those of the whole cluster, by the pods that they select.

For questions about few pods, as after a change, it is cheapest to test each policy. For many pods, the policies of all
of them are found in one pass.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Generic

from ringfence.engine.policies.rules import CompiledPolicy, P
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

_FEW: Final = 64
"""The number of questions that are answered one by one before all are answered at once."""

_MOST: Final = 2_000_000
"""The most pairs of a policy and an identity that are listed: they take 16 MB."""


class SelectingPolicies(Generic[P]):
    """Policies, and the identities that each selects, as of one moment."""

    def __init__(self, policies: Iterable[tuple[CompiledPolicy[P], Bitset]]) -> None:
        self._policies = list(policies)
        self._asked = 0
        self._by_identity: dict[int, list[CompiledPolicy[P]]] | None = None

    def selecting(self, bit: int) -> list[CompiledPolicy[P]]:
        """The policies that select the identity with this bit."""
        if self._by_identity is not None:
            return self._by_identity.get(bit, [])
        self._asked += 1
        # `==`, not `>=`: the sum over all policies is computed once, also if the limit forbids the list.
        if self._asked == _FEW and sum(subjects.bit_count() for _, subjects in self._policies) <= _MOST:
            self._by_identity = self._transposed()
        return [policy for policy, subjects in self._policies if subjects >> bit & 1]

    def _transposed(self) -> dict[int, list[CompiledPolicy[P]]]:
        found: defaultdict[int, list[CompiledPolicy[P]]] = defaultdict(list)
        for policy, subjects in self._policies:
            for bit in bitsets.members(subjects):
                found[bit].append(policy)
        return found
