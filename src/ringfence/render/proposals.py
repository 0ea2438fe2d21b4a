"""The edits of policies that reverse an answer, as text and as JSON (docs/formats.md).

The text:

the smallest edit that would allow it, checked by the engine:
  in prod/db-policy, add to spec.ingress[0].from  (db.yaml:14)
      - podSelector:
          matchLabels:
            name: web
  nothing else changes
"""

from collections.abc import Iterator

from ringfence.analysis.edits import AdministratorRule, Edit, Proposal
from ringfence.analysis.questions import Answer
from ringfence.engine.answers import end_text
from ringfence.render.ends import connection_json
from ringfence.render.folded_connections import folded_lines
from ringfence.render.formats import Json
from ringfence.render.places import place_json, place_text
from ringfence.render.tier_stories import rule_title


def proposal_text(proposal: Proposal, answer: Answer) -> Iterator[str]:
    """What reverses an answer: edits, or rules that only administrators change, and what else these open and close."""
    reversal = "forbid" if answer.passes_everywhere else "allow"
    for one in proposal.administrator_rules:
        yield f"only an administrator can {reversal} it: {_ruling(one)}{place_text(one.place)}"
    yield from (f"{_overriding(one, answer)}{place_text(one.place)}" for one in proposal.overridden_rules)
    if not proposal.edits:
        return
    whose = " by an administrator" if any(edit.by_administrator for edit in proposal.edits) else ""
    yield f"the smallest edit{whose} that would {reversal} it, checked by the engine:"
    for edit in proposal.edits:
        yield f"  {edit.action}{place_text(edit.place)}"
        yield from (f"      {line}" for line in edit.lines)
    effects = proposal.side_effects
    # Said explicitly: that nothing else changes is what makes an edit safe to apply.
    if not effects:
        yield "  nothing else changes"
    yield from (f"  also opens {line}" for line in folded_lines(effects.opens))
    yield from (f"  also closes {line}" for line in folded_lines(effects.closes))


def proposal_json(proposal: Proposal) -> Json:
    """The edits, the administrators' rules that decide, and what else the edits open and close."""
    return {
        "edits": [_edit_json(edit) for edit in proposal.edits],
        "onlyAdministrators": [_administrator_rule_json(one) for one in proposal.administrator_rules],
        "overridden": [_administrator_rule_json(one) for one in proposal.overridden_rules],
        "sideEffects": {
            "opens": [connection_json(one) for one in proposal.side_effects.opens],
            "closes": [connection_json(one) for one in proposal.side_effects.closes],
        },
    }


def _ruling(one: AdministratorRule) -> str:
    """What a rule decides: `ClusterNetworkPolicy guard denies it in the Admin tier by ingress[1] "nobody-else"`."""
    policy, decides = one.policy.policy, "accepts" if one.rule.allows_any(None) else "denies"
    title = rule_title(one.rule, one.direction)
    return f"{policy.kind_name} {policy} {decides} it in the {one.policy.tier} tier by {title}"


def _overriding(one: AdministratorRule, answer: Answer) -> str:
    """That an edit of NetworkPolicies makes a rule of the Baseline tier pointless."""
    if not answer.passes_everywhere:
        return f"{_ruling(one)}; NetworkPolicies are asked before that tier, so one can allow it"
    policy, direction = one.policy.policy, one.direction
    return (
        f"once a NetworkPolicy isolates {end_text(one.subject)} for {direction.field}, the Baseline tier is not asked: "
        f"{rule_title(one.rule, direction)} of {policy.kind_name} {policy} no longer denies it anything"
    )


def _edit_json(edit: Edit) -> Json:
    administrator: Json = {"administrator": True} if edit.by_administrator else {}
    return {"action": edit.action, **administrator, **place_json(edit.place), "lines": list(edit.lines)}


def _administrator_rule_json(one: AdministratorRule) -> Json:
    policy, rule = one.policy.policy, one.rule
    return {
        "direction": one.direction.field,
        "kind": policy.kind_name,
        "name": policy.name,
        "tier": one.policy.tier,
        "index": rule.index,
        **({"ruleName": rule.name} if rule.name else {}),
        "action": rule.action.value,
        **place_json(one.place),
    }
