"""Policies of one tier with the same priority: where their rules disagree, what decides is not defined upstream.

ringfence takes them by name. An answer names two of them if, and only if, it would be another one if they were asked in
the other order.

Source: network-policy-api, field `priority` of ClusterNetworkPolicy: "if two policies have the same priority, the
implementation may apply any of the matching policies".
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from typing import Any

from ringfence.engine.answers.reasons import PolicyReason, SideReason, passes
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action, CompiledPolicy
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


def equal_priority_assumptions(side: SideReason, asked: Traffic | None) -> Iterator[str]:
    """The pairs of policies of a side whose order decides, and is not defined. `asked` None stands for all traffic."""
    policies = list(side.policies)
    for (tier, _), group in groupby(policies, key=lambda one: (one.tier, one.policy.priority)):
        if tier == NETWORK_POLICY_TIER:
            continue
        for first, second in combinations(list(group), 2):
            if _depends_on_order(policies, first, second, side, asked):
                yield equal_priority_text(tier, first.policy, second.policy)


def equal_priority_text(tier: str, first: CompiledPolicy[Any], second: CompiledPolicy[Any]) -> str:
    """The sentence about two policies of a tier whose order decides, in the order in which they are taken."""
    both = " and ".join(f"{one.kind_name} {one}" for one in (first, second))
    taken = f"which one decides is not defined, and {first} is taken to come first, by its name"
    return f"{both} have the same priority {first.priority} in the {tier} tier: {taken}"


def _depends_on_order(
    policies: Sequence[PolicyReason], first: PolicyReason, second: PolicyReason, side: SideReason, asked: Traffic | None
) -> bool:
    """Whether the side allows something else if, of those of their priority, one comes before the other."""
    group = [one for one in policies if _is_beside(one, first)]
    others = [one for one in group if one is not first and one is not second]
    start = policies.index(group[0])
    end = start + len(group)
    outcomes = [
        _allowed([*policies[:start], *order, *others, *policies[end:]], is_isolated=side.isolated)
        for order in ((first, second), (second, first))
    ]
    return outcomes[0] != outcomes[1] if asked is None else passes(outcomes[0], asked) != passes(outcomes[1], asked)


def _is_beside(one: PolicyReason, other: PolicyReason) -> bool:
    return (one.tier, one.policy.priority) == (other.tier, other.policy.priority)


def _allowed(policies: Sequence[PolicyReason], *, is_isolated: bool) -> Traffic:
    """What the policies of a side allow in this order."""
    allowed, undecided = NO_TRAFFIC, ALL_TRAFFIC
    for tier, some in groupby(policies, key=lambda one: one.tier):
        passed = NO_TRAFFIC
        for rule in (rule for policy in some for rule in policy.rules if rule.selects):
            meant = undecided & rule.traffic
            if rule.action is Action.ALLOW:
                allowed |= meant
            elif rule.action is Action.PASS:
                passed |= meant
            undecided -= meant
        undecided = NO_TRAFFIC if tier == NETWORK_POLICY_TIER and is_isolated else undecided | passed
    return allowed | undecided
