"""Corrections that add a rule to a policy, written on one line."""

from collections.abc import Iterable
from typing import Any, Final

from yaml import safe_dump

from ringfence.engine.population import Member
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.written import SPEC_FIELDS
from ringfence.model.metadata import LabelSelector
from ringfence.model.policies import Direction
from ringfence.model.structure_edits import add_field, add_item
from ringfence.model.text_edits import TextEdit

_EMPTY: Final = len("[]")


def add_rule(policy: PolicyInForce, direction: Direction, rule: dict[str, Any]) -> TextEdit | None:
    """The edit that adds a rule for a direction of the policy; None if the place for it is not known."""
    origin, path, text = policy.origin, f"spec.{direction.field}", _on_one_line(rule)
    if origin is None or direction not in policy.rules or "spec" not in origin.fields:
        return None
    # Without the field, the direction has no rule at all, so it is added with the list around the rule.
    if (field := origin.fields.get(path)) is None:
        return add_field(origin, "spec", direction.field, f"[{text}]", SPEC_FIELDS)
    if f"{path}[0]" in origin.fields:
        return add_item(origin, path, text)
    part = field.value
    # Only a plain `[]` can be replaced safely. Anything else there may hold a comment or an alias.
    is_empty = (part.end_line, part.end_column - part.column) == (part.line, _EMPTY)
    return TextEdit(origin.file, part, f"[{text}]") if is_empty else None


def is_only_for(linted: Linted, policy: PolicyInForce, pods: Iterable[Member]) -> bool:
    """Whether a policy selects only some of these pods, so that a rule added to it concerns no others."""
    selected = linted.pods_of(policy.subject)
    return bool(selected) and bool(policy.subject.pods.terms) and set(selected) <= set(pods)


def written_selector(selector: LabelSelector) -> dict[str, Any]:
    """A selector in the form of a manifest."""
    expressions = [
        {"key": one.key, "operator": one.operator, **({"values": list(one.values)} if one.values else {})}
        for one in selector.match_expressions
    ]
    labels = {"matchLabels": dict(selector.match_labels)} if selector.match_labels else {}
    return {**labels, **({"matchExpressions": expressions} if expressions else {})}


def _on_one_line(rule: dict[str, Any]) -> str:
    return safe_dump(rule, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True).strip()
