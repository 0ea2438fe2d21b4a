"""The outcomes of tests as TAP: a test point for each test, and for each error in the test files and the input."""

from collections.abc import Iterable, Iterator

from ringfence.model.problems import Problem, Severity
from ringfence.render.formats import Json, TapPoint, tap_text
from ringfence.render.judged_tests.text import column_texts, detail_lines
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status


def results_tap(judged: JudgedTests, problems: Iterable[Problem] = ()) -> str:
    """All outcomes; `problems` are those of the input, of which errors count."""
    return tap_text((*map(_point, judged.outcomes), *_errors((*judged.problems, *problems))))


def _point(outcome: JudgedTest) -> TapPoint:
    test = outcome.test
    columns: Json = dict(column_texts(outcome.columns))
    if outcome.status is Status.SKIPPED:
        return TapPoint(test.name, True, outcome.message)
    if not outcome.is_bad:
        return TapPoint(test.name, True, diagnostics=columns)
    message, *details = detail_lines(outcome)
    diagnostics: Json = {"message": message, "severity": "fail" if outcome.status is Status.FAILED else "error"}
    diagnostics |= {"file": test.file, "line": test.place.line, **columns}
    if details:
        diagnostics["details"] = details
    return TapPoint(test.name, False, diagnostics=diagnostics)


def _errors(problems: Iterable[Problem]) -> Iterator[TapPoint]:
    for one in problems:
        if one.severity is Severity.ERROR:
            diagnostics: Json = {"message": one.message, "severity": "error"}
            diagnostics |= {"file": one.place.file, "line": one.place.line}
            if one.remedy:
                diagnostics["remedy"] = one.remedy
            yield TapPoint(f"{one.object or one.place.file} can be read", False, diagnostics=diagnostics)
