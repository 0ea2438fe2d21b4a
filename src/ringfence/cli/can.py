"""`can` and `explain`: one question, its answer, and the reasons."""

import re
import sys

import click

from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.terminal import report, show
from ringfence.cluster import Verdict
from ringfence.sets.traffic import PROTOCOLS


class Port(click.ParamType[tuple[int, str]]):
    """A port with or without its protocol: `3306`, `53/UDP`."""

    name = "PORT[/PROTOCOL]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        """Number and protocol. Fails with a message for anything else."""
        number, _, protocol = str(value).partition("/")
        protocol = (protocol or "TCP").upper()
        if not re.fullmatch("[0-9]{1,5}", number) or not 1 <= int(number) <= 65535 or protocol not in PROTOCOLS:
            self.fail(f"{value!r} is no port: write 3306, or 53/UDP (TCP, UDP or SCTP; 1 to 65535)", param, ctx)
        return int(number), protocol


def _ask(inputs: Inputs, source: str, destination: str, port: tuple[int, str] | None) -> Verdict:
    number, protocol = port or (None, "TCP")
    return inputs.cluster().can(source, destination, port=number, protocol=protocol)


def _leave(verdict: Verdict, no_assumptions: bool) -> None:
    if no_assumptions and verdict.assumptions:
        for assumption in verdict.assumptions:
            report(f"assumption: {assumption}")
        sys.exit(EXIT_UNDECIDED)
    sys.exit(EXIT_YES if verdict else EXIT_NO)


_port = click.option("-p", "--port", type=Port(), help="The destination's port; without it, all traffic.")
_output = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
_no_assumptions = click.option(
    "--no-assumptions", is_flag=True, help="Exit with 3 where the answer hangs on a fact that the input lacks."
)


@click.command()
@click.argument("source", shell_complete=complete_endpoint)
@click.argument("destination", shell_complete=complete_endpoint)
@_port
@_output
@_no_assumptions
@input_options
def can(
    inputs: Inputs, source: str, destination: str, port: tuple[int, str] | None, output: str, no_assumptions: bool
) -> None:
    """Whether SOURCE may open a connection to DESTINATION.

    \b
    ringfence can -f manifests/ prod/web prod/db -p 3306
    ringfence can -f manifests/ 'prod/*' kube-system/k8s-app=kube-dns -p 53/UDP
    ringfence can 203.0.113.7 prod/svc/web            # every port, in the current cluster
    """
    verdict = _ask(inputs, source, destination, port)
    if output == "json":
        from ringfence.render.json import answer

        click.echo(answer(verdict))
    else:
        from ringfence.render.explanations import headline

        show(headline(verdict))
    _leave(verdict, no_assumptions)


@click.command()
@click.argument("source", shell_complete=complete_endpoint)
@click.argument("destination", shell_complete=complete_endpoint)
@_port
@_output
@_no_assumptions
@input_options
def explain(
    inputs: Inputs, source: str, destination: str, port: tuple[int, str] | None, output: str, no_assumptions: bool
) -> None:
    """Why SOURCE may, or may not, open a connection to DESTINATION.

    Names each policy and rule that allowed or did not, why, with file and line, and the smallest edit that would turn
    the answer.

    \b
    ringfence explain -f manifests/ prod/web prod/db -p 3306
    """
    verdict = _ask(inputs, source, destination, port)
    if output == "json":
        from ringfence.render.json import answer

        click.echo(answer(verdict, verdict.edits))
    else:
        show(verdict.explain())
    _leave(verdict, no_assumptions)
