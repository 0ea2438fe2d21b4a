"""`test`: runs the tests in files, and says why a test fails."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_UNUSABLE, EXIT_YES, worst_exit_code
from ringfence.cli.inputs import Inputs
from ringfence.cli.options import as_one
from ringfence.cli.outputs import TEXT, Output, Outputs, outputs_option
from ringfence.cli.plugin_remarks import plugin_remark_on
from ringfence.cli.proofs import ProofOptions, proof_options
from ringfence.cli.terminal import print_message, print_text
from ringfence.cli.what_if import enforced_options_without_k
from ringfence.errors import InputError
from ringfence.model.problems import Problem
from ringfence.render.judged_tests import (
    results_annotations,
    results_json,
    results_junit,
    results_tap,
    results_text,
)
from ringfence.render.problems import problem_text
from ringfence.testing.finding import FoundTests, find_tests
from ringfence.testing.last_failed import LastFailed
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status
from ringfence.testing.reachability_tests import ReachabilityTest
from ringfence.testing.selection import parse_selection

_PATH: Final = click.Path(readable=False, allow_dash=True)
_FORMATS: Final = ("text", "json", "junit", "tap", "github")


class SelectionOptions(msgspec.Struct, frozen=True):
    """The options that say which tests are run, and how many may fail."""

    expression: str | None
    last_failed: bool
    exitfirst: bool
    maxfail: int | None

    @property
    def most_bad(self) -> int | None:
        """The number of tests that fail or are errors after which no more are run; None for all."""
        return 1 if self.exitfirst else self.maxfail

    def of(self, found: FoundTests, last_failed: LastFailed) -> tuple[ReachabilityTest, ...]:
        """The tests to run. Raises InputError if there are none, though nothing is wrong in the files."""
        tests = found.tests
        if self.expression is not None:
            tests = tuple(filter(parse_selection(self.expression), tests))
            # -k is a kustomization in other commands, so the message says how it is named here.
            if not tests and found.tests:
                meant = "; --kustomize reads a kustomization" if Path(self.expression).is_dir() else ""
                raise InputError(f"-k {self.expression!r} matches none of {len(found.tests)} tests{meant}")
        if self.last_failed:
            bad = tuple(last_failed.of(tests))
            print_message(f"running {len(bad)} of {len(tests)} tests, which failed last time" if bad else _NONE_FAILED)
            # If none failed last time, all are run: an empty run would look like success.
            tests = bad or tests
        return tests


_NONE_FAILED: Final = "no test is known to have failed last time: running all"

_SELECTION: Final = (
    click.option(
        "-k",
        "expression",
        metavar="EXPR",
        help="Run only tests whose name or file contains these words, joined by and, or, not and parentheses.",
    ),
    click.option(
        "--last-failed", "--lf", is_flag=True, help="Run only the tests that failed in the last run in this folder."
    ),
    click.option("-x", "--exitfirst", is_flag=True, help="Stop after the first test that fails or is an error."),
    click.option("--maxfail", type=click.IntRange(1), metavar="NUMBER", help="Stop after this many bad tests."),
)


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=_PATH)
@outputs_option(_FORMATS)
@as_one(SelectionOptions, "selection", _SELECTION)
@click.option("-q", "--quiet", is_flag=True, help="Print only what fails, and the summary.")
@click.option(
    "--junit-flavour",
    type=click.Choice(["jenkins", "gitlab"]),
    help="Who reads JUnit: for gitlab, it has the file and line of each test.  [default: gitlab if GITLAB_CI is set]",
)
@proof_options
@enforced_options_without_k
def test(  # noqa: PLR0913  (the options of the command)
    paths: tuple[str, ...],
    outputs: Outputs,
    selection: SelectionOptions,
    quiet: bool,
    junit_flavour: str | None,
    proofs: ProofOptions,
    inputs: Inputs,
) -> None:
    """Run the tests in files, which say which connections must pass and which must not.

    PATH is a file or a folder, which is searched with the folders in it; by default the current one. Tests are
    documents of the kind ReachabilityTest (docs/test.md), and may stand among manifests.

    The exit code is 0 if all tests hold, 1 if one fails, 2 if one says nothing about this cluster (an end matches
    nothing, nobody serves a port) or cannot be read, and 3 if an answer depends on an assumption.

    With --lab, the connections of the tests are opened in network namespaces of this machine, in which the kernel
    enforces the policies. A test about which the kernel and the engine disagree fails.

    \b
    Examples:
      ringfence test -f k8s/
      ringfence test tests/ -f k8s/ -k 'database and not web'
      ringfence test tests/ -f k8s/ -o text -o junit=results.xml -o github
      ringfence test tests/ --context prod --last-failed
      ringfence test tests/ -f k8s/ --lab
      ringfence test tests/ -f k8s/ --coverage --min-coverage 90
      ringfence test -f k8s/ --snapshot connections.lock
      ringfence test -f k8s/ --record 'prod/*' prod/db 5432 > tests/db.yaml
      ringfence test --import netassert checks.yaml > tests/checks.yaml
    """
    proofs.check()
    if proofs.writes_tests:
        asked = inputs.cluster() if proofs.record else None
        print_text(proofs.written(asked))
        inputs.leave(asked.problems if asked else (), EXIT_YES)
    if proofs.is_only_snapshot and not paths:
        cluster = inputs.cluster()
        inputs.leave(cluster.problems, worst_exit_code(proofs.checked(cluster, (), print_text)))
    _check_standard_input(paths, inputs)
    # Tests are read before the cluster: a mistake in them is found in less time.
    found = find_tests(paths or (".",), exclude=inputs.exclude)
    last_failed = LastFailed(Path.cwd())
    tests = selection.of(found, last_failed)
    for problem in found.problems:
        print_message(problem_text(problem))
    cluster = inputs.cluster()
    started = datetime.now(UTC).replace(tzinfo=None)
    outcomes = tuple(_until(cluster.judged(tests), selection.most_bad))
    remark = plugin_remark_on(cluster, lambda: tuple(one.status for one in cluster.judged(tests)))
    judged = proofs.beside_kernel(cluster, JudgedTests(outcomes, found.problems))
    # All tests of the files, not only those that were run: what was not run stays as it was noted.
    last_failed.note(found.tests, judged.outcomes)
    with_places = (junit_flavour or ("gitlab" if os.environ.get("GITLAB_CI") else "jenkins")) == "gitlab"
    writers = _writers(judged, cluster.problems, started, quiet=quiet, with_places=with_places)
    outputs.write({**writers, "json": lambda: results_json(judged, cluster.problems, remark.document)})
    remark.print()
    if len(outcomes) < len(tests):
        print_message(f"stopped after {selection.most_bad}: {len(tests) - len(outcomes)} tests were not run")
    prints_text = any(one == Output(TEXT) for one in outputs.all)
    # If a document is printed, the text of these checks must not get into it.
    codes = proofs.checked(cluster, tests, print_text if prints_text else print_message)
    if proofs.lab and outcomes and not judged.is_tested_in_kernel:
        print_message("error: the laboratory could not run any of these tests; -o text says why, for each test")
        codes.append(EXIT_UNUSABLE)
    inputs.leave(cluster.problems, worst_exit_code([exit_code(judged), *codes]))


def exit_code(judged: JudgedTests) -> int:
    """The exit code for outcomes: of several bad ones, that of the worst."""
    codes = {EXIT_UNUSABLE if judged.problems else EXIT_YES}
    for one in judged.outcomes:
        if one.status is Status.FAILED:
            codes.add(EXIT_NO)
        elif one.status is Status.ERROR:
            codes.add(EXIT_UNDECIDED if one.is_undecided else EXIT_UNUSABLE)
    return worst_exit_code(codes)


def _check_standard_input(paths: Iterable[str], inputs: Inputs) -> None:
    if "-" in paths and "-" in inputs.filenames:
        raise InputError("tests and manifests cannot both be read from standard input: write one of them to a file")


def _until(outcomes: Iterator[JudgedTest], most_bad: int | None) -> Iterator[JudgedTest]:
    """The outcomes up to the last bad one that is allowed."""
    bad = 0
    for outcome in outcomes:
        yield outcome
        bad += outcome.is_bad
        # The generator ends here, so the tests behind it are never judged.
        if bad == most_bad:
            return


def _writers(
    judged: JudgedTests, problems: list[Problem], started: datetime, *, quiet: bool, with_places: bool
) -> Mapping[str, Callable[[], str]]:
    return {
        "text": lambda: "".join(results_text(judged, quiet=quiet)),
        "junit": lambda: results_junit(judged, problems, started=started, with_places=with_places),
        "tap": lambda: results_tap(judged, problems),
        "github": lambda: results_annotations(judged, problems),
    }
