"""What a change does as a comment for its review: Markdown as GitHub, GitLab and others show it.

The verdict comes first, then the changes that a reviewer must see; everything else is folded. The first line is
invisible and names the comparison, so that a program finds its comment again and updates it. The comment stays well
below the limit of GitHub (65,536 characters): whole rows and whole sections that do not fit are replaced by their
number.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ringfence.analysis.differences import ClusterDifference
from ringfence.model.compared_problems import ComparedProblem
from ringfence.model.problems import Severity
from ringfence.render.differences.phrases import Name, Phrase
from ringfence.render.differences.sections import Row, Section, closing_sentence, difference_sections, summary_parts
from ringfence.render.formats import markdown_code, markdown_text

MOST_BYTES: Final = 60_000
"""The size of the largest comment, in bytes of UTF-8. No service counts a text as longer than its bytes."""

_MOST_CHARACTERS: Final = 300
"""The largest length of a text in a row. Names of objects are shorter; lists of addresses may be longer."""

_MOST_REASONS: Final = 3
"""The largest number of reasons of a row; a comment is read at a glance."""


def review_comment(
    found: ClusterDifference, first: str, second: str, key: str, problems: Iterable[ComparedProblem] = ()
) -> str:
    """The comment. `key` tells comparisons of one change apart: letters, digits and hyphens.

    `problems` are those of both inputs. Errors come first, because objects with errors were not compared.
    """
    errors = [one for one in problems if one.problem.severity is Severity.ERROR]
    shown = [*_errors(errors), *difference_sections(found, first, second), *_assumptions(found)]
    head = "\n".join(_head(found, first, second, key, errors))
    # The room for every section's number is kept free first, so that no section can push another out unseen.
    room = MOST_BYTES - _size(head) - sum(_size(_count(section)) for section in shown)
    written = []
    for section in shown:
        text = _section(section, room + _size(_count(section)))
        room -= _size(text) - _size(_count(section))
        written.append(text)
    return "".join([head, *written])


def _head(
    found: ClusterDifference, first: str, second: str, key: str, errors: Sequence[ComparedProblem]
) -> Iterator[str]:
    changes, policies, workloads = summary_parts(found)
    is_same = not (found or found.reviewed or found.unread or found.is_undecided)
    verdict = "no change in who may talk to whom" if is_same else changes
    if errors:
        verdict = f"incomplete, the input has {len(errors)} {'error' if len(errors) == 1 else 'errors'}: {verdict}"
    yield f"<!-- ringfence:diff:{key} -->"
    yield f"### {verdict[0].upper()}{verdict[1:]}"
    yield ""
    yield "; ".join(filter(None, [f"From {_code(first)} to {_code(second)}", policies, workloads])) + "."
    if closing := closing_sentence(found):
        yield ""
        yield closing
    yield ""


def _errors(errors: Sequence[ComparedProblem]) -> Iterator[Section]:
    if errors:
        rows = tuple(Row("?", (Name(str(one)),)) for one in errors)
        yield Section("errors", f"{len(errors)} not compared because of an error", rows, True)


def _assumptions(found: ClusterDifference) -> Iterator[Section]:
    if found.assumptions:
        rows = tuple(Row("?", (Name(text),)) for text in found.assumptions)
        yield Section("assumptions", f"{len(rows)} {'assumption' if len(rows) == 1 else 'assumptions'}", rows)


def _section(section: Section, room: int) -> str:
    """The section in at most `room` bytes: whole, or if dangerous the rows that fit, or the number of its rows.

    No row is written behind the first one that does not fit: there may be many thousands.
    """
    room -= _size(_framed(section, ()))
    rows: list[str] = []
    for row in section.rows:
        rows.append(_row(section, row))
        room -= _size(rows[-1])
        if room < 0:
            break
    else:
        return _framed(section, rows)
    if not section.is_dangerous:
        return _count(section)
    # The line with the number needs room, too: at most as much as with the number of all rows.
    room -= _size(_more(len(section.rows)))
    while rows and room < 0:
        room += _size(rows.pop())
    if not rows:
        return _count(section)
    return _framed(section, [*rows, _more(len(section.rows) - len(rows))])


def _more(number: int) -> str:
    return f"\nand {number} more\n"


def _count(section: Section) -> str:
    return f"\n**{section.heading}**: too many for a comment\n"


def _framed(section: Section, rows: Iterable[str]) -> str:
    """The text of a section with these rows."""
    lines = [f"\n#### {section.heading}\n\n"]
    if not section.is_dangerous:
        lines = [f"\n<details>\n<summary>{section.heading}</summary>\n\n"]
    if section.columns:
        lines.append(f"| {' | '.join(section.columns)} |\n{'|---' * len(section.columns)}|\n")
    lines += rows
    if not section.is_dangerous:
        lines.append("\n</details>\n")
    return "".join(lines)


def _row(section: Section, row: Row) -> str:
    reasons = [_phrase(reason) for reason in row.reasons[:_MOST_REASONS]]
    if len(row.reasons) > _MOST_REASONS:
        reasons.append(f"and {len(row.reasons) - _MOST_REASONS} more")
    if section.columns:
        return f"| {' | '.join([*map(_phrase, row.cells), '<br>'.join(reasons)])} |\n"
    return "<br>\n  ".join([f"* {_phrase(row.sentence)}", *reasons]) + "\n"


def _phrase(sentence: Phrase) -> str:
    return "".join(
        _code(piece.text) if isinstance(piece, Name) else markdown_text(_shortened(piece)) for piece in sentence
    )


def _code(text: str) -> str:
    return markdown_code(_shortened(text))


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _size(text: str) -> int:
    return len(text.encode())
