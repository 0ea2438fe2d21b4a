"""The outcomes of tests, as text for people and as JSON (docs/test.md, docs/formats.md).

The text:

tests/shop.yaml
  ✓ frontend reaches the cart
  ✗ frontend cannot reach the database  (tests/shop.yaml:4)
      prod/web may reach prod/db on TCP 3306
      ...
2 tests: 1 passed, 1 failed
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from ringfence.model.problems import Problem
from ringfence.render.formats import Json, document_json, one_line
from ringfence.render.problems import problem_json
from ringfence.render.proposals import proposal_json
from ringfence.testing.outcomes import Explanation, JudgedTest, JudgedTests, Status

_MARKS: Final = {Status.PASSED: "✓", Status.FAILED: "✗", Status.ERROR: "!", Status.SKIPPED: "-"}
_MOST_REASON_LINES: Final = 10
_MOST_EDIT_LINES: Final = 10


def outcome_text(outcome: JudgedTest) -> str:
    """An outcome: its mark and name; of one that did not pass also its place, and why."""
    test = outcome.test
    line = f"  {_MARKS[outcome.status]} {one_line(test.name)}"
    if outcome.status is Status.PASSED:
        return line
    if outcome.status is Status.SKIPPED:
        until = f", until {test.skip.until}" if test.skip and test.skip.until else ""
        return f"{line}  (skipped: {one_line(outcome.message)}{until})"
    return "\n".join([f"{line}  ({one_line(str(test.place))})", *(f"      {one}" for one in detail_lines(outcome))])


def detail_lines(outcome: JudgedTest) -> Iterator[str]:
    """Why a test did not pass: the message, the reasons and the smallest edit, or what the answer assumes."""
    yield from map(one_line, outcome.message.splitlines())
    if outcome.is_undecided:
        yield from (one_line(f"  ? {assumption}") for assumption in outcome.assumptions)
    if outcome.explanation:
        yield from explanation_lines(outcome.explanation)


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The reasons of a connection, and the smallest edit that reverses it, each no longer than is read."""
    # The first line of an explanation says what the message says already.
    reasons = [line for line in explanation.reasons.splitlines()[1:] if line]
    yield from _first(reasons, _MOST_REASON_LINES)
    yield from _first(list(map(one_line, explanation.edits.splitlines())), _MOST_EDIT_LINES)


def _first(lines: list[str], most: int) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"... and {len(lines) - most} more lines: use ringfence explain"


def results_text(judged: JudgedTests, *, verbose: bool = True) -> Iterator[str]:
    """All outcomes by file, in pieces of lines, and the summary; without `verbose`, only those that are bad."""
    shown = [one for one in judged.outcomes if verbose or one.is_bad]
    for file, outcomes in groupby(shown, key=lambda one: one.test.file):
        yield f"{one_line(file)}\n"
        yield from (f"{outcome_text(one)}\n" for one in outcomes)
    yield f"{summary_text(judged)}\n"


def summary_text(judged: JudgedTests) -> str:
    """How many tests there are, and how they ended, in one line."""
    total = len(judged.outcomes)
    words = {Status.ERROR: "errors" if len(judged.of(Status.ERROR)) != 1 else "error"}
    counts = [f"{len(found):,} {words.get(status, status.value)}" for status in Status if (found := judged.of(status))]
    invalid = f"; {len(judged.problems)} problems in test files" if judged.problems else ""
    return f"{total:,} {'test' if total == 1 else 'tests'}: {', '.join(counts) or 'none judged'}{invalid}"


# --- JSON -------------------------------------------------------------------------------------------------------------


def results_json(judged: JudgedTests, problems: Iterable[Problem] = ()) -> str:
    """All outcomes as JSON; `problems` are those of the input."""
    return document_json(
        {
            "passed": bool(judged),
            "summary": {status.value: len(judged.of(status)) for status in Status} | {"tests": len(judged.outcomes)},
            "tests": list(map(_outcome_json, judged.outcomes)),
            "problems": [problem_json(one) for one in (*judged.problems, *problems)],
        }
    )


def _outcome_json(outcome: JudgedTest) -> Json:
    test = outcome.test
    written: Json = {
        "name": test.name,
        "file": test.file,
        "line": test.place.line,
        "status": outcome.status.value,
        "message": outcome.message,
        "assumptions": list(outcome.assumptions),
    }
    if outcome.explanation:
        written["explanation"] = outcome.explanation.reasons
        written |= proposal_json(outcome.explanation.proposal)
    return written
