"""The findings of a report: mistakes in policies, each at its lines, with the edit that corrects it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ringfence.lint import RULES, FindingLevel, LintFinding, LintFindings
from ringfence.render.formats import Json
from ringfence.render.problems import edit_json

_MOST: Final = 300
"""The largest number of findings in a report: the worst, ordered by place. `ringfence lint` lists all."""
_RULES: Final = frozenset(rule.identifier for rule in RULES)


def findings_json(found: LintFindings, policies: Sequence[Mapping[str, Any]]) -> Json:
    """The findings of the rules, without the problems of the input, with the numbers of the policies in the report."""
    numbers = {(one["kind"], _full_name(one)): number for number, one in enumerate(policies)}
    mistakes = [one for one in found.found if one.rule in _RULES]
    order = list(FindingLevel)
    worst = sorted(range(len(mistakes)), key=lambda number: (order.index(mistakes[number].level), number))[:_MOST]
    return {
        # Chosen by severity, but shown in the order of `ringfence lint`, which is that of the files.
        "found": [_with_policy(mistakes[number], numbers) for number in sorted(worst)],
        "more": max(0, len(mistakes) - _MOST),
        "skipped": [{"rules": list(one.rules), "reason": one.reason} for one in found.skipped],
    }


def _with_policy(one: LintFinding, numbers: Mapping[tuple[str, str], int]) -> Json:
    kind, _, name = one.object.partition(" ")
    number = numbers.get((kind.partition(".")[0], name))
    about = {"object": one.object, "file": one.place.file} if number is None else {"policy": number}
    return {**about, **finding_json(one)}


def finding_json(one: LintFinding) -> dict[str, Any]:
    """A finding without the name of its policy, which the object around it has."""
    return {
        "rule": one.rule,
        "name": one.name,
        "severity": str(one.level),
        "line": one.place.line,
        "endLine": one.place.last_line,
        "path": one.path,
        "message": one.message,
        "remedy": one.remedy,
        **({"fix": edit_json(one.edit)} if one.edit else {}),
    }


def _full_name(policy: Mapping[str, Any]) -> str:
    return f"{policy['namespace']}/{policy['name']}" if policy["namespace"] else str(policy["name"])
