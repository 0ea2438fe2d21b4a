"""The outcomes of tests as annotations of a GitHub workflow, each at its test."""

from collections.abc import Iterable, Iterator

from ringfence.model.origin import Place
from ringfence.model.problems import Problem, Severity
from ringfence.render.formats import Annotation, Level, annotations_text
from ringfence.render.judged_tests.text import detail_lines, summary_text
from ringfence.render.repository_paths import RepositoryPaths
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status


def results_annotations(judged: JudgedTests, problems: Iterable[Problem] = ()) -> str:
    """An error for each test that is bad and for each error of the input, a notice for each skip, and the summary."""
    paths = RepositoryPaths()
    found = (*_of_problems((*judged.problems, *problems), paths), *_of_tests(judged.outcomes, paths))
    return annotations_text([Annotation(Level.NOTICE, "tests", (summary_text(judged),)), *found])


def _of_tests(outcomes: Iterable[JudgedTest], paths: RepositoryPaths) -> Iterator[Annotation]:
    for one in outcomes:
        place = _place(one.test.place, paths)
        if one.is_bad:
            yield Annotation(Level.ERROR, f"{one.status}: {one.test.name}", tuple(detail_lines(one)), *place)
        elif one.status is Status.SKIPPED:
            yield Annotation(Level.NOTICE, f"skipped: {one.test.name}", (one.message,), *place)


def _of_problems(problems: Iterable[Problem], paths: RepositoryPaths) -> Iterator[Annotation]:
    for one in problems:
        if one.severity is Severity.ERROR:
            lines = (one.message, *([f"remedy: {one.remedy}"] if one.remedy else []))
            yield Annotation(Level.ERROR, "cannot be read", lines, *_place(one.place, paths))


def _place(place: Place, paths: RepositoryPaths) -> tuple[str, int]:
    file, has_lines = paths.of_place(place)
    return file, place.line if has_lines else 0
