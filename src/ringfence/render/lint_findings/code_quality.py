"""What `lint` finds as a report of code quality, which GitLab shows in merge requests.

Source: docs.gitlab.com, "Code Quality", "Code Quality report format". A fingerprint must be unique in the report, and a
finding without a path is refused.
"""

from typing import Final

from ringfence.lint import FindingLevel, LintFinding, LintFindings
from ringfence.render.formats import Json, json_text, one_line
from ringfence.render.repository_paths import RepositoryPaths

_SEVERITIES: Final = {FindingLevel.ERROR: "major", FindingLevel.WARNING: "minor", FindingLevel.NOTE: "info"}


def findings_code_quality(findings: LintFindings) -> str:
    """The findings that count, as a list. A finding in no file has the name of its object as its path."""
    paths = RepositoryPaths()
    return json_text([_entry(one, paths) for one in findings.found]) + "\n"


def _entry(one: LintFinding, paths: RepositoryPaths) -> Json:
    file, has_lines = paths.of_place(one.place)
    subject = f"{one.object}: " if one.object else ""
    remedy = f"; remedy: {one.remedy}" if one.remedy else ""
    # GitLab demands a line, also for a finding about a whole file.
    lines = {"begin": one.place.line if has_lines and one.place.line else 1}
    if has_lines and one.place.end_line:
        lines["end"] = one.place.end_line
    return {
        "description": one_line(f"{subject}{one.message}{remedy}"),
        "check_name": one.rule,
        "fingerprint": one.fingerprint,
        "severity": _SEVERITIES[one.level],
        "location": {"path": file or one.object or one.place.file, "lines": lines},
    }
