"""`validate`: what the API server would refuse."""

import re
import sys
from collections.abc import Sequence

import click

from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_document, print_text
from ringfence.cluster import Cluster
from ringfence.model.kinds import KINDS, object_name
from ringfence.model.objects import NetworkPolicy
from ringfence.model.problems import Problem, Severity
from ringfence.model.server_versions import NEWEST, OLDEST, ServerVersion, parse_server_version
from ringfence.render.problems import problem_text, problems_json


def _parse_version(context: click.Context, parameter: click.Parameter, text: str | None) -> ServerVersion:
    return NEWEST if text is None else parse_server_version(text)


@click.command()
@click.option(
    "-o", "--output", type=FormatChoice(["text", "json"]), default="text", show_default=True, help="The output format."
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

    Policies, also those of administrators, are validated in full; of namespaces, pods, workloads, Services,
    EndpointSlices and nodes the fields that matter for connections. The exit code is 1 if there is any error. Warnings
    do not count.

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
        print_text(_summary(cluster, errors))
    sys.exit(EXIT_NO if errors else EXIT_YES)


def _summary(cluster: Cluster, errors: Sequence[Problem]) -> str:
    """How many policies of each kind of which there are any are valid, and how many errors there are."""
    # A policy that a server has stored is part of the cluster even if it has errors.
    invalid = {problem.object for problem in errors}
    counts = []
    for kind in KINDS.policies():
        names = [object_name(policy) for policy in cluster.policies_of(kind.key)]
        is_there = names or any(name.startswith(f"{kind.key} ") for name in invalid)
        # NetworkPolicies are named even if there are none: "valid NetworkPolicies: 0" shows that a path was wrong.
        if is_there or kind.model is NetworkPolicy:
            plural = re.sub(r"y(?=\.|$)", "ies", kind.key if len(KINDS.called(kind.name)) > 1 else kind.name, count=1)
            counts.append(f"{plural}: {sum(name not in invalid for name in names)}")
    return f"valid {', '.join(counts)}, errors: {len(errors)}"
