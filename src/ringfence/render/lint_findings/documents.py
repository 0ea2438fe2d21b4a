"""What `lint` finds, and its rules, as JSON (docs/formats.md), and the rules as a table."""

from collections.abc import Iterable

from msgspec import to_builtins

from ringfence.lint import LintFinding, LintFindings, LintRule, RelatedPlace, SkippedRules, SuppressedFinding, page_of
from ringfence.lint.compliance import compliance_tags
from ringfence.render.formats import Json, document_json, table
from ringfence.render.places import place_json, rendered_json
from ringfence.render.problems import edit_json


def findings_json(findings: LintFindings, plugin: Json | None = None) -> str:
    """The findings and what was skipped as JSON; `plugin` says what a network plugin changes for the policies."""
    coverage = {"coverage": to_builtins(findings.coverage)} if findings.coverage else {}
    return document_json(
        {
            "findings": [_finding_json(one) for one in findings.found],
            "skipped": [_skipped_json(one) for one in findings.skipped],
            "suppressed": [_suppressed_json(one) for one in findings.suppressed],
            "corrected": [{"fingerprint": one.fingerprint, "text": one.text} for one in findings.corrected],
            **coverage,
            **({"plugin": plugin} if plugin else {}),
        }
    )


def _finding_json(one: LintFinding) -> Json:
    place = one.place
    written: Json = {
        "rule": one.rule,
        "name": one.name,
        "severity": str(one.level),
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
        "object": one.object,
        "path": one.path,
        "message": one.message,
        "remedy": one.remedy,
        "fingerprint": one.fingerprint,
    }
    if one.edit:
        written["fix"] = edit_json(one.edit)
        written["fixIsSafe"] = one.is_safe
    written |= rendered_json(place)
    if one.related:
        written["related"] = [_related_json(at) for at in one.related]
    return written


def _related_json(at: RelatedPlace) -> Json:
    return {**place_json(at.place), "object": at.object, "text": at.text}


def _suppressed_json(one: SuppressedFinding) -> Json:
    return {**_finding_json(one.finding), "suppression": {"kind": str(one.kind), "reason": one.reason}}


def _skipped_json(one: SkippedRules) -> Json:
    return {"rules": list(one.rules), "reason": one.reason, "partial": one.is_partial}


def rules_text(rules: Iterable[LintRule]) -> str:
    """The rules as a table."""
    rows = [[rule.identifier, rule.name, str(rule.level), str(rule.group), page_of(rule).summary] for rule in rules]
    return table(["RULE", "NAME", "SEVERITY", "GROUP", "FINDS"], rows)


def rules_json(rules: Iterable[LintRule]) -> str:
    """The rules as JSON."""
    return document_json(
        {
            "rules": [
                {
                    "rule": rule.identifier,
                    "name": rule.name,
                    "severity": str(rule.level),
                    "group": str(rule.group),
                    "summary": page_of(rule).summary,
                    "compliance": list(compliance_tags(rule.identifier)),
                }
                for rule in rules
            ]
        }
    )
