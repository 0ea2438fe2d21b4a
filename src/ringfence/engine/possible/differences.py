"""Where two sets of policies differ: the possible connections that one allows and the other denies.

A connection is allowed if both directions allow it. So `mine` allows and `theirs` denies it if both directions of
`mine` allow it, and one direction of `theirs` denies it. Hence the search starts with differences in one direction, of
which two versions of the same policies have few, and then checks the other direction of `mine`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ringfence.engine.policies import Action
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.connections import PossibleConnection, connection_in
from ringfence.engine.possible.meaning import (
    Constraint,
    DirectionMeaning,
    IsolationTier,
    Meaning,
    Tier,
    inside_any,
    is_same_tier,
    narrowed,
    outside_all,
)
from ringfence.model.policies import Direction
from ringfence.sets.box_index import BoxIndex
from ringfence.sets.boxes import EVERYTHING, Box

_Wanted = Action | None
"""The required action of a tier; None if an earlier tier has decided."""


def allowed_only_by(
    mine: Meaning, theirs: Meaning, budget: Budget | None = None, within: Box = EVERYTHING
) -> Iterator[PossibleConnection]:
    """Connections that `mine` allows and `theirs` denies: one of each box, of boxes that together contain all of them.

    Boxes may overlap. Raises Undecided if this takes more steps than the budget has.
    """
    budget = budget or Budget()
    for direction in Direction:
        other = direction.opposite
        for box in side_allowed_only_by(mine.of(direction), theirs.of(direction), budget, within):
            for seen in mine.of(other).allowed(box, budget):
                connection = connection_in(seen)
                if connection is not None:
                    yield connection
                # No part of an impossible box is possible, so its other parts are not looked at.
                elif connection_in(box) is None:
                    break


def side_allowed_only_by(
    mine: DirectionMeaning, theirs: DirectionMeaning, budget: Budget, within: Box = EVERYTHING
) -> Iterator[Box]:
    """The boxes that one direction of `mine` allows and the same direction of `theirs` denies."""
    # Unchanged directions share the object (`Meaning.with_changes`), so most comparisons end here.
    if mine is theirs:
        return
    pairs = [
        (one, other, is_same_tier(one, other))
        for one, other in zip(mine.tiers, theirs.tiers, strict=True)
        if not (one.is_empty and other.is_empty)
    ]
    if all(is_same for _, _, is_same in pairs):
        return
    # A connection that no tier decides is allowed, as if by an additional tier at the end.
    # Each way to allow is paired with each way to deny: with three tiers these are at most 12, and `_constraints` drops
    # those that contradict each other.
    for allowing in range(len(pairs) + 1):
        for denying in range(len(pairs)):
            constraints = _constraints(pairs, allowing, denying)
            if constraints is not None:
                yield from narrowed(within, constraints, budget)


def _constraints(pairs: list[tuple[Tier, Tier, bool]], allowing: int, denying: int) -> list[Constraint] | None:
    """The constraints for tier `allowing` of mine to allow and tier `denying` of theirs to deny. None if impossible.

    Constraints on tiers that must act differently come first, because they leave the fewest boxes.
    """
    different: list[Constraint] = []
    equal: list[Constraint] = []
    for number, (mine, theirs, is_same) in enumerate(pairs):
        first, second = _wanted(number, allowing, Action.ALLOW), _wanted(number, denying, Action.DENY)
        if is_same and first and second:
            # The same tier cannot act in two ways on one connection.
            if first is not second:
                return None
            equal.append(mine.where(first))
        else:
            both = _both(mine, theirs, first, second)
            if both is None:
                return None
            (equal if first is second else different).extend(both)
    return [*different, *equal]


def _wanted(number: int, deciding: int, action: Action) -> _Wanted:
    """The action that a tier must have so that tier `deciding` decides with `action`."""
    return Action.PASS if number < deciding else action if number == deciding else None


def _both(mine: Tier, theirs: Tier, first: _Wanted, second: _Wanted) -> list[Constraint] | None:
    if first and second and isinstance(mine, IsolationTier) and isinstance(theirs, IsolationTier):
        return _both_isolation(mine, theirs, first, second)
    wanted = ((mine, first), (theirs, second))
    return [tier.where(action) for tier, action in wanted if action]


def _both_isolation(
    mine: IsolationTier, theirs: IsolationTier, first: Action, second: Action
) -> list[Constraint] | None:
    """The constraints without rules and subjects that both tiers have: they cannot make a difference.

    None if there are no others.
    """
    changed: Sequence[tuple[Box, Any]]
    match first, second:
        case Action.ALLOW, Action.DENY:
            changed, subjects = mine.rules.not_in(theirs.rules), inside_any(theirs.subjects)
            others = [outside_all(theirs.rules), subjects]
        case Action.ALLOW, Action.PASS:
            changed, subjects = mine.rules.not_in(theirs.rules), outside_all(theirs.subjects)
            others = [outside_all(theirs.rules), subjects]
        case Action.PASS, Action.DENY:
            changed, subjects = theirs.subjects.not_in(mine.subjects), outside_all(mine.subjects)
            others = [subjects, outside_all(theirs.rules)]
        case _:
            return [mine.where(first), theirs.where(second)]
    return [inside_any(BoxIndex(changed)), *others] if changed else None
