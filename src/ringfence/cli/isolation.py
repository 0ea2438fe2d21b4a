"""`isolation`: the policies that isolate each workload, the workloads that none isolates, and administrators' rules."""

import click

from ringfence.cli import EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.plugin_remarks import plugin_remark_on
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.cli.what_if import enforced_options
from ringfence.render.isolation_views import ISOLATION_FORMATS, idle_text, isolation_json, totals_text


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@click.option("--open", "only_open", is_flag=True, help="List only those that are not isolated in some direction.")
@click.option(
    "-o",
    "--output",
    type=FormatChoice([*ISOLATION_FORMATS, "json"]),
    default="table",
    show_default=True,
    help="The output format.",
)
@click.option(
    "--no-assumptions",
    is_flag=True,
    help="Exit with 3 if the list depends on information that the input does not contain.",
)
@enforced_options
def isolation(inputs: Inputs, endpoint: str | None, only_open: bool, output: str, no_assumptions: bool) -> None:
    """List which policies isolate each workload for ingress and egress, or the pods of ENDPOINT.

    A pod that no NetworkPolicy selects for a direction is not isolated: everything is allowed, unless an administrator
    denies it. If policies of the Admin or Baseline tier select a workload, further columns list what their rules do;
    with -o wide, by policy. With -n, only the workloads of a namespace are listed. Totals and the policies that select
    no pod follow the table; with CSV and Markdown they are messages. The exit code is 0, whatever is listed.

    \b
    Examples:
      ringfence isolation -f manifests/
      ringfence isolation -f manifests/ --open
      ringfence isolation -f manifests/ -o wide
      ringfence isolation prod/web
    """
    cluster = inputs.cluster()
    found = cluster.isolation(endpoint, namespace=inputs.namespace)
    rows = [row for row in found.rows if row.is_open or not only_open]
    remark = plugin_remark_on(cluster, lambda: cluster.isolation(endpoint, namespace=inputs.namespace).rows)
    assumptions = (*found.assumptions, *remark.assumptions)
    if output == "json":
        print_document(isolation_json(found, rows, cluster.problems, remark.document, remark.assumptions))
    else:
        print_text(ISOLATION_FORMATS[output](rows))
        summary = [*([] if endpoint else [totals_text(found.rows)]), *map(idle_text, found.idle)]
        # CSV and Markdown are read by programs, for which a line of totals would be a broken row.
        if output in ("table", "wide"):
            print_text("\n".join(["", *summary] if rows else summary) if summary else "")
        else:
            for line in summary:
                print_message(line)
    if output != "json":
        remark.print()
    if output != "json" or no_assumptions:
        for assumption in assumptions:
            print_message(f"assumption: {assumption}")
    inputs.leave(cluster.problems, EXIT_UNDECIDED if no_assumptions and assumptions else EXIT_YES)
