"""The outcomes of tests as JUnit: a suite for each file, and a case for each test.

A mistake in a test file, or an error in the input, is a case that ended with an error: without it the report would look
as if everything had been checked.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePath
from typing import Final

from msgspec.structs import replace

from ringfence.model.policies import Direction
from ringfence.model.problems import Problem, Severity
from ringfence.render.formats import (
    JUnitCase,
    JUnitKind,
    JUnitProblem,
    JUnitSuite,
    junit_text,
    one_line,
    unique_names,
)
from ringfence.render.judged_tests.text import column_texts, detail_lines
from ringfence.render.problems import problem_text
from ringfence.render.repository_paths import RepositoryPaths, shown_path, shown_text
from ringfence.testing.decoding import expectation_text
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status
from ringfence.testing.reachability_tests import (
    Connects,
    DefaultDeny,
    Expectation,
    IsIsolated,
    NoCrossNamespace,
    NoPath,
    OnlyThese,
)

SUITE: Final = "ringfence"
_KINDS: Final = {
    Status.FAILED: JUnitKind.FAILURE,
    Status.ERROR: JUnitKind.ERROR,
    Status.SKIPPED: JUnitKind.SKIPPED,
}


def results_junit(
    judged: JudgedTests, problems: Iterable[Problem] = (), *, started: datetime, with_places: bool = False
) -> str:
    """All outcomes; `problems` are those of the input, of which errors count.

    `with_places` writes file and line of each case, as GitLab reads them; the schema of Jenkins forbids it.
    """
    cases: defaultdict[str, list[tuple[JUnitCase, str]]] = defaultdict(list)
    for outcome in judged.outcomes:
        cases[outcome.test.file].append(_case(outcome))
    for problem in (*judged.problems, *problems):
        if problem.severity is Severity.ERROR:
            cases[problem.place.file].append(_problem_case(problem))
    timestamp = started.isoformat(timespec="seconds")
    suites = [JUnitSuite(SUITE, _finished(some, with_places=with_places), timestamp) for some in cases.values()]
    # A report always has a suite: one without any would look broken.
    return junit_text(suites or [JUnitSuite(SUITE, (), timestamp)])


def _class_name(file: str) -> str:
    """The path without its suffix, with dots between its parts: Jenkins makes packages of these."""
    parts = PurePath(shown_path(file)).with_suffix("").parts
    return ".".join(part.replace(".", "_") for part in parts)


def _finished(cases: list[tuple[JUnitCase, str]], *, with_places: bool) -> tuple[JUnitCase, ...]:
    """The cases of one file, with names that are all different."""
    names = unique_names((case.name, longer) for case, longer in cases)
    found = [replace(case, name=name) for (case, _), name in zip(cases, names, strict=True)]
    return tuple(found if with_places else [replace(case, file="", line=0) for case in found])


def _case(outcome: JudgedTest) -> tuple[JUnitCase, str]:
    test = outcome.test
    kind = _KINDS.get(outcome.status)
    problem = None
    if kind is JUnitKind.SKIPPED:
        problem = JUnitProblem(kind, one_line(outcome.message))
    elif kind is not None:
        place = f"{shown_path(test.file)}:{test.place.line}"
        text = shown_text("\n".join((place, *detail_lines(outcome))))
        problem = JUnitProblem(kind, shown_text(one_line(outcome.message)), _type(outcome), text)
    columns = column_texts(outcome.columns)
    case = JUnitCase(
        _class_name(test.file),
        one_line(test.name),
        problem,
        outcome.seconds,
        RepositoryPaths().of(test.file),
        test.place.line,
        "\n".join(f"{name}: {text}" for name, text in columns.items()),
    )
    return case, one_line(expectation_text(test.expectation))


def _problem_case(problem: Problem) -> tuple[JUnitCase, str]:
    file = problem.place.file
    shown = replace(problem, place=replace(problem.place, file=shown_path(file)))
    told = JUnitProblem(JUnitKind.ERROR, one_line(problem.message), str(problem.code), problem_text(shown))
    name = one_line(f"{problem.object or 'document'} can be read")
    return JUnitCase(
        _class_name(file), name, told, 0, RepositoryPaths().of(file), problem.place.line
    ), f"line {problem.place.line}"


def _type(outcome: JudgedTest) -> str:
    """The expectation in one word; for an error, its kind."""
    if outcome.status is Status.ERROR:
        return "assumption" if outcome.is_undecided else "unusable"
    return f"{_word(outcome.test.expectation)}-expected"


def _word(expectation: Expectation) -> str:
    match expectation:
        case Connects():
            return expectation.expected.value
        case OnlyThese():
            return "only-from" if expectation.direction is Direction.INGRESS else "only-to"
        case IsIsolated():
            return "isolated"
        case NoPath():
            return "no-path"
        case NoCrossNamespace():
            return "no-cross-namespace"
        case DefaultDeny():
            return "default-deny"
