"""Why one side of a connection allows or denies it, as text and as JSON (docs/formats.md).

The text:

ingress of prod/db: denied
  prod/db-policy  (db.yaml:1)
    ✗ ingress[0]: no peer selects prod/web  (db.yaml:14)
        from[0]: podSelector wants name=api-pod, prod/web has name=web  (db.yaml:17)
"""

from collections.abc import Iterator

from ringfence.engine.answers import PolicyReason, RuleReason, SideReason, end_text
from ringfence.engine.policies import NETWORK_POLICY_TIER
from ringfence.render.formats import Json
from ringfence.render.places import line_json, place_json, place_text
from ringfence.render.tier_stories import tier_story
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


def side_text(side: SideReason, asked: Traffic | None) -> Iterator[str]:
    """The decision of a side, and its policies and rules with their reasons; `asked` None means all traffic."""
    end = end_text(side.subject)
    verdict = "allowed" if side.allowed else "denied"
    if side.denied_over:
        verdict += f" over {' and '.join(map(str, side.denied_over))}, though not over the other family"
    if side.denied_for:
        verdict += f" for {end_text(side.denied_for)}, though not for all of {end_text(side.peer)}"
    head = f"{side.direction.field} of {end}: {verdict}"
    if side.exempt:
        yield f"{head}: {side.exempt}"
    elif not side.policies:
        yield f"{head}: no policy isolates it"
        for one in side.bystanders:
            yield f"  {one.policy} {one.reason}{place_text(one.place)}"
    else:
        if asked is None and side.traffic != ALL_TRAFFIC and side.allowed:
            head += f" on {side.traffic}"
        yield head
        if all(policy.tier == NETWORK_POLICY_TIER for policy in side.policies):
            for policy in side.policies:
                yield from _policy(policy, side)
        else:
            yield from (f"  {line}" for line in tier_story(side, asked))


def side_json(side: SideReason) -> Json:
    """The decision of a side and its reasons, as JSON."""
    written: Json = {"isolated": side.isolated, "allowed": side.allowed}
    if side.exempt:
        written["exempt"] = side.exempt
    written["policies"] = [_policy_json(one) for one in side.policies]
    if side.bystanders:
        written["bystanders"] = [
            {
                "namespace": one.policy.namespace,
                "name": one.policy.name,
                **place_json(one.place),
                "reason": one.reason,
            }
            for one in side.bystanders
        ]
    return written


def mark(allowed: bool) -> str:
    """The mark before a line: allowed or denied."""
    return "✓" if allowed else "✗"


def _policy(reason: PolicyReason, side: SideReason) -> Iterator[str]:
    yield f"  {reason.policy}{place_text(reason.place)}"
    if not reason.rules:
        yield f"    ✗ it has no {side.direction.field} rules, so it allows nothing"
    for rule in reason.rules:
        yield from _rule(rule, side)


def _rule(rule: RuleReason, side: SideReason) -> Iterator[str]:
    yield f"    {mark(rule.allows)} {side.direction.field}[{rule.index}]: {rule.reason}{place_text(rule.place)}"
    for peer in rule.peers:
        # If a peer selects the other end, the reasons of the others do not matter.
        if not rule.selects:
            yield f"        {side.direction.peers_field}[{peer.index}]: {peer.reason}{place_text(peer.place)}"
    for hint in rule.hints:
        yield f"        hint: {hint}"


def _policy_json(reason: PolicyReason) -> Json:
    return {
        "namespace": reason.policy.namespace,
        "name": reason.policy.name,
        **_tier_json(reason),
        **place_json(reason.place),
        "rules": [_rule_json(rule) for rule in reason.rules],
    }


def _tier_json(reason: PolicyReason) -> Json:
    """The keys that only a policy of administrators has: its kind, tier and priority."""
    if reason.tier == NETWORK_POLICY_TIER:
        return {}
    return {"kind": reason.policy.kind_name, "tier": reason.tier, "priority": reason.policy.priority}


def _rule_json(rule: RuleReason) -> Json:
    written: Json = {
        "index": rule.index,
        "action": rule.action.value,
        **({"name": rule.name} if rule.name else {}),
        "matches": rule.matches,
        "allows": rule.allows,
        "reason": rule.reason,
        **line_json(rule.place),
        "peers": [
            {"index": peer.index, "matches": peer.matches, "reason": peer.reason, **line_json(peer.place)}
            for peer in rule.peers
        ],
    }
    if rule.hints:
        written["hints"] = list(rule.hints)
    return written
