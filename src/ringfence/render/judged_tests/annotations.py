"""The outcomes of tests as annotations of a GitHub workflow, each at its test."""

from collections.abc import Iterable, Iterator

from ringfence.model.problems import Problem, Severity
from ringfence.render.formats import Annotation, Level, annotations_text
from ringfence.render.judged_tests.paths import shown_path
from ringfence.render.judged_tests.text import detail_lines, summary_text
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status


def results_annotations(judged: JudgedTests, problems: Iterable[Problem] = ()) -> str:
    """An error for each test that is bad and for each error of the input, a notice for each skip, and the summary."""
    found = (*_of_problems((*judged.problems, *problems)), *_of_tests(judged.outcomes))
    return annotations_text([Annotation(Level.NOTICE, "tests", (summary_text(judged),)), *found])


def _of_tests(outcomes: Iterable[JudgedTest]) -> Iterator[Annotation]:
    for one in outcomes:
        place = shown_path(one.test.file), one.test.place.line
        if one.is_bad:
            yield Annotation(Level.ERROR, f"{one.status}: {one.test.name}", tuple(detail_lines(one)), *place)
        elif one.status is Status.SKIPPED:
            yield Annotation(Level.NOTICE, f"skipped: {one.test.name}", (one.message,), *place)


def _of_problems(problems: Iterable[Problem]) -> Iterator[Annotation]:
    for one in problems:
        if one.severity is Severity.ERROR:
            lines = (one.message, *([f"remedy: {one.remedy}"] if one.remedy else []))
            yield Annotation(Level.ERROR, "cannot be read", lines, shown_path(one.place.file), one.place.line)
