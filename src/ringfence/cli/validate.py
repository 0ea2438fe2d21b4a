"""`validate`: what the API server would refuse."""

import sys

import click

from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.terminal import show
from ringfence.model.problems import Severity


@click.command()
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@input_options
def validate(inputs: Inputs, output: str) -> None:
    """What the API server would refuse, in its words, with file and line. All errors at once.

    \b
    ringfence validate -f manifests/ -R
    """
    cluster = inputs.cluster(report=False)
    errors = sum(problem.severity is Severity.ERROR for problem in cluster.problems)
    if output == "json":
        from ringfence.render.json import problems

        click.echo(problems(cluster.problems))
    else:
        for problem in cluster.problems:
            show(str(problem))
        click.echo(f"valid NetworkPolicies: {len(cluster.policies())}, errors: {errors}")
    sys.exit(EXIT_NO if errors else EXIT_YES)
