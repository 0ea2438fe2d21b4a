"""`test`: judges the tests in files, and says why those fail that do."""

from datetime import date
from typing import Final

import click

from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_UNUSABLE, EXIT_YES, worst_exit_code
from ringfence.cli.inputs import Inputs
from ringfence.cli.proofs import ProofOptions, proof_options
from ringfence.cli.terminal import print_answer, print_document, print_message, print_text
from ringfence.cli.what_if import asking_options
from ringfence.render.problems import problem_text
from ringfence.render.test_results import results_json, results_text
from ringfence.testing.finding import find_tests
from ringfence.testing.outcomes import JudgedTests, Status

_PATH: Final = click.Path(readable=False, allow_dash=True)


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=_PATH)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The output format."
)
@proof_options
@asking_options
def test(paths: tuple[str, ...], output: str, proofs: ProofOptions, inputs: Inputs) -> None:
    """Check what the tests in files say must pass, and must not.

    PATH is a file or a folder, which is searched with the folders in it; by default the current one. Tests are
    documents of the kind ReachabilityTest (docs/test.md), and may stand among manifests.

    The exit code is 0 if all tests hold, 1 if one fails, 2 if one says nothing about this cluster (an end matches
    nothing, nobody serves a port) or cannot be read, and 3 if an answer depends on an assumption.

    \b
    Examples:
      ringfence test -f k8s/
      ringfence test tests/ -f k8s/
      ringfence test tests/ -f k8s/ --coverage --min-coverage 90
      ringfence test -f k8s/ --snapshot connections.lock
    """
    proofs.check()
    if proofs.is_only_snapshot and not paths:
        cluster = inputs.cluster()
        inputs.leave(cluster.problems, worst_exit_code(proofs.checked(cluster, (), print_text)))
    found = find_tests(paths or (".",), exclude=inputs.exclude)
    for problem in found.problems:
        print_message(problem_text(problem))
    cluster = inputs.cluster()
    judged = JudgedTests(tuple(cluster.judged(found.tests, today=date.today())), found.problems)
    if output == "json":
        print_document(results_json(judged, cluster.problems))
    else:
        print_answer("".join(results_text(judged)))
    codes = proofs.checked(cluster, found.tests, print_message if output == "json" else print_text)
    inputs.leave(cluster.problems, worst_exit_code([exit_code(judged), *codes]))


def exit_code(judged: JudgedTests) -> int:
    """The exit code for outcomes: of several bad ones, that of the worst."""
    codes = [EXIT_UNUSABLE] if judged.problems else []
    for one in judged.outcomes:
        match one.status:
            case Status.FAILED:
                codes.append(EXIT_NO)
            case Status.ERROR:
                codes.append(EXIT_UNDECIDED if one.is_undecided else EXIT_UNUSABLE)
            case _:
                codes.append(EXIT_YES)
    return worst_exit_code(codes)
