"""Finds the edit that reverses an answer and changes the least for others.

Candidates are derived from the reasons of the answer (`allowing_edits`, `forbidding_edits`). Each is applied in the
engine and the question is asked again: only an edit that is valid and reverses the answer counts. The result is the one
that changes the fewest other answers (`policy_effects.weight`), and of equal ones the one with the fewest lines. An
edit that corrects a slip (a port name with the wrong protocol) comes before all others: what it opens for others is
what the rule says.

Policies of administrators (`administrator_edits`) are changed only where no change of NetworkPolicies reverses the
answer, and the proposal says so.

The search is bounded for large clusters: a side has at most `_MOST_CANDIDATES` candidates, the narrowest first, and a
candidate is dropped as soon as it changes more than the best one so far.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, count, islice, product

import msgspec
from msgspec.structs import replace

from ringfence.analysis.edits.administrator_edits import (
    AdministratorRule,
    RuleKey,
    administrator_edits,
    administrator_rules,
    denying_rules,
    is_final,
)
from ringfence.analysis.edits.allowing_edits import allowing_edits
from ringfence.analysis.edits.edited_policies import Edit
from ringfence.analysis.edits.forbidding_edits import forbidding_edits
from ringfence.analysis.edits.policy_effects import SideEffects, side_effects, weight
from ringfence.analysis.questions import Answer, Pair
from ringfence.engine.answers import PairReason, SideReason, explain
from ringfence.engine.policies import Action
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.field_errors import FieldError
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.names import subdomain_errors
from ringfence.model.objects import NetworkPolicy, Policy
from ringfence.model.policies import Direction
from ringfence.model.server_versions import NEWEST
from ringfence.model.validation import cluster_policy_errors, network_policy_errors

_MOST_STEPS = 12
"""The most pairs of an answer that are reversed one after another. Beyond that, no small edit reverses the answer."""
_MOST_CANDIDATES = 96
_MOST_OF_A_SIDE = 16
"""If both sides must change, each of so many candidates of one is tried with each of the other."""
_LONGEST_NAME = 240  # of the 253 characters that a name may have, less some for a number


class Proposal(msgspec.Struct, frozen=True):
    """The edits that together reverse an answer, as the engine confirmed, and what else they open and close.

    `edits` is empty if no small edit reverses it. `administrator_rules` are rules that only an administrator can
    change, if the answer cannot be reversed otherwise; then some of the edits are for the administrator.
    `overridden_rules` are rules of the Baseline tier that an edit of NetworkPolicies overrides: policies that isolate a
    subject come before them.
    """

    edits: tuple[Edit, ...] = ()
    side_effects: SideEffects = SideEffects()
    administrator_rules: tuple[AdministratorRule, ...] = ()
    overridden_rules: tuple[AdministratorRule, ...] = ()


def smallest_edit(state: State, answer: Answer) -> Proposal:
    """The edit that reverses an answer, with its side effects."""
    proposal = _proposal(state, answer)
    if not proposal.edits:
        # The rules are still told: a reader who cannot change the answer at least learns who decides it.
        return Proposal(administrator_rules=proposal.administrator_rules)
    # Only the chosen edits get their side effects listed. The search itself needs no more than their number.
    effects = side_effects(state, [edit.after for edit in proposal.edits], answer.pairs)
    return replace(proposal, side_effects=effects)


def _proposal(state: State, answer: Answer) -> Proposal:
    """The edits without their side effects: one step for each pair whose answer is not yet the wanted one."""
    edits: list[Edit] = []
    of_administrators: dict[RuleKey, AdministratorRule] = {}
    overridden: dict[RuleKey, AdministratorRule] = {}

    def found(steps: Sequence[Edit]) -> Proposal:
        return Proposal(tuple(steps), SideEffects(), tuple(of_administrators.values()), tuple(overridden.values()))

    wanted = not answer.passes_everywhere
    with state.policies.supposing() as suppose:
        for _ in range(_MOST_STEPS):
            reason = _undone(state, answer, wanted)
            if reason is None:
                return found(edits)
            step = _best(state, reason, candidates(state, reason), answer.pairs)
            if step:
                overridden |= {rule.key: rule for rule in _overridden(reason, step)}
            else:
                # The rules are collected even if no edit is found below: then they are the reason why there is none.
                of_administrators |= {rule.key: rule for rule in _deciding(reason)}
                step = _best(state, reason, administrator_candidates(state, reason), answer.pairs)
            if not step:
                return found(())
            for edit in step:
                suppose(edit.after)
            edits += step
    return found(())


def _undone(state: State, answer: Answer, wanted: bool) -> PairReason | None:
    """A pair whose answer is not yet the wanted one; None if there is none.

    To allow, all pairs must be allowed. To forbid, it suffices that one is denied: then not everything is allowed.
    """
    reasons = (explain(state, pair.source, pair.destination, pair.asked, pair.over) for pair in answer.pairs)
    denied = next((reason for reason in reasons if not reason.allowed), None)
    if wanted:
        return denied
    pair = answer.pairs[0]
    return None if denied else explain(state, pair.source, pair.destination, pair.asked, pair.over)


def candidates(state: State, reason: PairReason) -> Iterator[tuple[Edit, ...]]:
    """Candidates that may reverse the answer for one pair, each of one or several edits."""
    sides = (reason.egress, reason.ingress)
    if reason.allowed:
        # One closed side is enough to deny, so the candidates of the two sides are alternatives and not combinations.
        ways = [
            forbidding_edits(side, reason.asked, _free_name(state, side, f"deny-{side.direction.field}"))
            for side in sides
        ]
        yield from chain(*(islice(way, _MOST_CANDIDATES) for way in ways))
        return
    # No NetworkPolicy is asked after a final rule, so candidates that edit them would all be tried in vain.
    if any(is_final(rule) for rule in _deciding(reason)):
        return
    yield from _together(
        [
            allowing_edits(side, reason.asked, _free_name(state, side, f"allow-{side.direction.field}"))
            for side in sides
            if not side.allowed
        ]
    )


def administrator_candidates(state: State, reason: PairReason) -> Iterator[tuple[Edit, ...]]:
    """Candidates that edit administrators' policies on sides where these decide, and NetworkPolicies elsewhere."""
    sides = (reason.egress, reason.ingress)
    if reason.allowed:
        for side in sides:
            yield from ((edit,) for edit in islice(_of_administrators(state, side, reason), _MOST_CANDIDATES))
        return
    openings = []
    for side in (side for side in sides if not side.allowed):
        if any(administrator_rules(side, reason.asked, Action.DENY)):
            openings.append(_of_administrators(state, side, reason))
        else:
            name = _free_name(state, side, f"allow-{side.direction.field}")
            openings.append(allowing_edits(side, reason.asked, name))
    yield from _together(openings)


def _together(openings: Sequence[Iterator[Edit]]) -> Iterator[tuple[Edit, ...]]:
    """Candidates that open the one side that denies, or both sides."""
    if len(openings) == 1:
        yield from ((edit,) for edit in islice(openings[0], _MOST_CANDIDATES))
    elif openings:
        # Both sides deny, so both must be opened. The products grow with the square, hence the smaller limit.
        for egress, ingress in product(*(islice(opening, _MOST_OF_A_SIDE) for opening in openings)):
            yield egress, _after_both(egress, ingress)


def _deciding(reason: PairReason) -> list[AdministratorRule]:
    """The administrators' rules that cause the answer, on both sides."""
    action = Action.ALLOW if reason.allowed else Action.DENY
    sides = [side for side in (reason.egress, reason.ingress) if reason.allowed or not side.allowed]
    return [rule for side in sides for rule in administrator_rules(side, reason.asked, action)]


def _overridden(reason: PairReason, step: Sequence[Edit]) -> list[AdministratorRule]:
    """The rules of the Baseline tier that edits of NetworkPolicies override.

    If the edits allow, these are the rules that deny the asked traffic. If they forbid, these are all denying rules for
    a subject that becomes isolated: the new policy decides about their other traffic, too.
    """
    if not reason.allowed:
        return _deciding(reason)
    isolated = {
        direction
        for edit in step
        if isinstance(edit.after, NetworkPolicy)
        for direction in Direction
        if direction.value in edit.after.spec.policy_types
    }
    sides = (side for side in (reason.egress, reason.ingress) if side.direction in isolated)
    return [rule for side in sides for rule in denying_rules(side)]


def _of_administrators(state: State, side: SideReason, reason: PairReason) -> Iterator[Edit]:
    """Candidates that may reverse the first of the administrators' rules that decide on a side."""
    action = Action.ALLOW if reason.allowed else Action.DENY
    rule = next(administrator_rules(side, reason.asked, action), None)
    if rule is not None:
        prefix = f"{'deny' if reason.allowed else 'allow'}-{side.direction.field}"
        # Names must be unique within a kind only, and the new policy has the kind of the one that decides.
        kind = rule.policy.policy.kind
        taken = {one.name for tier in PolicyTier for one in state.policies.cluster_policies(tier) if one.kind == kind}
        yield from administrator_edits(state, side, reason.asked, rule, _free(taken, _wished_name(side, prefix)))


def _free_name(state: State, side: SideReason, prefix: str) -> str:
    """A name for a new policy that selects the subject; no policy of its namespace has this name."""
    if not isinstance(side.subject, Member):
        return prefix
    taken = {one.name for one in state.policies.network_policies.policies(side.subject.namespace)}
    return _free(taken, _wished_name(side, prefix))


def _wished_name(side: SideReason, prefix: str) -> str:
    """A name that contains the name of the subject, if it is valid."""
    if not isinstance(side.subject, Member):
        return prefix
    # A cut may leave a dash or a dot at the end, which names must not have.
    name = f"{prefix}-{side.subject.name}"[:_LONGEST_NAME].rstrip("-.")
    return prefix if subdomain_errors(name) else name


def _free(taken: Collection[str], name: str) -> str:
    """The name, with a number if it is taken."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(free for free in names if free not in taken)


def _best(
    state: State, reason: PairReason, ways: Iterator[tuple[Edit, ...]], pairs: Sequence[Pair]
) -> tuple[Edit, ...]:
    """The candidate that reverses the answer and changes the least for others; empty if none reverses it."""
    best: tuple[Edit, ...] = ()
    best_weight: int | None = None
    for way in ways:
        # What a correction opens for others is wanted, so no other candidate can beat it, however little it changes.
        if _corrects(best) and not _corrects(way):
            continue
        # An invalid policy could reverse the answer in the engine, but the API server would refuse it.
        if any(_errors(edit.after) for edit in way) or not _reverses(state, reason, way):
            continue
        # The first correction replaces whatever was best before, so its weight must be computed without a limit.
        is_first = not best or _corrects(way) > _corrects(best)
        changed = weight(state, [edit.after for edit in way], pairs, None if is_first else best_weight)
        if changed is None:
            continue
        if is_first or best_weight is None or (changed, _lines(way)) < (best_weight, _lines(best)):
            best, best_weight = way, changed
    return best


def _errors(policy: Policy) -> list[FieldError]:
    return network_policy_errors(policy) if isinstance(policy, NetworkPolicy) else cluster_policy_errors(policy, NEWEST)


def _after_both(egress: Edit, ingress: Edit) -> Edit:
    """The ingress edit; if both edits are of the same policy, its result includes the egress edit."""
    first, second = egress.after, ingress.after
    if any(key(first) != key(second) for key in (kind_of, namespace_of, lambda one: one.metadata.name)):
        return ingress
    return replace(ingress, after=replace(second, spec=replace(second.spec, egress=first.spec.egress)))


def _corrects(edits: Sequence[Edit]) -> bool:
    return any(edit.corrects for edit in edits)


def _lines(edits: Sequence[Edit]) -> int:
    return sum(edit.size for edit in edits)


def _reverses(state: State, reason: PairReason, edits: Sequence[Edit]) -> bool:
    with state.policies.supposing() as suppose:
        for edit in edits:
            suppose(edit.after)
        return (
            explain(state, reason.source, reason.destination, reason.asked, reason.over).allowed is not reason.allowed
        )
