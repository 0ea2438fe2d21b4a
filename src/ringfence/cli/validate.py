"""`validate`: what the API server would refuse."""

import sys

import click

from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.terminal import print_document, print_text
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.problems import Severity
from ringfence.model.server_versions import NEWEST, OLDEST, ServerVersion, parse_server_version
from ringfence.render.problems import problem_text, problems_json


def _parse_version(context: click.Context, parameter: click.Parameter, text: str | None) -> ServerVersion:
    return NEWEST if text is None else parse_server_version(text)


@click.command()
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The output format."
)
@click.option(
    "--server-version",
    metavar="VERSION",
    callback=_parse_version,
    help=f"The version of the API server, {OLDEST} to {NEWEST}.  [default: {NEWEST}]",
)
@input_options
def validate(inputs: Inputs, output: str, server_version: ServerVersion) -> None:
    """List what the API server would refuse, in its words, with file and line.

    NetworkPolicies are validated in full; of namespaces, pods, workloads, Services, EndpointSlices and nodes the fields
    that matter for connections. The exit code is 1 if there is any error. Warnings do not count.

    \b
    Examples:
      ringfence validate -f manifests/ -R
      ringfence validate -f manifests/ -R --server-version 1.29
    """
    cluster = inputs.cluster(report=False, server_version=server_version)
    errors = [problem for problem in cluster.problems if problem.severity is Severity.ERROR]
    if output == "json":
        print_document(problems_json(cluster.problems))
    else:
        for problem in cluster.problems:
            print_text(problem_text(problem))
        # A policy that a server has stored is part of the cluster even if it has errors.
        invalid = {problem.object for problem in errors}
        names = (f"{kind_of(policy)} {namespace_of(policy)}/{policy.metadata.name}" for policy in cluster.policies())
        print_text(f"valid NetworkPolicies: {sum(name not in invalid for name in names)}, errors: {len(errors)}")
    sys.exit(EXIT_NO if errors else EXIT_YES)
