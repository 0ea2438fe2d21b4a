"""What `lint` finds as SARIF, for code scanning."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.lint import FindingLevel, LintFinding, LintFindings, LintRule, page_of, rule_text
from ringfence.lint.compliance import compliance_tags
from ringfence.model.origin import Place
from ringfence.render.formats import (
    MOST_RESULTS,
    SarifLocation,
    SarifResult,
    SarifRule,
    SarifSuppression,
    SarifTool,
    one_line,
    sarif_text,
)
from ringfence.render.repository_paths import RepositoryPaths

HOME: Final = "https://github.com/ringfence/ringfence"
_PAGES: Final = f"{HOME}/blob/main/docs"
MOST_BYTES: Final = 10_000_000
"""The largest log that GitHub takes, compressed with gzip."""
_PRECISION: Final = {FindingLevel.ERROR: "very-high", FindingLevel.WARNING: "high", FindingLevel.NOTE: "medium"}
_SECURITY_SEVERITY: Final = {FindingLevel.ERROR: "7.0", FindingLevel.WARNING: "5.0", FindingLevel.NOTE: "2.0"}


def findings_sarif(findings: LintFindings, rules: Iterable[LintRule], version: str) -> tuple[str, str]:
    """The findings as a log, and a message if GitHub would not show all: it keeps the first 5,000 results, and refuses
    10 MB.

    Those that count come before those that are suppressed, the worst first. `rules` are those that were applied, and
    `version` is that of ringfence.
    """
    paths = RepositoryPaths()
    results = [*_results(findings, paths)]
    order = list(FindingLevel)
    results.sort(key=lambda one: (one.suppression is not None, order.index(FindingLevel(one.level))))
    left_out = len(results) - MOST_RESULTS
    remark = (
        f"{left_out} of {len(results)} results are left out of the SARIF, those of the mildest severity: "
        f"GitHub keeps {MOST_RESULTS} of a run; correct or suppress some, or lint fewer files at once"
        if left_out > 0
        else ""
    )
    kept = results[:MOST_RESULTS]
    known = {rule.identifier: rule for rule in rules}
    # Problems of the input have codes and no rules, and SARIF wants each result to have a rule.
    used = sorted(set(known) | {one.rule for one in kept})
    names = {one.rule: one for one in (*findings.found, *(one.finding for one in findings.suppressed))}
    described = [_rule(known[one]) if one in known else _problem_rule(names[one]) for one in used]
    notifications = [one_line(str(one)) for one in findings.skipped]
    tool = SarifTool("ringfence", version, HOME, "lint")
    text = sarif_text(tool, described, kept, [*notifications, *([remark] if remark else [])])
    return text, "; ".join(filter(None, (remark, _too_large(text))))


def _too_large(text: str) -> str:
    """A message for a log that is too large for GitHub after compression; empty if GitHub takes it."""
    data = text.encode()
    # Compressing takes seconds for a large log, and is never needed for one that is small as it is.
    size = len(zlib.compress(data)) if len(data) > MOST_BYTES else 0
    if size <= MOST_BYTES:
        return ""
    return (
        f"the SARIF has {size / 1e6:.1f} MB compressed, and GitHub takes {MOST_BYTES / 1e6:.0f}: "
        "lint fewer files at once, or fewer rules"
    )


def _rule(rule: LintRule) -> SarifRule:
    return SarifRule(
        rule.identifier,
        rule.name,
        page_of(rule).summary,
        rule_text(rule),
        str(rule.level),
        _PRECISION[rule.level],
        _SECURITY_SEVERITY[rule.level],
        f"{_PAGES}/rules/{rule.identifier}.md",
        ("security", "kubernetes", "network-policy", str(rule.group), *compliance_tags(rule.identifier)),
    )


def _problem_rule(one: LintFinding) -> SarifRule:
    """The description of a problem of the input, which has a code and no page."""
    summary = f"{one.name}: what the API server refuses, or takes for something else"
    help_text = f"`ringfence validate` lists these problems: {_PAGES}/formats.md"
    level = FindingLevel(one.level)
    return SarifRule(
        one.rule,
        one.name,
        summary,
        help_text,
        str(level),
        _PRECISION[FindingLevel.ERROR],
        _SECURITY_SEVERITY[level],
        f"{_PAGES}/formats.md",
        ("security", "kubernetes", "network-policy"),
    )


def _results(findings: LintFindings, paths: RepositoryPaths) -> Iterator[SarifResult]:
    for one in findings.found:
        yield _result(one, paths, None)
    for suppressed in findings.suppressed:
        yield _result(suppressed.finding, paths, SarifSuppression(str(suppressed.kind), suppressed.reason))


def _result(one: LintFinding, paths: RepositoryPaths, suppression: SarifSuppression | None) -> SarifResult:
    subject = f"{one.object}: " if one.object else ""
    remedy = f". Remedy: {one.remedy}" if one.remedy else ""
    location = _location(one.place, one.object, paths)
    return SarifResult(
        one.rule,
        str(one.level),
        one_line(f"{subject}{one.message}{remedy}."),
        location,
        one.fingerprint,
        tuple(_location(at.place, at.object, paths, at.text) for at in one.related),
        suppression,
        one.edit if location.range else None,
        one_line(one.remedy),
    )


def _location(place: Place, name: str, paths: RepositoryPaths, text: str = "") -> SarifLocation:
    file, has_lines = paths.of_place(place)
    if not file:
        return SarifLocation(object=name, text=text)
    # A result without a line is easily lost, so one about a whole file is at its first.
    return SarifLocation(file, place.range if has_lines else None, place.line if has_lines else 1, name, text)
