"""The tiers of a side in the order of evaluation, and what each of them decides."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from ringfence.engine.answers.reasons import PolicyReason, RuleReason, SideReason
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class DecidingRule(msgspec.Struct, frozen=True):
    """The rule that decides in a tier, and the policy that it is in."""

    policy: PolicyReason
    rule: RuleReason


class TierReason(msgspec.Struct, frozen=True):
    """One tier, with its policies that select the subject, and its decision about the asked traffic.

    `decision` is `PASS` if the tier leaves the decision to the next one. It is None if it differs within the asked
    traffic, or if an earlier tier has decided and this one is not evaluated (`is_asked`). `by` is the rule that
    decides, if one does.
    """

    name: str
    policies: tuple[PolicyReason, ...]
    decision: Action | None
    by: DecidingRule | None = None
    is_asked: bool = True


def reasons_by_tier(side: SideReason, asked: Traffic | None) -> tuple[TierReason, ...]:
    """The tiers that have policies for a side, in order. `asked` None means all traffic."""
    found: list[TierReason] = []
    is_open = True
    for name, policies in groupby(side.policies, key=lambda policy: policy.tier):
        tier = _tier_reason(name, tuple(policies), asked, is_asked=is_open)
        found.append(tier)
        # None means that the tier decides about a part only, so the next tier decides about the rest.
        is_open = is_open and tier.decision in (Action.PASS, None)
    return tuple(found)


def allowing_rules(side: SideReason, passing: Traffic) -> tuple[tuple[DecidingRule, ...], Traffic]:
    """The rules that allow some of the traffic `passing` on a side, and the part of it that no rule decides about.

    In the administrators' tiers the first matching rule decides; a later one that would allow the same traffic has no
    effect, and neither has a rule of a tier that is not evaluated.
    """
    found: list[DecidingRule] = []
    undecided = passing
    for name, policies in groupby(side.policies, key=lambda policy: policy.tier):
        decided, passed_on = NO_TRAFFIC, NO_TRAFFIC
        for policy in policies:
            for rule in policy.rules:
                # NetworkPolicies are a union, so a later rule may allow what an earlier one allows as well, and both
                # are named.
                meant = (undecided - decided if name != NETWORK_POLICY_TIER else undecided) & rule.traffic
                if not (rule.selects and meant):
                    continue
                if rule.action is Action.ALLOW:
                    found.append(DecidingRule(policy, rule))
                elif rule.action is Action.PASS:
                    passed_on |= meant
                # A rule that matches only some of the addresses leaves its traffic to later rules for the others.
                if not _is_partial(rule):
                    decided |= meant
        undecided = undecided - decided | passed_on
    return tuple(found), undecided


def _tier_reason(name: str, policies: tuple[PolicyReason, ...], asked: Traffic | None, *, is_asked: bool) -> TierReason:
    if not is_asked:
        return TierReason(name, policies, None, is_asked=False)
    if name == NETWORK_POLICY_TIER:
        return TierReason(name, policies, _union_of(policies, asked))
    by = _first(policies, asked)
    if by is None:
        is_about_none = not any(_is_about(rule, asked) for policy in policies for rule in policy.rules)
        return TierReason(name, policies, Action.PASS if is_about_none else None)
    return TierReason(name, policies, by.rule.action, by)


def _union_of(policies: Iterable[PolicyReason], asked: Traffic | None) -> Action | None:
    """The decision of NetworkPolicies: any rule may allow, and traffic that none allows is denied."""
    rules = [rule for policy in policies for rule in policy.rules]
    if asked is not None and any(rule.allows and not _is_partial(rule) for rule in rules):
        return Action.ALLOW
    return None if any(rule.allows_any(asked) for rule in rules) else Action.DENY


def _first(policies: Sequence[PolicyReason], asked: Traffic | None) -> DecidingRule | None:
    """The first rule that matches any of the asked traffic, if it matches all of it; else no single rule decides."""
    for policy in policies:
        for rule in policy.rules:
            if _is_about(rule, asked):
                is_about_all = not _is_partial(rule) and _carries_all(rule, asked)
                return DecidingRule(policy, rule) if is_about_all else None
    return None


def _is_about(rule: RuleReason, asked: Traffic | None) -> bool:
    return rule.selects and bool(rule.traffic if asked is None else rule.traffic & asked)


def _is_partial(rule: RuleReason) -> bool:
    """Whether some peer matches only some of the asked addresses, or only over one address family."""
    return any(peer.partial for peer in rule.peers)


def _carries_all(rule: RuleReason, asked: Traffic | None) -> bool:
    return not (ALL_TRAFFIC if asked is None else asked) - rule.traffic
