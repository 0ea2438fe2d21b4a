"""`lab`: real pods' networks, real enforcement in the kernel, real probes, and whether they agree with the engine."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Final, NoReturn

import click

from ringfence.analysis.endpoints import KINDS
from ringfence.analysis.probe_report import ProbeReport
from ringfence.cli import EXIT_NO, EXIT_UNUSABLE, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.ports import PORT_FORMAT, parse_port
from ringfence.cli.terminal import print_document, print_message, print_painted, print_text, wants_colour
from ringfence.errors import InputError
from ringfence.lab.network import LabPort, PlacementOptions
from ringfence.lab.run import RunProgress, run_laboratory
from ringfence.lab.session import client as session
from ringfence.lab.session import protocol as wire
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.objects import DEFAULT_NAMESPACE, Manifest, Object
from ringfence.model.problems import Problem, Severity
from ringfence.render import laboratory_status, probe_report
from ringfence.sets.addresses import FAMILIES, Family

_WIDE: Final = 240
"""Columns of a table that goes to a file or a pipe."""

_REDRAW: Final = 0.1
"""Seconds between two pictures of progress."""

_KINDS: Final = {
    **KINDS,
    **dict.fromkeys(("netpol", "networkpolicy", "networkpolicies"), "NetworkPolicy"),
    **dict.fromkeys(("ns", "namespace", "namespaces"), "Namespace"),
    **dict.fromkeys(("no", "node", "nodes"), "Node"),
    **dict.fromkeys(("endpointslice", "endpointslices"), "EndpointSlice"),
}

ObjectName = tuple[str, str, str]
"""Namespace, if its kind has any, kind and name."""

_FAMILIES: Final = {"4": (Family.IPV4,), "6": (Family.IPV6,), "both": FAMILIES}

_nodes = click.option("--nodes", type=click.IntRange(1), default=1, metavar="N", help="At least N nodes.  [default: 1]")
_families = click.option(
    "--families", type=click.Choice(list(_FAMILIES)), help="Address families of pods without addresses."
)
_ports = click.option(
    "-p",
    "--port",
    "ports",
    type=parse_port,
    metavar=PORT_FORMAT,
    multiple=True,
    help="Probe this port everywhere. Repeatable.",
)
_output = click.option(
    "-o", "--output", type=click.Choice(["table", "json", "junit"]), default="table", show_default=True
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--name", default=session.DEFAULT_NAME, envvar="RINGFENCE_LAB", metavar="NAME", help="Which laboratory.")
@click.pass_context
def lab(context: click.Context, name: str) -> None:
    """Build the pods' networks on this machine, enforce the policies in its kernel, and probe.

    Needs neither root nor a cluster nor a container runtime, and changes nothing on the machine.

    \b
    ringfence lab run -f examples/three-tier
    ringfence lab up -f examples/three-tier
    ringfence lab exec prod/api -- curl http://db:3306
    """
    context.obj = name


@lab.command("run")
@_nodes
@_families
@_ports
@_output
@input_options
def run_command(
    inputs: Inputs, nodes: int, families: str | None, ports: tuple[tuple[int, str], ...], output: str
) -> None:
    """Build, enforce, probe every connection, report, and remove everything.

    Exits with 0 only if every probe did what the engine says. By default the ports that containers declare are probed,
    those that Services lead to, and one more.

    \b
    ringfence lab run -f manifests/
    ringfence lab run -f manifests/ --nodes 3 --families both -p 80 -p 53/UDP
    ringfence lab run -f manifests/ -o junit > report.xml
    """
    cluster = inputs.cluster()
    with _progress() as progress:
        report = run_laboratory(cluster, _wishes(nodes, families), _given(ports), progress)
    _show(report, output)


@lab.command()
@_nodes
@_families
@click.option("--no-servers", is_flag=True, help="Nothing answers but DNS: ports are free for your own programs.")
@input_options
@click.pass_obj
def up(name: str, inputs: Inputs, nodes: int, families: str | None, no_servers: bool) -> None:
    """Start a laboratory in the background.

    \b
    ringfence lab up -f manifests/ --nodes 2
    """
    session.start_laboratory(name, inputs.cluster(), _wishes(nodes, families), serve=not no_servers)
    _print_status(name, "table")


@lab.command()
@click.pass_obj
def down(name: str) -> None:
    """End the laboratory and everything that runs in it.

    \b
    ringfence lab down
    """
    session.stop_laboratory(name)


@lab.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_obj
def status(name: str, output: str) -> None:
    """Show the pods, nodes, Services, hosts and policies of the laboratory, with their addresses.

    \b
    ringfence lab status
    """
    _print_status(name, output)


@lab.command()
@click.argument("source", default="")
@click.argument("destination", default="")
@_ports
@_output
@click.pass_obj
def probe(name: str, source: str, destination: str, ports: tuple[tuple[int, str], ...], output: str) -> None:
    """Probe the connections from SOURCE to DESTINATION, or all of them.

    Exits with 0 only if every probe did what the engine says.

    \b
    ringfence lab probe
    ringfence lab probe prod/web prod/db -p 3306
    ringfence lab probe prod/deploy/web 203.0.113.7
    """
    if source and not destination:
        raise InputError(f"where should {source} connect to? Give a destination, too")
    request = wire.ProbeRequest(source, destination, _given(ports))
    with _progress() as progress:
        reply = session.send_request(name, request, lambda step: progress(step.doing, step.done, step.total))
    assert isinstance(reply, wire.ProbeReply)
    _show(reply.report, output)


@lab.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("pod")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def execute(name: str, pod: str, command: tuple[str, ...]) -> None:
    """Run a COMMAND of this machine in the network of POD, with the names of the cluster.

    \b
    ringfence lab exec prod/web -- curl -s http://api:8080
    ringfence lab exec prod/db -- bash
    """
    words = list(command[command[0] == "--" :])
    if not words:
        raise InputError("which command? Write it after the pod: ringfence lab exec POD -- COMMAND")
    sys.exit(session.execute_in_pod(name, pod, words))


@lab.command()
@input_options
@click.pass_obj
def apply(name: str, inputs: Inputs) -> None:
    """Take objects into the running laboratory: policies, namespaces, pods, Services.

    Connections that are open and no longer allowed end.

    \b
    ringfence lab apply -f deny-all.yaml
    """
    manifests, problems = _manifests(inputs)
    session.send_request(name, wire.ApplyRequest(wire.pack(manifests)))
    _tell("applied", (_reference_to(manifest.object) for manifest in manifests))
    if any(problem.severity is Severity.ERROR for problem in problems):
        sys.exit(EXIT_UNUSABLE)


@lab.command()
@click.argument("kind", default="")
@click.argument("names", nargs=-1)
@input_options
@click.pass_obj
def delete(name: str, inputs: Inputs, kind: str, names: tuple[str, ...]) -> None:
    """Take objects out of the running laboratory, by KIND and NAME or as files name them.

    \b
    ringfence lab delete netpol db-policy -n prod
    ringfence lab delete -f deny-all.yaml
    """
    if kind and names:
        references = [_reference(kind, inputs.namespace, one) for one in names]
    elif inputs.filenames or inputs.kustomize:
        references = [_reference_to(manifest.object) for manifest in _manifests(inputs)[0]]
    else:
        raise InputError("what should be deleted? Give a kind and a name, or -f FILE")
    session.send_request(name, wire.DeleteRequest(tuple(references)))
    _tell("deleted", references)


def _tell(what: str, references: Iterable[ObjectName]) -> None:
    for namespace, kind, name in references:
        print_message(f"{kind} {namespace}/{name}: {what}" if namespace else f"{kind} {name}: {what}")


def _reference_to(obj: Object) -> ObjectName:
    return namespace_of(obj), kind_of(obj), obj.metadata.name


def _reference(kind: str, namespace: str | None, name: str) -> ObjectName:
    """Namespace, kind and name of an object, its kind written in one of the ways that kubectl understands."""
    known = _KINDS.get(kind.lower())
    if known is None:
        raise InputError(f"{kind!r} is no kind that the laboratory knows: write netpol, pod, svc, deploy, ns, ...")
    return "" if known in ("Namespace", "Node") else namespace or DEFAULT_NAMESPACE, known, name


def _manifests(inputs: Inputs) -> tuple[list[Manifest], list[Problem]]:
    """The objects of files, and what is wrong with the others, which goes to stderr."""
    from ringfence.sources.manifests import build, read

    readings = [read(list(inputs.filenames), recursive=inputs.recursive)] if inputs.filenames else []
    readings += [build(inputs.kustomize)] if inputs.kustomize else []
    if not readings:
        raise InputError("which objects? Give -f FILE or -k FOLDER")
    problems = [problem for reading in readings for problem in reading.problems]
    for problem in problems:
        print_message(str(problem))
    return [manifest for reading in readings for manifest in reading.manifests], problems


def _wishes(nodes: int, families: str | None) -> PlacementOptions:
    return PlacementOptions(nodes, _FAMILIES[families] if families else None)


def _given(ports: Iterable[tuple[int, str]]) -> tuple[LabPort, ...]:
    return tuple(LabPort(number, protocol) for number, protocol in ports)


def _show(report: ProbeReport, output: str) -> NoReturn:
    """Print a report and leave with what it says."""
    if output == "json":
        print_document(probe_report.json(report))
    elif output == "junit":
        print_document(probe_report.junit(report))
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else _WIDE
        print_painted(probe_report.text(report, width=width, colour=wants_colour()))
    sys.exit(EXIT_NO if report.disagreements else EXIT_YES)


def _print_status(name: str, output: str) -> None:
    reply = session.send_request(name, wire.StatusRequest())
    assert isinstance(reply, wire.StatusReply)
    if output == "json":
        print_document(laboratory_status.json(reply.status))
    else:
        print_text(laboratory_status.text(reply.status))


@contextmanager
def _progress() -> Iterator[RunProgress]:
    """A picture of progress on a terminal, which goes away when all is done; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda doing, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Picture

    # Without a thread that redraws: a process with threads cannot enter a sandbox.
    with Picture(console=Console(stderr=True), transient=True, auto_refresh=False) as picture:
        task = picture.add_task("")
        drawn = 0.0

        def show(doing: str, done: int, total: int) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > _REDRAW or done >= total:
                drawn = time.monotonic()
                picture.update(task, description=doing, completed=done, total=total, refresh=True)

        yield show
