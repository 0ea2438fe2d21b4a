"""The policies of one namespace, or those of the whole cluster, by the pods that they select.

For questions about few pods, as after a change, it is cheapest to test each policy: for very few by the labels of the
pod, for some by the set of all pods that the policy selects. For many pods, the policies of all of them are found in
one pass.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Generic

from ringfence.engine.policies.rules import CompiledPolicy, P
from ringfence.engine.policies.selection import Selections
from ringfence.engine.population import Identity
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

_VERY_FEW: Final = 8
"""The number of questions that are answered without computing which pods a policy selects."""

_FEW: Final = 64
"""The number of questions that are answered one by one before all are answered at once."""

_MOST: Final = 2_000_000
"""The most pairs of a policy and an identity that are listed: they take 16 MB."""


class SelectingPolicies(Generic[P]):
    """Policies, and the identities that each selects, as of one moment."""

    def __init__(self, policies: Iterable[CompiledPolicy[P]], selections: Selections) -> None:
        self._policies = list(policies)
        self._selections = selections
        self._asked = 0
        self._answers: dict[int, list[CompiledPolicy[P]]] = {}
        """By identity. Each is asked about twice: once for each direction."""
        self._subjects: list[Bitset] = []
        """The identities that each policy selects, once more than very few questions were asked."""
        self._by_identity: dict[int, list[CompiledPolicy[P]]] | None = None

    def selecting(self, identity: Identity) -> list[CompiledPolicy[P]]:
        """The policies that select an identity."""
        if self._by_identity is not None:
            return self._by_identity.get(identity.bit, [])
        if identity.bit not in self._answers:
            self._answers[identity.bit] = self._find(identity)
        return self._answers[identity.bit]

    def _find(self, identity: Identity) -> list[CompiledPolicy[P]]:
        self._asked += 1
        if self._asked <= _VERY_FEW:
            return self._find_alone(identity)
        if not self._subjects:
            self._subjects = [self._selections.pods(policy.subject) for policy in self._policies]
        # `==`, not `>=`: the sum over all policies is computed once, also if the limit forbids the list.
        if self._asked == _FEW and sum(subjects.bit_count() for subjects in self._subjects) <= _MOST:
            self._by_identity, self._answers = self._transposed(), {}
        bit = identity.bit
        return [policy for policy, subjects in zip(self._policies, self._subjects, strict=True) if subjects >> bit & 1]

    def _find_alone(self, identity: Identity) -> list[CompiledPolicy[P]]:
        alone, computed, bit = self._selections.of(identity), self._selections.computed, identity.bit
        found: list[CompiledPolicy[P]] = []
        for policy in self._policies:
            subjects = computed.get(policy.subject)
            if alone.in_any((policy.subject,)) if subjects is None else subjects >> bit & 1:
                found.append(policy)
        return found

    def _transposed(self) -> dict[int, list[CompiledPolicy[P]]]:
        found: defaultdict[int, list[CompiledPolicy[P]]] = defaultdict(list)
        for policy, subjects in zip(self._policies, self._subjects, strict=True):
            for bit in bitsets.members(subjects):
                found[bit].append(policy)
        return found
