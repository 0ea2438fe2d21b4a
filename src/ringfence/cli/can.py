"""`can` and `explain`: one question, its answer, and the reasons."""

from typing import Final

import click
import msgspec

from ringfence.analysis.endpoints import AskedPorts
from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs
from ringfence.cli.options import as_one
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.ports import ASKED_PORTS, port_option
from ringfence.cli.terminal import print_answer, print_document, print_message
from ringfence.cli.what_if import enforced_options
from ringfence.cluster import Cluster
from ringfence.render.answers import answer_json, short_answer
from ringfence.verdict import Verdict


class QuestionOptions(msgspec.Struct, frozen=True):
    """The arguments and options that `can` and `explain` share."""

    source: str
    destination: str
    ports: AskedPorts
    output: str
    no_assumptions: bool
    expect: str | None

    def ask(self, cluster: Cluster) -> Verdict:
        """The verdict of a cluster."""
        return cluster.can(self.source, self.destination, port=self.ports)

    def exit_code(self, verdict: Verdict) -> int:
        """The exit code of the verdict. With --no-assumptions, prints the assumptions that it depends on."""
        if self.no_assumptions and verdict.assumptions:
            for assumption in verdict.assumptions:
                print_message(f"assumption: {assumption}")
            return EXIT_UNDECIDED
        # "Not allowed" is not enough for a denial: a partly allowed connection is neither.
        holds = verdict.none if self.expect == "deny" else verdict.all
        return EXIT_YES if holds else EXIT_NO


_OPTIONS: Final = (
    click.argument("source", shell_complete=complete_endpoint),
    click.argument("destination", shell_complete=complete_endpoint),
    port_option(ASKED_PORTS),
    click.option(
        "-o",
        "--output",
        type=FormatChoice(["text", "json"]),
        default="text",
        show_default=True,
        help="The output format.",
    ),
    click.option(
        "--expect",
        type=click.Choice(["allow", "deny"]),
        help="What must hold for every pair, address and port: exit with 0 if it does, with 1 if not.",
    ),
    click.option(
        "--no-assumptions",
        is_flag=True,
        help="Exit with 3 if the answer depends on information that the input does not contain.",
    ),
)

_question_options = as_one(QuestionOptions, "question", _OPTIONS)


@click.command()
@_question_options
@enforced_options
def can(question: QuestionOptions, inputs: Inputs) -> None:
    """Check whether SOURCE may open a connection to DESTINATION.

    The answer is yes, no, or partly if it differs between pods, addresses or ports. The exit code is 0 for yes, and 1
    for no and partly. To check that something is denied, use --expect deny, which exits with 0 for no: a misspelt name
    still exits with 2, and so does an error in the input that may concern a policy.

    \b
    Examples:
      ringfence can -f manifests/ prod/web prod/db -p 3306
      ringfence can -f manifests/ 'prod/*' kube-system/k8s-app=kube-dns -p 53/UDP
      ringfence can -f manifests/ 'dev/*' prod/db --expect deny
      ringfence can -f manifests/ prod/web prod/db -p 3306 -p 8000-8080 -p metrics
      ringfence can 203.0.113.7 prod/svc/web            # every port, in the current cluster
      ringfence can -f manifests/ 'any-pod:dev/*' prod/db --expect deny    # for all future pods
    """
    cluster = inputs.cluster()
    verdict = question.ask(cluster)
    if question.output == "json":
        print_document(answer_json(verdict, problems=cluster.problems))
    else:
        print_answer(short_answer(verdict))
    inputs.leave(cluster.problems, question.exit_code(verdict))


@click.command()
@_question_options
@enforced_options
def explain(question: QuestionOptions, inputs: Inputs) -> None:
    """Explain why SOURCE may or may not open a connection to DESTINATION.

    Lists each policy that selects one of the two and each of its rules, with file and line, and why the rule allows the
    connection or not. Ends with the smallest edit that would reverse the answer.

    \b
    Examples:
      ringfence explain -f manifests/ prod/web prod/db -p 3306
    """
    cluster = inputs.cluster()
    verdict = question.ask(cluster)
    if question.output == "json":
        print_document(answer_json(verdict, verdict.proposal, problems=cluster.problems))
    else:
        print_answer(verdict.explain())
    inputs.leave(cluster.problems, question.exit_code(verdict))
