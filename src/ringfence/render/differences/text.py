"""What a change does, as text:

before/ -> after/: 1 opened, 0 closed; policies: 1 changed; the same 3 workloads

opened
  + prod/Deployment/web -> prod/StatefulSet/db: TCP 3306
      ingress rule 1 of prod/db now allows it (after/db.yaml:14)
"""

from ringfence.analysis.differences import ClusterDifference
from ringfence.render.differences.phrases import plain
from ringfence.render.differences.sections import closing_sentence, sections, summary_parts
from ringfence.render.formats import one_line


def difference_text(found: ClusterDifference, first: str, second: str) -> str:
    """The summary in one line, then what was opened, closed, and all else that changed, each with its causes."""
    lines = [summary_text(found, first, second)]
    for section in sections(found, first, second):
        lines += ["", section.title]
        for row in section.rows:
            lines.append(f"  {row.mark} {plain(row.sentence)}")
            lines += [f"      {plain(reason)}" for reason in row.reasons]
    if closing := closing_sentence(found):
        lines += ["", closing]
    return "\n".join(map(one_line, lines))


def summary_text(found: ClusterDifference, first: str, second: str) -> str:
    """How much has changed, in one line."""
    return one_line(f"{first} -> {second}: {'; '.join(filter(None, summary_parts(found)))}")
