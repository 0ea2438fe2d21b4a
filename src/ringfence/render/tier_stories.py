"""The explanation of one side with policies of administrators, in the order in which the tiers are evaluated.

The text:

  Admin: ClusterNetworkPolicy tenant-guard denies it by ingress[1] "nobody-else"
    ClusterNetworkPolicy tenant-guard, priority 10  (guard.yaml:1)
      - ingress[0] "own-namespaces-decide", Pass: no peer selects shop/web  (guard.yaml:9)
          from[0]: namespaces wants tenant=b, namespace shop has tenant=a  (guard.yaml:11)
      ✗ ingress[1] "nobody-else", Deny: from[0] matches, on all ports  (guard.yaml:12)
  NetworkPolicy: not asked
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.answers import PolicyReason, RuleReason, SideReason, TierReason, reasons_by_tier
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action
from ringfence.model.cluster_policies import BaselineAdminNetworkPolicy
from ringfence.model.policies import Direction
from ringfence.render.places import place_text
from ringfence.sets.traffic import Traffic

_MARKS: Final = {Action.ALLOW: "✓", Action.DENY: "✗", Action.PASS: "→"}
_WORDS: Final = {Action.ALLOW: "allows", Action.DENY: "denies", Action.PASS: "passes"}


def tier_story(side: SideReason, asked: Traffic | None) -> Iterator[str]:
    """The decision of each tier, with its policies and rules; `asked` None means all traffic."""
    tiers = list(reasons_by_tier(side, asked))
    # Without a NetworkPolicy for the pod, the reasons do not have this tier. A reader who knows the tiers would look
    # for it, and ask whether it was forgotten.
    if all(tier.name != NETWORK_POLICY_TIER for tier in tiers):
        after_admin = sum(tier.name == "Admin" for tier in tiers)
        is_asked = all(tier.decision in (Action.PASS, None) for tier in tiers[:after_admin])
        tiers.insert(after_admin, TierReason(NETWORK_POLICY_TIER, (), Action.PASS, is_asked=is_asked))
    for position, tier in enumerate(tiers):
        following = tiers[position + 1].name if position + 1 < len(tiers) else None
        yield f"{tier.name}: {_decision(tier, side.direction, following)}"
        if tier.name == NETWORK_POLICY_TIER:
            yield from (f"  {one.policy} {one.reason}{place_text(one.place)}" for one in side.bystanders)
        is_open = tier.is_asked
        for policy in tier.policies:
            yield f"  {_title(policy)}"
            if not policy.rules:
                yield f"    ✗ it has no {side.direction.field} rules, so it allows nothing"
            for rule in policy.rules:
                yield from (f"    {line}" for line in _rule(policy, rule, side.direction, is_asked=is_open))
                is_open = is_open and not (tier.by and tier.by.rule is rule)


def rule_title(rule: RuleReason, direction: Direction) -> str:
    """A rule by its position, and by the name that its author gave it."""
    return f"{direction.field}[{rule.index}]" + (f' "{rule.name}"' if rule.name else "")


def action_text(action: Action, kind: str) -> str:
    """The action as policies of this kind write it."""
    if action is Action.ALLOW and not kind.endswith("AdminNetworkPolicy"):
        return "Accept"
    return action.value.capitalize()


def _decision(tier: TierReason, direction: Direction, following: str | None) -> str:
    rest = f"{following} decides" if following else "the traffic is allowed"
    if not tier.is_asked:
        return "not asked"
    if not tier.policies:
        return f"no policy isolates it, so {rest}"
    if tier.name == NETWORK_POLICY_TIER and tier.decision is not None:
        return "a rule allows it" if tier.decision is Action.ALLOW else "no rule allows it"
    if tier.decision is None:
        return "rules decide about a part of it"
    if tier.by is None:
        return f"no rule matches, so {rest}"
    policy = tier.by.policy.policy
    end = f", so {rest}" if tier.decision is Action.PASS else ""
    who = f"{policy.kind_name} {policy}"
    return f"{who} {_WORDS[tier.decision]} it by {rule_title(tier.by.rule, direction)}{end}"


def _title(reason: PolicyReason) -> str:
    policy, place = reason.policy, place_text(reason.place)
    if reason.tier == NETWORK_POLICY_TIER:
        return f"{policy}{place}"
    # There is only one in a cluster, so it has no priority.
    if isinstance(policy.policy, BaselineAdminNetworkPolicy):
        return f"{policy.kind_name} {policy}{place}"
    return f"{policy.kind_name} {policy}, priority {policy.priority}{place}"


def _rule(reason: PolicyReason, rule: RuleReason, direction: Direction, *, is_asked: bool) -> Iterator[str]:
    """A rule, marked with its effect if it matches and no rule before it has decided."""
    title = rule_title(rule, direction)
    if reason.tier != NETWORK_POLICY_TIER:
        title += f", {action_text(rule.action, reason.policy.kind_name)}"
    mark = _MARKS[rule.action] if rule.matches and is_asked else "-"
    late = "; not asked" if rule.matches and not is_asked else ""
    yield f"{mark} {title}: {rule.reason}{late}{place_text(rule.place)}"
    # Why each peer does not select the other side is only of interest if none of them does.
    if not rule.selects:
        yield from (
            f"    {direction.peers_field}[{peer.index}]: {peer.reason}{place_text(peer.place)}" for peer in rule.peers
        )
    yield from (f"    hint: {hint}" for hint in rule.hints)
