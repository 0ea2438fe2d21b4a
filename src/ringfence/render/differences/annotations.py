"""What a change does as annotations of a GitHub workflow, each at the rule that is the cause of a row."""

import posixpath
from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.analysis.differences import ClusterDifference
from ringfence.model.problems import Problem, Severity
from ringfence.render.differences.phrases import plain
from ringfence.render.differences.sections import Section, closing_sentence, difference_sections
from ringfence.render.differences.text import summary_text
from ringfence.render.formats import Annotation, Level, annotations_text

_LEVELS: Final = {"opened": Level.ERROR, "closed": Level.WARNING}


def difference_annotations(found: ClusterDifference, first: str, second: str, problems: Iterable[Problem] = ()) -> str:
    """A line for each change: an error if something was opened, a warning or a notice else; and the summary.

    `problems` are those of both inputs; errors are annotations, too. The files are those of `second`.
    """
    lines = tuple(filter(None, [summary_text(found, first, second), closing_sentence(found)]))
    rows = (one for section in difference_sections(found, first, second) for one in _of_section(section, second))
    return annotations_text(
        [Annotation(Level.NOTICE, "Who may talk to whom", lines), *_errors(problems, second), *rows]
    )


def _errors(problems: Iterable[Problem], second: str) -> Iterator[Annotation]:
    for one in problems:
        if one.severity is Severity.ERROR:
            file = _path(one.place.file, second)
            yield Annotation(Level.ERROR, "not compared because of an error", (str(one),), file, one.place.line)


def _of_section(section: Section, second: str) -> Iterator[Annotation]:
    level = _LEVELS.get(section.title, Level.WARNING if section.is_dangerous else Level.NOTICE)
    for row in section.rows:
        lines = (plain(row.sentence), *map(plain, row.reasons))
        place = (_path(row.place.file, second), row.place.line) if row.place else ("", 0)
        yield Annotation(level, section.title, lines, *place)


def _path(file: str, second: str) -> str:
    """The path of a file in the repository, without the revision that it was read from."""
    return posixpath.normpath(file.removeprefix(f"{second}:").removeprefix(":"))
