"""What `lint` finds as JUnit: a suite for each file, and a case for each finding.

A case fails if the finding counts for the exit code; the case of a milder finding passes and has the finding in its
output. Those that are suppressed are skipped. Without any finding there is one case, which passes.
"""

from collections import defaultdict
from typing import Final

from ringfence.lint import FindingLevel, LintFinding, LintFindings
from ringfence.render.formats import JUnitCase, JUnitKind, JUnitProblem, JUnitSuite, junit_text, one_line, unique_names
from ringfence.render.repository_paths import RepositoryPaths

SUITE: Final = "ringfence lint"


def findings_junit(findings: LintFindings, fail_on: FindingLevel, *, with_places: bool = False) -> str:
    """All findings. `with_places` writes file and line of each case, as GitLab reads them; Jenkins forbids it."""
    paths = RepositoryPaths()
    suites: defaultdict[str, list[tuple[LintFinding, JUnitProblem | None]]] = defaultdict(list)
    for one in findings.found:
        suites[_file(one, paths)].append((one, _failure(one, paths) if one.level.is_at_least(fail_on) else None))
    for suppressed in findings.suppressed:
        reason = JUnitProblem(JUnitKind.SKIPPED, one_line(f"suppressed: {suppressed.reason}"))
        suites[_file(suppressed.finding, paths)].append((suppressed.finding, reason))
    if not suites:
        return junit_text([JUnitSuite(SUITE, (JUnitCase(SUITE, "nothing found"),))])
    return junit_text([JUnitSuite(file, _cases(file, some, with_places)) for file, some in suites.items()])


def _file(one: LintFinding, paths: RepositoryPaths) -> str:
    return paths.of_place(one.place)[0] or SUITE


def _cases(file: str, found: list[tuple[LintFinding, JUnitProblem | None]], with_places: bool) -> tuple[JUnitCase, ...]:
    names = unique_names((one_line(f"{one.rule} {one.object}".strip()), one_line(one.path)) for one, _ in found)
    return tuple(
        JUnitCase(
            file,
            name,
            problem,
            file=file if with_places and file != SUITE else "",
            line=one.place.line,
            output="" if problem else one_line(f"{one.level}: {one.message}"),
        )
        for (one, problem), name in zip(found, names, strict=True)
    )


def _failure(one: LintFinding, paths: RepositoryPaths) -> JUnitProblem:
    file, has_lines = paths.of_place(one.place)
    place = f"{file}:{one.place.line}" if has_lines else file
    lines = filter(None, (place, one.message, f"remedy: {one.remedy}" if one.remedy else ""))
    return JUnitProblem(JUnitKind.FAILURE, one_line(one.message), one.rule, "\n".join(map(one_line, lines)))
