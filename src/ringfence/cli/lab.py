"""`lab`: network namespaces in which the kernel enforces the policies, and probes that show what it allows."""

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Final, NoReturn

import click
from click.core import ParameterSource

from ringfence.analysis.probes import LaboratoryStatus, ProbeReport
from ringfence.cli import EXIT_NO, EXIT_UNDECIDED, EXIT_UNUSABLE, EXIT_YES, worst_exit_code
from ringfence.cli.completion import complete_laboratory_pod
from ringfence.cli.groups import Group
from ringfence.cli.inputs import Inputs, input_options, leave
from ringfence.cli.lab_objects import name_of_object, object_name, object_text, read_manifests
from ringfence.cli.lab_output import print_refused, print_report, print_status, progress_bar
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.ports import single_port_option
from ringfence.cli.terminal import print_message
from ringfence.errors import InputError
from ringfence.lab.network import LabPort, NodeNetwork, PlacementOptions, PodNetwork, ReversePathFilter
from ringfence.lab.run import run_laboratory
from ringfence.lab.session import (
    DEFAULT_NAME,
    ApplyRequest,
    DeleteRequest,
    DoneReply,
    ProbeReply,
    ProbeRequest,
    StatusReply,
    StatusRequest,
    execute_in_pod,
    pack,
    send_request,
    start_laboratory,
    stop_laboratory,
)
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.model.problems import Problem
from ringfence.render.problems import problem_text
from ringfence.sets.addresses import FAMILIES, Family

_FAMILIES: Final = {"4": (Family.IPV4,), "6": (Family.IPV6,), "both": FAMILIES}

_nodes = click.option("--nodes", type=click.IntRange(1), default=1, metavar="N", help="At least N nodes.  [default: 1]")
_families = click.option(
    "--families", type=click.Choice(list(_FAMILIES)), help="Address families of pods without addresses."
)
_pod_network = click.option(
    "--pod-network",
    type=click.Choice([one.value for one in PodNetwork]),
    default=PodNetwork.ROUTED.value,
    show_default=True,
    help="How pods and nodes are connected. The values are named after plugins that do it so.",
)
_br_netfilter = click.option(
    "--br-netfilter",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Whether the kernel filters packets between pods on one bridge.",
)
_rp_filter = click.option(
    "--rp-filter",
    type=click.Choice([one.value for one in ReversePathFilter]),
    default=ReversePathFilter.OFF.value,
    show_default=True,
    help="The reverse path filter of the nodes, for IPv4.",
)
_ports = single_port_option("Probe this port everywhere. Repeatable.")
_ignore_errors = click.option(
    "--ignore-errors", is_flag=True, help="Do not exit with 2 because of errors in what was read."
)
_output = click.option(
    "-o", "--output", type=FormatChoice(["table", "json", "junit"]), default="table", show_default=True
)

_no_assumptions = click.option(
    "--no-assumptions",
    is_flag=True,
    help="Exit with 3 if the result depends on information that the input does not contain.",
)


def _placement(command: Callable[..., None]) -> Callable[..., None]:
    """The options of the laboratory's network, which the command receives as `options`."""

    @_nodes
    @_families
    @_pod_network
    @_br_netfilter
    @_rp_filter
    @wraps(command)
    def with_options(
        *args: Any,
        nodes: int,
        families: str | None,
        pod_network: str,
        br_netfilter: str,
        rp_filter: str,
        **others: Any,
    ) -> None:
        network = NodeNetwork(PodNetwork(pod_network), br_netfilter == "on", ReversePathFilter(rp_filter))
        options = PlacementOptions(nodes, _FAMILIES[families] if families else None, network)
        command(*args, options=options, **others)

    return with_options


def _choose_laboratory(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    """Select the laboratory of this name. Raises UsageError if one is named before the command as well."""
    if name is None:
        return
    outer = context.parent
    # Also from the environment the group may have a name. That one may be overridden, as with every option.
    if outer and outer.get_parameter_source("name") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--name is given 2 times, but takes one value", context)
    context.obj = name


_name = click.option(
    "--name",
    metavar="NAME",
    callback=_choose_laboratory,
    expose_value=False,
    help="The name of the laboratory; also before the command.",
)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--name", default=DEFAULT_NAME, envvar="RINGFENCE_LAB", metavar="NAME", help="The name of the laboratory."
)
@click.pass_context
def lab(context: click.Context, name: str) -> None:
    """Build the pods' networks on this machine, enforce the policies in its kernel, and probe every connection.

    The laboratory needs no root, no cluster and no container runtime, and changes nothing on the machine.

    \b
    Examples:
      ringfence lab run -f examples/three-tier
      ringfence lab up -f examples/three-tier
      ringfence lab exec prod/api -- curl http://db:3306
    """
    context.obj = name


@lab.command("run")
@_placement
@_ports
@_output
@_no_assumptions
@input_options
def run_command(
    inputs: Inputs,
    options: PlacementOptions,
    ports: tuple[tuple[str, int], ...],
    output: str,
    no_assumptions: bool,
) -> None:
    """Build a laboratory, enforce the policies, probe every connection, report, and remove everything.

    Exits with 0 only if the kernel enforces all policies and every probe has the result that the engine predicts.
    Exits with 2 if there is nothing to probe, or if an error in the input may concern a policy. Without -p, it probes
    the ports that containers declare, the target ports of Services, and one port that nothing declares.

    \b
    Examples:
      ringfence lab run -f manifests/
      ringfence lab run -f manifests/ --nodes 3 --families both -p 80 -p 53/UDP
      ringfence lab run -f manifests/ --nodes 2 --pod-network flannel --rp-filter strict
      ringfence lab run -f manifests/ -o junit > report.xml
    """
    cluster = inputs.cluster()
    with progress_bar() as progress:
        report = run_laboratory(cluster, options, _lab_ports(ports), progress)
    inputs.leave(cluster.problems, _finish(report, output, cluster.problems, no_assumptions=no_assumptions))


@lab.command()
@_name
@_placement
@click.option(
    "--no-servers", is_flag=True, help="Start no servers but DNS: all other ports are free for your programs."
)
@input_options
@click.pass_obj
def up(name: str, inputs: Inputs, options: PlacementOptions, no_servers: bool) -> None:
    """Start a laboratory in the background.

    \b
    Examples:
      ringfence lab up -f manifests/ --nodes 2
    """
    cluster = inputs.cluster()
    start_laboratory(name, cluster, options, serve=not no_servers)
    inputs.leave(cluster.problems, _exit_code_of(_print_status(name, "table")))


@lab.command()
@_name
@click.pass_obj
def down(name: str) -> None:
    """Stop the laboratory and every program that runs in it.

    \b
    Examples:
      ringfence lab down
    """
    stop_laboratory(name)


@lab.command()
@_name
@click.option("-o", "--output", type=FormatChoice(["table", "json"]), default="table", show_default=True)
@_ignore_errors
@click.pass_obj
def status(name: str, output: str, ignore_errors: bool) -> None:
    """Show the pods, nodes, Services, hosts and policies of the laboratory, with their addresses.

    Exits with 2 if the kernel does not enforce all policies, or if an error in what was read may concern a policy.

    \b
    Examples:
      ringfence lab status
    """
    found = _print_status(name, output)
    _print_problems(found.problems)
    leave(found.problems, _exit_code_of(found), ignore_errors=ignore_errors)


@lab.command()
@_name
@click.argument("source", default="")
@click.argument("destination", default="")
@_ports
@_output
@_ignore_errors
@_no_assumptions
@click.pass_obj
def probe(  # noqa: PLR0913  (the options of the command)
    name: str,
    source: str,
    destination: str,
    ports: tuple[tuple[str, int], ...],
    output: str,
    ignore_errors: bool,
    no_assumptions: bool,
) -> None:
    """Probe the connections from SOURCE to DESTINATION, or all of them.

    Exits with 0 only if the kernel enforces all policies and every probe has the result that the engine predicts.
    Exits with 2 if there is nothing to probe, or if an error in the input of the laboratory may concern a policy.

    \b
    Examples:
      ringfence lab probe
      ringfence lab probe prod/web prod/db -p 3306
      ringfence lab probe prod/deploy/web 203.0.113.7
    """
    if source and not destination:
        raise InputError(f"the probe from {source} needs a destination: ringfence lab probe SOURCE DESTINATION")
    request = ProbeRequest(source, destination, _lab_ports(ports))
    with progress_bar() as progress:
        reply = send_request(name, request, lambda step: progress(step.doing, step.done, step.total))
    assert isinstance(reply, ProbeReply)
    _print_problems(reply.problems)
    code = _finish(reply.report, output, reply.problems, no_assumptions=no_assumptions)
    leave(reply.problems, code, ignore_errors=ignore_errors)


@lab.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_name
@click.option("-n", "--namespace", default=DEFAULT_NAMESPACE, metavar="NAME", help="The namespace of POD without one.")
@click.argument("pod", shell_complete=complete_laboratory_pod)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def execute(name: str, namespace: str, pod: str, command: tuple[str, ...]) -> None:
    """Run COMMAND, a program of this machine, in the network of POD, with the DNS names of the cluster.

    \b
    Examples:
      ringfence lab exec prod/web -- curl -s http://api:8080
      ringfence lab exec -n prod db -- bash
    """
    # click leaves the dashes in, because options of the program must not be read here.
    words = list(command[command[0] == "--" :])
    if not words:
        raise InputError("no command: write it after the pod: ringfence lab exec POD -- COMMAND")
    sys.exit(execute_in_pod(name, pod if "/" in pod else f"{namespace}/{pod}", words))


@lab.command()
@_name
@input_options
@click.pass_obj
def apply(name: str, inputs: Inputs) -> None:
    """Add objects to the running laboratory, or replace them: policies, namespaces, pods, Services.

    Open connections that are no longer allowed end.

    \b
    Examples:
      ringfence lab apply -f deny-all.yaml
    """
    manifests, problems = read_manifests(inputs)
    reply = send_request(name, ApplyRequest(pack(manifests), tuple(problems)))
    for manifest in manifests:
        print_message(f"{object_text(name_of_object(manifest.object))}: applied")
    assert isinstance(reply, DoneReply)
    _leave_after_change(inputs, problems, reply)


@lab.command()
@_name
@click.argument("kind", default="")
@click.argument("names", nargs=-1)
@input_options
@click.pass_obj
def delete(name: str, inputs: Inputs, kind: str, names: tuple[str, ...]) -> None:
    """Remove objects from the running laboratory, by KIND and NAME or as files name them.

    \b
    Examples:
      ringfence lab delete netpol db-policy -n prod
      ringfence lab delete -f deny-all.yaml
    """
    problems: list[Problem] = []
    names_files = bool(inputs.filenames or inputs.kustomize)
    if kind and names_files:
        raise InputError("objects are named by KIND and NAME or by files: leave out one of them")
    if kind and names:
        objects = [object_name(kind, inputs.namespace, one) for one in names]
    elif names_files:
        manifests, problems = read_manifests(inputs)
        objects = [name_of_object(manifest.object) for manifest in manifests]
    else:
        raise InputError("nothing to delete: give a kind and a name, as in netpol db-policy, or use -f FILE")
    reply = send_request(name, DeleteRequest(tuple(objects)))
    for one in objects:
        print_message(f"{object_text(one)}: deleted")
    assert isinstance(reply, DoneReply)
    _leave_after_change(inputs, problems, reply)


def _lab_ports(ports: Iterable[tuple[str, int]]) -> tuple[LabPort, ...]:
    return tuple(LabPort(number, protocol) for protocol, number in ports)


def _finish(report: ProbeReport, output: str, problems: Iterable[Problem] = (), *, no_assumptions: bool = False) -> int:
    """Print a report; the exit code for what it says."""
    print_report(report, output, problems)
    # A report without probes would otherwise count as a proof: no probe contradicts the engine.
    if not report.results:
        print_message("error: there is nothing to probe: no two pods, or no ports; -p PORT probes a port everywhere")
        return EXIT_UNUSABLE
    codes = [EXIT_YES if report.is_proof else EXIT_NO]
    if no_assumptions and report.assumptions:
        codes.append(EXIT_UNDECIDED)
    return worst_exit_code(codes)


def _leave_after_change(inputs: Inputs, problems: Iterable[Problem], reply: DoneReply) -> NoReturn:
    """Exit after `apply` or `delete`: with 2 if the kernel refused a program, or if an object has an error."""
    inputs.leave(problems, EXIT_UNUSABLE if print_refused(reply.refused) else EXIT_YES)


def _print_status(name: str, output: str) -> LaboratoryStatus:
    reply = send_request(name, StatusRequest())
    assert isinstance(reply, StatusReply)
    print_status(reply.status, output)
    return reply.status


def _exit_code_of(status: LaboratoryStatus) -> int:
    return EXIT_UNUSABLE if print_refused(status.refused) else EXIT_YES


def _print_problems(problems: Iterable[Problem]) -> None:
    """Print on standard error the problems in the input of the laboratory."""
    for problem in problems:
        print_message(problem_text(problem))
