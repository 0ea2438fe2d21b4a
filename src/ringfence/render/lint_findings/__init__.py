"""What `lint` finds: text for people, JSON, SARIF, JUnit, code quality, and annotations of a workflow."""

from ringfence.render.lint_findings.annotations import findings_annotations
from ringfence.render.lint_findings.code_quality import findings_code_quality
from ringfence.render.lint_findings.documents import findings_json, rules_json, rules_text
from ringfence.render.lint_findings.junit_suites import findings_junit
from ringfence.render.lint_findings.sarif_log import findings_sarif
from ringfence.render.lint_findings.text import SourceLine, findings_text

__all__ = [
    "SourceLine",
    "findings_annotations",
    "findings_code_quality",
    "findings_json",
    "findings_junit",
    "findings_sarif",
    "findings_text",
    "rules_json",
    "rules_text",
]
