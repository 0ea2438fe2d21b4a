"""`sources` and `destinations`: who can reach an endpoint, what it can reach, and which rules let it."""

from collections.abc import Callable, Hashable, Iterator
from typing import Final

import click
import msgspec

from ringfence.analysis.endpoints import AskedPorts
from ringfence.analysis.lists import ExposureList, Reach
from ringfence.cli import EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs
from ringfence.cli.options import as_one
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.plugin_remarks import plugin_remark_on
from ringfence.cli.ports import ASKED_PORTS, port_option
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.cli.what_if import enforced_options
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.render.reach_views import REACH_FORMATS, reach_json
from ringfence.sets.traffic import ALL_TRAFFIC


class ReachOptions(msgspec.Struct, frozen=True):
    """The options that `sources` and `destinations` share."""

    ports: AskedPorts
    possible: bool
    output: str
    no_assumptions: bool


_OPTIONS: Final = (
    port_option(ASKED_PORTS),
    click.option("--possible", is_flag=True, help="List also pods that do not exist yet, by their labels."),
    click.option(
        "-o",
        "--output",
        type=FormatChoice([*REACH_FORMATS, "json"]),
        default="table",
        show_default=True,
        help="The output format.",
    ),
    click.option(
        "--no-assumptions",
        is_flag=True,
        help="Exit with 3 if the list depends on information that the input does not contain.",
    ),
)

_reach_options = as_one(ReachOptions, "options", _OPTIONS)


@click.command()
@click.argument("destination", shell_complete=complete_endpoint)
@_reach_options
@enforced_options
def sources(destination: str, options: ReachOptions, inputs: Inputs) -> None:
    """List who can reach DESTINATION: workloads, and addresses outside the cluster.

    Each line has the traffic that passes, and for both sides the rules that let it, or that no policy isolates the
    side. If DESTINATION is several pods, what passes to all of them is listed first, and then ("partly") what passes to
    some. The exit code is 0, also if nothing can reach it.

    \b
    Examples:
      ringfence sources -f manifests/ prod/db
      ringfence sources -f manifests/ prod/svc/db -p 3306 -o json
      ringfence sources internet -p 443                        # which pods reach the internet
      ringfence sources -f manifests/ prod/db --possible       # also pods that do not exist yet
    """
    _list(inputs, options, destination, Cluster.sources)


@click.command()
@click.argument("source", shell_complete=complete_endpoint)
@_reach_options
@enforced_options
def destinations(source: str, options: ReachOptions, inputs: Inputs) -> None:
    """List what SOURCE can reach: workloads, and addresses outside the cluster.

    Each line has the traffic that passes, and for both sides the rules that let it, or that no policy isolates the
    side. If SOURCE is several pods, what passes from all of them is listed first, and then ("partly") what passes from
    some. The exit code is 0, also if it can reach nothing.

    \b
    Examples:
      ringfence destinations -f manifests/ prod/web
      ringfence destinations -f manifests/ pod:prod/app=web -p 443
    """
    _list(inputs, options, source, Cluster.destinations)


def _list(
    inputs: Inputs, options: ReachOptions, endpoint: str, ask: Callable[[Cluster, str, AskedPorts], Reach]
) -> None:
    cluster = inputs.cluster()
    if options.possible and cluster.state.enforced_by:
        raise InputError(
            "--possible and --plugin contradict each other, because it is not known how a plugin treats pods that do "
            "not exist yet: use one of them"
        )
    found = ask(cluster, endpoint, options.ports)
    possible = _possible(cluster, options, endpoint, found) if options.possible else None
    remark = plugin_remark_on(cluster, lambda: _rows(ask(cluster, endpoint, options.ports)))
    own = (*_assumed_service_ports(cluster, found), *remark.assumptions)
    assumptions = dict.fromkeys([*found.assumptions, *(possible.assumptions if possible else ()), *own])
    if options.output == "json":
        print_document(reach_json(found, cluster.problems, possible, remark.document, own))
    else:
        # An empty table has no line at all, and would look like a failure.
        if not found.rows and not (possible and any(one.pods for one in possible.rows)):
            print_message("Nothing is allowed.")
        print_text(REACH_FORMATS[options.output](found, possible))
        remark.print()
    if options.output != "json" or options.no_assumptions:
        for assumption in assumptions:
            print_message(f"assumption: {assumption}")
    undecided = options.no_assumptions and assumptions
    inputs.leave(cluster.problems, EXIT_UNDECIDED if undecided else EXIT_YES)


def _rows(found: Reach) -> Hashable:
    return frozenset((row.end, row.traffic) for row in found.rows)


def _assumed_service_ports(cluster: Cluster, found: Reach) -> Iterator[str]:
    """The assumption of a list about a Service with a plugin that judges before DNAT. `can` and `explain` need none."""
    plugin = cluster.state.enforced_by
    if plugin and cluster.state.traits.service_ports and found.question.endpoint.service:
        yield (
            f"{plugin.name} compares egress rules with the port of a Service; "
            "this list compares them with its target port"
        )


def _possible(cluster: Cluster, options: ReachOptions, endpoint: str, found: Reach) -> ExposureList:
    """The pods that do not exist yet, with the traffic that is asked about; with all traffic if a port has a name."""
    question, ports = found.question, options.ports
    # Names of ports that do not exist yet are not known, and a Service translates its ports.
    is_by_number = not ports.is_everything and not ports.names and question.endpoint.service is None
    asked = ports.numbers if is_by_number else ALL_TRAFFIC
    exposed = cluster.exposure(endpoint, examples=options.output == "json")
    return exposed.to_pods(question.direction, asked)
