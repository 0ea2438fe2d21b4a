"""Policies of one tier with the same priority: where their rules disagree, what decides is not defined upstream.

ringfence takes them by name. An answer names two of them if, and only if, it would be another one if they were asked in
the other order, before all others of their priority. What each of them does is found once, and policies that do the
same are compared with others once.

Source: network-policy-api, field `priority` of ClusterNetworkPolicy: "if two policies have the same priority, the
implementation may apply any of the matching policies".
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby
from typing import Any, NamedTuple

from ringfence.engine.answers.reasons import PolicyReason, SideReason, passes
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action, CompiledPolicy
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def equal_priority_assumptions(side: SideReason, asked: Traffic | None) -> Iterator[str]:
    """The pairs of policies of a side whose order decides, and is not defined. `asked` None stands for all traffic."""
    start = 0
    for (tier, _), group in groupby(side.policies, key=lambda one: (one.tier, one.policy.priority)):
        end = start + len(list(group))
        if tier != NETWORK_POLICY_TIER and end - start > 1:
            for first, second in _depending_on_order(side, start, end, asked):
                yield equal_priority_text(tier, first.policy, second.policy)
        start = end


def equal_priority_text(tier: str, first: CompiledPolicy[Any], second: CompiledPolicy[Any]) -> str:
    """The sentence about two policies of a tier whose order decides, in the order in which they are taken."""
    both = " and ".join(f"{one.kind_name} {one}" for one in (first, second))
    taken = f"which one decides is not defined, and {first} is taken to come first, by its name"
    return f"{both} have the same priority {first.priority} in the {tier} tier: {taken}"


class _Matched(NamedTuple):
    """What some rules do, one after another: the traffic that they allow, pass to the next tier, and match at all."""

    allowed: Traffic
    passed: Traffic
    all: Traffic


class _Effect(NamedTuple):
    """What one policy does with the traffic in question: what it decides about, and what of it passes in the end."""

    matched: Traffic
    passing: Traffic

    def before(self, other: "_Effect", otherwise: Traffic) -> Traffic:
        """What passes if this policy comes first, then another one, and then those that let pass `otherwise`."""
        undecided = otherwise - self.matched - other.matched
        return self.passing | (other.passing - self.matched) | undecided


def _depending_on_order(
    side: SideReason, start: int, end: int, asked: Traffic | None
) -> Iterator[tuple[PolicyReason, PolicyReason]]:
    """Of the policies from `start` to `end`: the pairs of which the other order gives another answer."""
    policies, isolated, tier = side.policies, side.isolated, side.policies[start].tier
    in_question = _undecided(policies[:start], tier, is_isolated=isolated) & (asked or ALL_TRAFFIC)
    if not in_question:
        return
    later = _allowed([one for one in policies[end:] if one.tier != tier], is_isolated=isolated)
    passing = _allowed(policies, is_isolated=isolated)
    effects: dict[_Effect, int] = {}
    numbered = []
    for policy in policies[start:end]:
        allowed, passed, matched = _matched([policy])
        effect = _Effect(matched & in_question, (allowed | (passed & later)) & in_question)
        numbered.append((policy, effects.setdefault(effect, len(effects))))
    depending = {
        frozenset((effects[one], effects[other]))
        for one, other in combinations(effects, 2)
        if _differs(one.before(other, passing), other.before(one, passing), asked)
    }
    if depending:
        for (first, one), (second, other) in combinations(numbered, 2):
            if frozenset((one, other)) in depending:
                yield first, second


def _differs(one: Traffic, other: Traffic, asked: Traffic | None) -> bool:
    return one != other if asked is None else passes(one, asked) != passes(other, asked)


def _undecided(policies: Sequence[PolicyReason], by: str, *, is_isolated: bool) -> Traffic:
    """The traffic that reaches the next policy of the tier `by` after all these."""
    undecided = ALL_TRAFFIC
    for tier, some in groupby(policies, key=lambda one: one.tier):
        _, passed, matched = _matched(some)
        if tier == by:
            return undecided - matched
        undecided = _left(tier, undecided, passed, matched, is_isolated=is_isolated)
    return undecided


def _allowed(policies: Sequence[PolicyReason], *, is_isolated: bool) -> Traffic:
    """What the policies of a side allow in this order."""
    allowed, undecided = NO_TRAFFIC, ALL_TRAFFIC
    for tier, some in groupby(policies, key=lambda one: one.tier):
        of_tier, passed, matched = _matched(some)
        allowed |= undecided & of_tier
        undecided = _left(tier, undecided, passed, matched, is_isolated=is_isolated)
    return allowed | undecided


def _left(tier: str, undecided: Traffic, passed: Traffic, matched: Traffic, *, is_isolated: bool) -> Traffic:
    """What a tier leaves to the next one."""
    if tier == NETWORK_POLICY_TIER and is_isolated:
        return NO_TRAFFIC
    return (undecided - matched) | (undecided & passed)


def _matched(policies: Iterable[PolicyReason]) -> _Matched:
    """What the rules of some policies of one tier do."""
    allowed, passed, matched = NO_TRAFFIC, NO_TRAFFIC, NO_TRAFFIC
    for rule in (rule for policy in policies for rule in policy.rules if rule.selects):
        meant = rule.traffic - matched
        if rule.action is Action.ALLOW:
            allowed |= meant
        elif rule.action is Action.PASS:
            passed |= meant
        matched |= meant
    return _Matched(allowed, passed, matched)
