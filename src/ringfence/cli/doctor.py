"""`doctor`: whether the policies of a cluster are enforced, by what, and what that plugin does differently."""

import sys

import click

from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_context
from ringfence.cli.terminal import print_document, print_text
from ringfence.render.doctor_report import DoctorReport, doctor_json, doctor_text


@click.command()
@click.option(
    "--context",
    metavar="NAME",
    shell_complete=complete_context,
    help="The kubeconfig context of the cluster; by default the current one.",
)
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig file.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The output format."
)
def doctor(context: str | None, kubeconfig: str | None, output: str) -> None:
    """Find out whether the policies of a live cluster are enforced, by what, and on which nodes.

    A policy is stored whether or not anything enforces it, and nothing in it says so. The answer for each node is
    enforced, not enforced or inconclusive: enforced needs a known plugin that is configured to enforce policies and is
    ready on the node. Only reads; each right that is missing is named with what could not be seen without it.

    Exits with 0 if policies are enforced on all nodes and nothing that the plugin does differently changes an answer
    about them, with 1 if they are not enforced somewhere or an answer changes, and with 3 if it is inconclusive.

    \b
    Examples:
      ringfence doctor
      ringfence doctor --context prod -o json
    """
    from ringfence import doctor as room
    from ringfence.sources.cluster import ApiServer

    observed = room.observe(ApiServer(context, kubeconfig))
    found = room.report(observed, room.diagnose(observed))
    if output == "json":
        print_document(doctor_json(found))
    else:
        print_text(doctor_text(found))
    sys.exit(_exit_code(found))


def _exit_code(found: DoctorReport) -> int:
    from ringfence.doctor import IsEnforced

    if found.answer == IsEnforced.NO or found.deviates:
        return EXIT_NO
    return EXIT_YES if found.answer == IsEnforced.YES else EXIT_UNDECIDED
