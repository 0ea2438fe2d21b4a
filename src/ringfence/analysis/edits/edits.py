"""The edit that would reverse an answer and changes the least for others.

Candidates are made from the reasons of the answer (`allowing_edits`, `forbidding_edits`). Each is put into the engine
and the question is asked again: only an edit that is valid and reverses the answer counts. Of these it is the one that
changes the fewest other answers (`side_effects.weight`), and of those that change equally many, the one with the fewest
lines. One that corrects a slip (a port name under the wrong protocol) comes before all others: what it opens for others
is what the rule says.

The search is bounded for large clusters: a side has at most `_MOST_CANDIDATES` candidates, the narrow ones come first,
and a candidate is given up as soon as it changes more than the best one so far.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice, product

import msgspec
from msgspec.structs import replace

from ringfence.analysis.edits.allowing_edits import allowing_edits
from ringfence.analysis.edits.edited_policies import Edit
from ringfence.analysis.edits.forbidding_edits import forbidding_edits
from ringfence.analysis.edits.side_effects import SideEffects, side_effects, weight
from ringfence.analysis.questions import Answer, Pair
from ringfence.engine.answers import PairReason, SideReason, explain
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.names import subdomain_errors
from ringfence.model.validation import network_policy_errors

_MOST_STEPS = 12
_MOST_CANDIDATES = 96
_MOST_OF_A_SIDE = 16
"""Where both sides must change, each candidate of one is tried with each of the other."""
_LONGEST_NAME = 240  # of the 253 characters that a name may have, less some for a number


class Proposal(msgspec.Struct, frozen=True):
    """The edits that together reverse an answer, checked by the engine, and what else they open and close.

    No edits if no small one reverses it.
    """

    edits: tuple[Edit, ...] = ()
    side_effects: SideEffects = SideEffects()


def smallest_edit(state: State, answer: Answer) -> Proposal:
    """What to change so that the answer is the other one."""
    edits = _edits(state, answer)
    if not edits:
        return Proposal()
    return Proposal(edits, side_effects(state, [edit.after for edit in edits], answer.pairs))


def _edits(state: State, answer: Answer) -> tuple[Edit, ...]:
    """The edits, one step for each pair that is not yet as wanted."""
    edits: list[Edit] = []
    wanted = not answer.passes_everywhere
    with state.supposing() as suppose:
        for _ in range(_MOST_STEPS):
            reason = _undone(state, answer, wanted)
            if reason is None:
                return tuple(edits)
            step = _best(state, reason, candidates(state, reason), answer.pairs)
            if not step:
                return ()
            for edit in step:
                suppose(edit.after)
            edits += step
    return ()


def _undone(state: State, answer: Answer, wanted: bool) -> PairReason | None:
    """A pair for which the answer is not yet as wanted; None if it is as wanted for all."""
    reasons = (explain(state, pair.source, pair.destination, pair.asked, pair.over) for pair in answer.pairs)
    denied = next((reason for reason in reasons if not reason.allowed), None)
    if wanted:
        return denied
    pair = answer.pairs[0]
    return None if denied else explain(state, pair.source, pair.destination, pair.asked, pair.over)


def candidates(state: State, reason: PairReason) -> Iterator[tuple[Edit, ...]]:
    """Edits, each a few that belong together, of which some may reverse the answer for one pair."""
    sides = (reason.egress, reason.ingress)
    if reason.allowed:
        ways = [
            forbidding_edits(side, reason.asked, _free_name(state, side, f"deny-{side.direction.field}"))
            for side in sides
        ]
        yield from chain(*(islice(way, _MOST_CANDIDATES) for way in ways))
        return
    openings = [
        allowing_edits(side, reason.asked, _free_name(state, side, f"allow-{side.direction.field}"))
        for side in sides
        if not side.allowed
    ]
    if len(openings) == 1:
        yield from ((edit,) for edit in islice(openings[0], _MOST_CANDIDATES))
    if len(openings) < len(sides):
        return
    for egress, ingress in product(*(islice(opening, _MOST_OF_A_SIDE) for opening in openings)):
        yield egress, _after_both(egress, ingress)


def _free_name(state: State, side: SideReason, prefix: str) -> str:
    """A name for a new policy of the subject, which no policy of its namespace has."""
    if not isinstance(side.subject, Member):
        return prefix
    name = f"{prefix}-{side.subject.name}"[:_LONGEST_NAME].rstrip("-.")
    if subdomain_errors(name):
        name = prefix
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    namespace = side.subject.namespace
    return next(free for free in names if state.network_policies.policy("NetworkPolicy", namespace, free) is None)


def _best(
    state: State, reason: PairReason, ways: Iterator[tuple[Edit, ...]], pairs: Sequence[Pair]
) -> tuple[Edit, ...]:
    """The candidate that reverses the answer and changes the least for others; nothing if none reverses it."""
    best: tuple[Edit, ...] = ()
    best_weight: int | None = None
    for way in ways:
        if _corrects(best) and not _corrects(way):
            continue
        if any(network_policy_errors(edit.after) for edit in way) or not _reverses(state, reason, way):
            continue
        is_first = not best or _corrects(way) > _corrects(best)
        changed = weight(state, [edit.after for edit in way], pairs, None if is_first else best_weight)
        if changed is None:
            continue
        if is_first or best_weight is None or (changed, _lines(way)) < (best_weight, _lines(best)):
            best, best_weight = way, changed
    return best


def _after_both(egress: Edit, ingress: Edit) -> Edit:
    """The edit of one side, made after that of the other, where both sides are of one policy."""
    first, second = egress.after, ingress.after
    if (first.metadata.namespace, first.metadata.name) != (second.metadata.namespace, second.metadata.name):
        return ingress
    return replace(ingress, after=replace(second, spec=replace(second.spec, egress=first.spec.egress)))


def _corrects(edits: Sequence[Edit]) -> bool:
    return any(edit.corrects for edit in edits)


def _lines(edits: Sequence[Edit]) -> int:
    return sum(edit.size for edit in edits)


def _reverses(state: State, reason: PairReason, edits: Sequence[Edit]) -> bool:
    with state.supposing() as suppose:
        for edit in edits:
            suppose(edit.after)
        return (
            explain(state, reason.source, reason.destination, reason.asked, reason.over).allowed is not reason.allowed
        )
