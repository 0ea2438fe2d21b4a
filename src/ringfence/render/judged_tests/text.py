"""The outcomes of tests as text for people.

tests/shop.yaml
  ✓ frontend reaches the cart
  ✗ frontend cannot reach the database  (tests/shop.yaml:4)
      prod/web may reach prod/db on TCP 3306
      egress of prod/web: allowed: no policy isolates it
      ...
      the smallest edit that would forbid it, checked by the engine:
        in prod/db-policy, remove ingress[0]  (k8s/db-policy.yaml:17)
        nothing else changes
2 tests: 1 passed, 1 failed

If a laboratory has run the tests as well, each has two marks: `static`, by the engine, and `kernel`.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from ringfence.render.formats import one_line
from ringfence.testing.outcomes import Columns, ColumnStatus, JudgedTest, JudgedTests, KernelOutcome, Status

_MARKS: Final = {Status.PASSED: "✓", Status.FAILED: "✗", Status.ERROR: "!", Status.SKIPPED: "-"}
_KERNEL_MARKS: Final = {
    ColumnStatus.PASSED: "✓",
    ColumnStatus.FAILED: "✗",
    ColumnStatus.UNPROVEN: "!",
    ColumnStatus.UNTESTED: "-",
}
_KERNEL_WORDS: Final = {ColumnStatus.UNTESTED: "not tested"}
_HEAD: Final = "  static  kernel"
_WORDS: Final = {Status.ERROR: ("error", "errors")}
_MOST_REASONS: Final = 8
"""The largest number of lines that say why a test failed."""
_MOST_EDIT_LINES: Final = 8
"""The largest number of lines of an explanation and of an edit, so that a failure takes about fifteen lines: `ringfence
explain` prints all.
"""


def results_text(judged: JudgedTests, *, quiet: bool = False) -> Iterator[str]:
    """All outcomes by file, in pieces of lines, and the summary; with `quiet`, only those that are bad."""
    shown = [one for one in judged.outcomes if one.is_bad or not quiet]
    for file, outcomes in groupby(shown, key=lambda one: one.test.file):
        yield f"{one_line(file)}\n"
        if any(one.columns for one in judged.outcomes):
            yield f"{_HEAD}\n"
        yield from (f"{outcome_text(one)}\n" for one in outcomes)
    yield f"{summary_text(judged)}\n"


def outcome_text(outcome: JudgedTest) -> str:
    """An outcome: its mark and name; of one that did not pass also its place, and why."""
    line = f"  {_marks(outcome)} {one_line(outcome.test.name)}"
    if outcome.columns and (why := _not_tested(outcome.columns.kernel)) and outcome.status is not Status.SKIPPED:
        line += f"  ({one_line(why)})"
    if outcome.status is Status.PASSED:
        return line
    if outcome.status is Status.SKIPPED:
        return f"{line}  (skipped{until_text(outcome)}: {one_line(outcome.message)})"
    place = one_line(str(outcome.test.place))
    return "\n".join([f"{line}  ({place})", *(f"      {one}" for one in detail_lines(outcome))])


def _marks(outcome: JudgedTest) -> str:
    """The mark of an outcome, or one for each column."""
    if outcome.columns is None:
        return _MARKS[outcome.status]
    return f"{_MARKS[outcome.columns.static]}       {_KERNEL_MARKS[outcome.columns.kernel.status]}      "


def _not_tested(kernel: KernelOutcome) -> str:
    """The part of a test that the laboratory has left out; empty if none."""
    if kernel.status is ColumnStatus.UNTESTED:
        return f"not tested in the laboratory: {kernel.message}"
    return f"in the laboratory: {_connections(kernel.probes)} of more" if kernel.is_sample else ""


def _connections(number: int) -> str:
    return f"{number:,} {'connection' if number == 1 else 'connections'}"


def column_texts(columns: Columns | None) -> dict[str, str]:
    """The columns by name, as `passed (12 connections, 4 of them without policies first)`; none without a lab."""
    if not columns:
        return {}
    kernel = columns.kernel
    opened = f"{_connections(kernel.probes)}, {kernel.controls:,} of them without policies first"
    sample = "of more" if kernel.is_sample else ""
    details = "; ".join(filter(None, (opened if kernel.probes else "", sample, kernel.message)))
    word = _KERNEL_WORDS.get(kernel.status, kernel.status.value)
    return {"static": columns.static.value, "kernel": f"{word} ({details})" if details else word}


def until_text(outcome: JudgedTest) -> str:
    """The last day of a skip, as in a sentence; empty if it has none."""
    skip = outcome.test.skip
    return f" until {skip.until}" if skip and skip.until else ""


def detail_lines(outcome: JudgedTest) -> Iterator[str]:
    """Why a test did not pass: the message, the reasons and the smallest edit, or what the answer assumes."""
    yield from map(one_line, outcome.message.splitlines())
    if outcome.columns and _is_told_by_both(outcome.columns):
        yield one_line(f"in the kernel, {outcome.columns.kernel.message}")
    if outcome.is_undecided:
        yield from (one_line(f"  ? {assumption}") for assumption in outcome.assumptions)
    if outcome.explanation:
        # The first line of the reasons repeats the message.
        _, *reasons = outcome.explanation.reasons.splitlines()
        yield from _first([line for line in reasons if line], _MOST_REASONS)
        yield from _first(list(map(one_line, outcome.explanation.edits.splitlines())), _MOST_EDIT_LINES)


def _is_told_by_both(columns: Columns) -> bool:
    """Whether a test fails in both columns, with the same result in both."""
    kernel = columns.kernel
    return columns.static is Status.FAILED and kernel.status is ColumnStatus.FAILED and not kernel.contradictions


def _first(lines: list[str], most: int) -> Iterator[str]:
    if len(lines) <= most:
        yield from lines
    else:
        # One fewer, because the last line says how many are missing.
        yield from lines[: most - 1]
        yield f"... and {len(lines) - most + 1} more lines, which ringfence explain prints"


def summary_text(judged: JudgedTests) -> str:
    """How many tests there are, and how they ended, in one line."""
    total = len(judged.outcomes)
    counts = []
    for status in Status:
        if number := len(judged.of(status)):
            one, several = _WORDS.get(status, (status.value, status.value))
            counts.append(f"{number:,} {one if number == 1 else several}")
    unread = len(judged.problems)
    invalid = f"; {unread} {'problem' if unread == 1 else 'problems'} in test files" if unread else ""
    tests = f"{total:,} {'test' if total == 1 else 'tests'}"
    in_kernel = _kernel_summary(judged)
    return f"{tests}: {', '.join(counts)}{invalid}{in_kernel}" if counts else f"{tests}{invalid}"


def _kernel_summary(judged: JudgedTests) -> str:
    kernels = [one.columns.kernel for one in judged.outcomes if one.columns]
    if not kernels:
        return ""
    numbers = {status: sum(one.status is status for one in kernels) for status in ColumnStatus}
    counts = [f"{number:,} {_KERNEL_WORDS.get(status, status.value)}" for status, number in numbers.items() if number]
    probes = sum(one.probes for one in kernels)
    return f"; in the kernel: {', '.join(counts)}, by {_connections(probes)}"
