"""What `lint` finds as annotations of a GitHub workflow."""

from collections.abc import Iterator
from typing import Final

from ringfence.lint import FindingLevel, LintFinding, LintFindings
from ringfence.render.formats import Annotation, Level, annotations_text
from ringfence.render.repository_paths import RepositoryPaths

_LEVELS: Final = {
    FindingLevel.ERROR: Level.ERROR,
    FindingLevel.WARNING: Level.WARNING,
    FindingLevel.NOTE: Level.NOTICE,
}


def findings_annotations(findings: LintFindings) -> str:
    """An annotation for each finding, at its characters, and a notice for the rules that were skipped."""
    paths = RepositoryPaths()
    return annotations_text([*_skipped(findings), *(_annotation(one, paths) for one in findings.found)])


def _skipped(findings: LintFindings) -> Iterator[Annotation]:
    for one in findings.skipped:
        yield Annotation(Level.NOTICE, "skipped rules", (str(one),))


def _annotation(one: LintFinding, paths: RepositoryPaths) -> Annotation:
    subject = f"{one.object}: " if one.object else ""
    lines = (f"{subject}{one.message}", *([f"remedy: {one.remedy}"] if one.remedy else []))
    title = one.rule if one.rule == one.name else f"{one.rule} {one.name}"
    file, has_lines = paths.of_place(one.place)
    part = one.place.range if has_lines else None
    return Annotation(_LEVELS[one.level], title, lines, file, one.place.line if has_lines else 0, part)
