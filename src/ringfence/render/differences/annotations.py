"""What a change does as annotations of a GitHub workflow, each at the rule that is the cause of a row."""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.analysis.differences import ClusterDifference
from ringfence.model.compared_problems import ComparedProblem
from ringfence.model.origin import Place
from ringfence.model.problems import Severity
from ringfence.render.differences.phrases import plain
from ringfence.render.differences.sections import Section, closing_sentence, difference_sections
from ringfence.render.differences.text import summary_text
from ringfence.render.formats import Annotation, Level, annotations_text
from ringfence.render.repository_paths import RepositoryPaths

_LEVELS: Final = {"opened": Level.ERROR, "closed": Level.WARNING}


def difference_annotations(
    found: ClusterDifference, first: str, second: str, problems: Iterable[ComparedProblem] = ()
) -> str:
    """A line for each change: an error if something was opened, a warning or a notice else; and the summary.

    `problems` are those of both inputs; errors are annotations, too. The files are those of `second`.
    """
    lines = tuple(filter(None, [summary_text(found, first, second), closing_sentence(found)]))
    rows = (one for section in difference_sections(found, first, second) for one in _of_section(section, second))
    return annotations_text(
        [Annotation(Level.NOTICE, "Who may talk to whom", lines), *_errors(problems, second), *rows]
    )


def _errors(problems: Iterable[ComparedProblem], second: str) -> Iterator[Annotation]:
    for one in problems:
        if one.problem.severity is Severity.ERROR:
            place = _place(one.problem.place, second)
            yield Annotation(Level.ERROR, "not compared because of an error", (str(one),), *place)


def _of_section(section: Section, second: str) -> Iterator[Annotation]:
    # What was opened is the worst: it is what a reviewer must not overlook.
    level = _LEVELS.get(section.title, Level.WARNING if section.is_dangerous else Level.NOTICE)
    for row in section.rows:
        lines = (plain(row.sentence), *map(plain, row.reasons))
        place = _place(row.place, second) if row.place else ("", 0)
        yield Annotation(level, section.title, lines, *place)


def _place(place: Place, second: str) -> tuple[str, int]:
    """The file and the line in the repository, without the revision that it was read from."""
    file, has_lines = RepositoryPaths().of_revised_place(place, second)
    return file, place.line if has_lines else 0
