"""Whether a mutant has the same effect as its policy, together with all other policies, in every possible cluster.

A side of a connection depends only on the policies of its own namespace and on those of administrators. So a change
that makes no difference to these makes none at all; all policies are compared only if it does make one.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ringfence.analysis.mutants.mutants import Mutant
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible import (
    Budget,
    DirectionMeaning,
    Undecided,
    compile_in_any_cluster,
    direction_meaning,
    has_connection,
    side_allowed_only_by,
)
from ringfence.model.policies import Direction
from ringfence.sets.boxes import EVERYTHING

_STEPS: Final = 200_000
"""The bound for one mutant, some 0.2 s. Most mutants take some hundred steps."""


class EqualMeanings:
    """Decides for mutants of some policies whether they have the same effect."""

    def __init__(self, policies: Iterable[CompiledPolicy[Any]]) -> None:
        self._policies = {_key(one): compile_in_any_cluster(one.policy, one.origin) for one in policies}
        self._whole: dict[Direction, DirectionMeaning] = {}
        self._near: dict[tuple[str, Direction], DirectionMeaning] = {}

    def is_equal(self, mutant: Mutant) -> bool:
        """Whether a mutant has the same effect. False also if this would take too long to decide."""
        before = self._policies[_key(mutant.policy)]
        after = None if mutant.after is None else compile_in_any_cluster(mutant.after, before.origin)
        budget = Budget(_STEPS)
        try:
            with budget.deciding():
                return not any(self._differs(direction, before, after, budget) for direction in Direction)
        # It then counts as a mistake that tests could notice: a share that is too low is better than one that is too
        # high.
        except Undecided:
            return False

    def _differs(
        self,
        direction: Direction,
        before: CompiledPolicy[Any],
        after: CompiledPolicy[Any] | None,
        budget: Budget,
    ) -> bool:
        """Whether some connection is allowed in one of the two cases only, because of one direction."""
        # Most mutants change one direction only, so this halves the work.
        if _side(before, direction) == _side(after, direction):
            return False
        other = direction.opposite
        own = self._near_before(before.namespace, direction), self._near_after(before, after, direction)
        for place, (mine, theirs) in enumerate((own, own[::-1])):
            for box in side_allowed_only_by(mine, theirs, budget, EVERYTHING):
                # What one side opens has no effect where the other side denies it in every case.
                seen = self._other_side(other, place, before, after).allowed(box, budget)
                if any(map(has_connection, seen)):
                    return True
        return False

    def _other_side(
        self, direction: Direction, place: int, before: CompiledPolicy[Any], after: CompiledPolicy[Any] | None
    ) -> DirectionMeaning:
        """The meaning of all policies for the other direction of a connection, before (0) or after (1)."""
        if place == 0 or _side(before, direction) == _side(after, direction):
            if direction not in self._whole:
                self._whole[direction] = direction_meaning(self._policies.values(), direction)
            return self._whole[direction]
        return direction_meaning(_instead(self._policies.values(), before, after), direction)

    def _near_before(self, namespace: str, direction: Direction) -> DirectionMeaning:
        known = self._near.get((namespace, direction))
        if known is None:
            known = self._near[namespace, direction] = direction_meaning(self._near_policies(namespace), direction)
        return known

    def _near_after(
        self, before: CompiledPolicy[Any], after: CompiledPolicy[Any] | None, direction: Direction
    ) -> DirectionMeaning:
        return direction_meaning(_instead(self._near_policies(before.namespace), before, after), direction)

    def _near_policies(self, namespace: str) -> Iterable[CompiledPolicy[Any]]:
        """The policies on which a side of pods of a namespace may depend; all policies for an empty name."""
        return [one for one in self._policies.values() if not namespace or one.namespace in ("", namespace)]


def _instead(
    policies: Iterable[CompiledPolicy[Any]], before: CompiledPolicy[Any], after: CompiledPolicy[Any] | None
) -> Iterator[CompiledPolicy[Any]]:
    """The policies with one of them replaced, or removed."""
    for one in policies:
        if one is not before:
            yield one
        elif after is not None:
            yield after


def _side(policy: CompiledPolicy[Any] | None, direction: Direction) -> object:
    """The subject and the written rules of a policy for a direction; None if it does not affect the direction."""
    if policy is None or direction not in policy.rules:
        return None
    # Compiled rules cannot be compared: the node labels in them depend on the cluster.
    return policy.subject, getattr(policy.policy.spec, direction.field)


def _key(policy: CompiledPolicy[Any]) -> tuple[str, str, str]:
    return policy.kind, policy.namespace, policy.name
