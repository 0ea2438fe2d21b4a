"""Where two sets of policies differ: the possible connections that one allows and the other denies.

A connection is allowed if both directions allow it. So `mine` allows and `theirs` denies it if both directions of
`mine` allow it, and one direction of `theirs` denies it. Hence the search starts with differences in one direction, of
which two versions of the same policies have few, and then checks the other direction of `mine`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ringfence.engine.policies import Action
from ringfence.engine.possible.budget import Budget
from ringfence.engine.possible.connections import PossibleConnection, connection_in, has_connection
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

    Raises Undecided if this takes more steps than the budget has.
    """
    for box in boxes_allowed_only_by(mine, theirs, budget or Budget(), within):
        connection = connection_in(box)
        assert connection is not None
        yield connection


def boxes_allowed_only_by(mine: Meaning, theirs: Meaning, budget: Budget, within: Box = EVERYTHING) -> Iterator[Box]:
    """The boxes of all possible connections that `mine` allows and `theirs` denies: at least one in each box.

    Boxes may overlap.
    """
    for direction in Direction:
        other = mine.of(direction.opposite)
        for whole, boxes in _side_differences(mine.of(direction), theirs.of(direction), budget, within):
            yield from _also_allowed(other, whole, boxes, budget)


def _also_allowed(other: DirectionMeaning, whole: Box, boxes: Iterable[Box], budget: Budget) -> Iterator[Box]:
    """The boxes inside others, which are parts of a whole one, that another direction allows, too."""
    is_checked = False
    for box in boxes:
        seen = None
        for seen in other.allowed(box, budget):
            if has_connection(seen):
                yield seen
            # No part of an impossible box is possible, so its other parts are not looked at.
            elif not has_connection(box):
                break
        # The other end may deny all that a rule matches: then the hundred parts that other rules leave of it need not
        # be found.
        if seen is None and not is_checked:
            is_checked = True
            if next(other.allowed(whole, budget), None) is None:
                return


def side_allowed_only_by(
    mine: DirectionMeaning, theirs: DirectionMeaning, budget: Budget, within: Box = EVERYTHING
) -> Iterator[Box]:
    """The boxes that one direction of `mine` allows and the same direction of `theirs` denies."""
    return chain.from_iterable(boxes for _, boxes in _side_differences(mine, theirs, budget, within))


def _side_differences(
    mine: DirectionMeaning, theirs: DirectionMeaning, budget: Budget, within: Box
) -> Iterator[tuple[Box, Iterator[Box]]]:
    """Boxes, such as that of a changed rule, each with the boxes inside it that only one direction of `mine` allows."""
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
                first, *others = constraints
                yield from ((box, narrowed(box, others, budget)) for box in first(within, budget))


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
