"""What a change does, as text:

before/ -> after/: 1 opened, 0 closed; policies: 1 changed; the same 3 workloads

opened
  + prod/Deployment/web -> prod/StatefulSet/db: TCP 3306
      ingress rule 1 of prod/db now allows it (after/db.yaml:14)
"""

import textwrap
from collections.abc import Iterator
from typing import Final

from ringfence.analysis.differences import ClusterDifference
from ringfence.render.differences.phrases import plain
from ringfence.render.differences.sections import closing_sentence, difference_sections, summary_parts
from ringfence.render.formats import one_line

_MOST_REASONS: Final = 5
"""The largest number of reasons that a row lists; further ones are counted. JSON has all."""

_INDENT: Final = " " * 8
"""The indent of the continuation of a broken line."""


def difference_text(found: ClusterDifference, first: str, second: str, width: int | None = None) -> str:
    """The summary in one line, then what was opened, what was closed and all other changes, each with its causes.

    With a `width`, lines are broken between words where they would be longer.
    """
    lines = [summary_text(found, first, second)]
    for section in difference_sections(found, first, second):
        lines += ["", section.title]
        for row in section.rows:
            lines.append(f"  {row.mark} {plain(row.sentence)}")
            lines += [f"      {plain(reason)}" for reason in row.reasons[:_MOST_REASONS]]
            if len(row.reasons) > _MOST_REASONS:
                lines.append(f"      and {len(row.reasons) - _MOST_REASONS} more")
    if closing := closing_sentence(found):
        lines += ["", closing]
    # Names in a sentence must not break it into what looks like another row.
    written = map(one_line, lines)
    return "\n".join(written if width is None else (part for line in written for part in _broken(line, width)))


def _broken(line: str, width: int) -> Iterator[str]:
    """A line in parts; a name is never broken, so that it can be copied."""
    parts = textwrap.wrap(
        line, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    yield from parts or [""]


def summary_text(found: ClusterDifference, first: str, second: str) -> str:
    """How much has changed, in one line."""
    return one_line(f"{first} -> {second}: {'; '.join(filter(None, summary_parts(found)))}")
