"""What `lint` finds, as text for people.

Each finding has a line that editors understand, the line of the file with the part marked, and the remedy:

    db.yaml:4:3: warning[RF101] NetworkPolicy shop/db: the policy selects no pod: ...
      4 |   podSelector: {matchLabels: {app: dbs}}
        |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      remedy: write app=db, which pods of namespace shop have
"""

from collections.abc import Callable, Iterator
from typing import Final

from ringfence.lint import FindingLevel, LintFinding, LintFindings
from ringfence.model.origin import Place
from ringfence.render.formats import one_line

SourceLine = Callable[[str, int], str | None]
"""The line of a file, by its number; None if it cannot be read."""

_WIDEST: Final = 120
"""The largest number of characters of a line that are shown: a manifest in JSON can be one line."""

_BEFORE: Final = 20
"""The number of characters of a longer line that are shown before the marked part."""


def findings_text(findings: LintFindings, source_line: SourceLine) -> str:
    """The findings, each with its line in the file, the skipped rules, and the number of findings of each level."""
    lines: list[str] = []
    for one in findings.found:
        lines += [_head(one), *_excerpt(one.place, source_line)]
        if one.place.rendered_from:
            lines.append(one_line(f"  rendered from: {one.place.rendered_from}"))
        if one.remedy:
            lines.append(one_line(f"  remedy: {one.remedy}"))
        lines.append("")
    lines += [one_line(str(one)) for one in findings.skipped]
    lines += [one_line(f"corrected, and still in the baseline: {one.text}") for one in findings.corrected]
    if findings.coverage:
        lines.append(str(findings.coverage))
    lines.append(_total(findings))
    return "\n".join(lines)


def _head(one: LintFinding) -> str:
    subject = f"{one.object}: " if one.object else ""
    column = f":{one.place.column}" if one.place.column else ""
    place = f"{one.place.file_and_line}{column}: " if one.place.file else ""
    return one_line(f"{place}{one.level}[{one.rule}] {subject}{one.message}")


def _excerpt(place: Place, source_line: SourceLine) -> Iterator[str]:
    """The first line of the place, and a second line that marks the part of it."""
    line = source_line(place.file, place.line) if place.column else None
    if line is None:
        return
    # A tab would have another width in the line than in the marks below it.
    line = line.rstrip("\r").replace("\t", " ")
    end = place.end_column - 1 if place.end_line == place.line else len(line)
    start = place.column - 1
    # Some text before the part shows what it belongs to.
    cut = max(0, start - _BEFORE) if len(line) > _WIDEST else 0
    shown = one_line(line[cut : cut + _WIDEST])
    width = max(1, min(end - cut, len(shown)) - (start - cut))
    number = str(place.line)
    yield f"  {number} | {shown}"
    yield f"  {' ' * len(number)} | {' ' * (start - cut)}{'^' * width}"


def _total(findings: LintFindings) -> str:
    counts = [(level, sum(one.level is level for one in findings.found)) for level in FindingLevel]
    parts = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts if count]
    suppressed = f" ({len(findings.suppressed)} suppressed)" if findings.suppressed else ""
    return (", ".join(parts) or "nothing found") + suppressed
