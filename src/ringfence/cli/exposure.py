"""`exposure`: which pods that do not exist yet, and which addresses, could reach each workload or be reached by it."""

import click

from ringfence.cli import EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs, print_no_pods
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.cli.what_if import asking_options
from ringfence.render.exposure_views import EXPOSURE_FORMATS, exposure_json


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@click.option(
    "-o",
    "--output",
    type=FormatChoice([*EXPOSURE_FORMATS, "json"]),
    default="table",
    show_default=True,
    help="The output format.",
)
@click.option(
    "--no-assumptions",
    is_flag=True,
    help="Exit with 3 if the list depends on information that the input does not contain.",
)
@asking_options
def exposure(inputs: Inputs, endpoint: str | None, output: str, no_assumptions: bool) -> None:
    """List the pods that do not exist yet, and the addresses, that could reach each workload or be reached by it.

    Each line names possible pods by their labels and those of their namespace, which need not exist yet, and the
    traffic that passes between each of them and the workload. Lines do not overlap. For the pods that exist, use
    `ringfence connections`. With ENDPOINT, only its pods are listed, with -n only the workloads of a namespace. The
    exit code is 0, whatever is listed, and 3 if the selectors overlap in too many ways to decide.

    \b
    Examples:
      ringfence exposure -f manifests/
      ringfence exposure -f manifests/ prod/db
      ringfence exposure -f manifests/ any-pod:prod/tier=web   # of all pods that could have this label
      ringfence exposure prod/web -o json                      # with selectors, and an example of each
    """
    cluster = inputs.cluster()
    found = cluster.exposure(endpoint, namespace=inputs.namespace, examples=output == "json")
    if output == "json":
        print_document(exposure_json(found, cluster.problems))
    else:
        print_text(EXPOSURE_FORMATS[output](found))
    # An endpoint that names no pod is an error, so only a list of all workloads can lack pods.
    if not found.rows:
        print_no_pods(cluster, inputs.namespace, "exposure pod:prod/app=web")
    # JSON has the assumptions itself; with --no-assumptions they are the reason of the exit code, so they are printed.
    if output != "json" or no_assumptions:
        for assumption in found.assumptions:
            print_message(f"assumption: {assumption}")
    inputs.leave(cluster.problems, EXIT_UNDECIDED if no_assumptions and found.assumptions else EXIT_YES)
