"""`agent`: enforce the policies of a live cluster on this node."""

import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from ringfence.agent.log import logging_in_background
from ringfence.agent.settings import (
    DEFAULT_LOG_GROUP,
    ExistingConnections,
    Mode,
    Settings,
    SpoofedSources,
    UnknownPods,
)
from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.completion import complete_pod_of_node
from ringfence.cli.groups import DefaultingGroup
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.errors import AgentError, InputError
from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.sets.addresses import Addresses, address_text, parse_address

STDERR: Final = 2

DEFAULT_LISTEN: Final = "127.0.0.1:9810"


def parse_listen_address(text: str) -> tuple[str, int] | None:
    """The address and the port of ADDRESS:PORT; None for an empty text. Raises click.BadParameter for anything else."""
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{text!r} is not ADDRESS:PORT, such as 127.0.0.1:9810 or [::1]:9810")
    # Without a host, `:9810` means all addresses of the node, as in most programs.
    return host.strip("[]") or "0.0.0.0", int(port)


@click.group(cls=DefaultingGroup, context_settings={"help_option_names": ["-h", "--help"]})
def agent() -> None:
    """Enforce the policies of a live cluster on this node, through nftables.

    The agent keeps the kernel rules in sync with the policies. It runs once on each node, usually as a DaemonSet
    (`deploy/`), with the capability NET_ADMIN in the network namespace of the node. The rules stay in force when the
    agent stops or crashes, and the next agent adopts them; `--cleanup` removes them. Each option can be set in the
    environment: RINGFENCE_AGENT_MODE=observe.

    \b
    Examples:
      ringfence agent --node worker-1 --kubeconfig admin.conf
      ringfence agent --mode observe --log-denied
      ringfence agent --cleanup
    """


@agent.command(
    "run",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "RINGFENCE_AGENT",
        "show_default": True,
    },
)
@click.option("--node", envvar="NODE_NAME", metavar="NAME", help="The name of this node.  [default: the host name]")
@click.option("--context", metavar="NAME", help="The kubeconfig context. In a pod, the default is its service account.")
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig file.")
@click.option(
    "--mode",
    type=click.Choice([one.value for one in Mode]),
    default="enforce",
    help="observe: drop nothing; count and log what enforce would drop.",
)
@click.option(
    "--unknown-pods",
    type=click.Choice([one.value for one in UnknownPods]),
    default="hold",
    help="hold: drop packets from and to an address of the node's pod ranges until its pod is known.",
)
@click.option(
    "--existing-connections",
    type=click.Choice([one.value for one in ExistingConnections]),
    default="end",
    help="end: end open connections that a changed policy no longer allows.",
)
@click.option(
    "--spoofed-sources",
    type=click.Choice([one.value for one in SpoofedSources]),
    default="drop",
    help="drop: drop packets of pods whose source address does not belong to the link of the pod.",
)
@click.option(
    "--pod-range",
    "pod_ranges",
    multiple=True,
    metavar="CIDR",
    help="The pod addresses of this node. Repeatable.  [default: the podCIDRs of the Node]",
)
@click.option(
    "--state-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep the node's podCIDRs in this file. With --unknown-pods=hold, the agent closes them at once after a "
    "reboot of the node, until the policies of their pods are known.",
)
@click.option(
    "--max-lag",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    default=5.0,
    help="The agent is not ready if a change takes longer than this to be in force.",
)
@click.option(
    "--second-look",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=30.0,
    help="If lists of the API server would remove isolation or network from most pods, the agent lists everything "
    "again after this time, and changes nothing before. 0: apply such lists at once.",
)
@click.option(
    "--events/--no-events",
    default=True,
    help="Write Kubernetes Events about policies that cannot be enforced and pods that are closed.",
)
@click.option(
    "--remove-taint",
    is_flag=True,
    help="Remove the taint ringfence.dev/agent-not-ready from the Node when all policies are in force.",
)
@click.option("--log-denied/--no-log-denied", default=False, help="Log denied connections and the reason.")
@click.option(
    "--log-group",
    type=click.IntRange(1, 65535),
    default=DEFAULT_LOG_GROUP,
    help="The netlink log group of the kernel. Each program that logs packets needs one of its own.",
)
@click.option("--log-rate", type=click.IntRange(1), default=10, help="The largest number of packets to log per second.")
@click.option(
    "--listen",
    type=parse_listen_address,
    metavar="ADDRESS:PORT",
    default=DEFAULT_LISTEN,
    help="The address for metrics and health checks. If empty, there are none.",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="[default: text on a terminal, else json]")
@click.option("--cleanup", is_flag=True, help="Remove all ringfence rules and exit.")
def run_agent(  # noqa: PLR0913  (the options of the command)
    node: str | None,
    context: str | None,
    kubeconfig: str | None,
    mode: str,
    unknown_pods: str,
    existing_connections: str,
    spoofed_sources: str,
    pod_ranges: tuple[str, ...],
    state_file: Path | None,
    max_lag: float,
    second_look: float,
    events: bool,
    remove_taint: bool,
    log_denied: bool,
    log_group: int,
    log_rate: int,
    listen: tuple[str, int] | None,
    log_format: str | None,
    cleanup: bool,
) -> None:
    """Enforce the policies on this node. This is the default: `ringfence agent` alone is `ringfence agent run`.

    \b
    Examples:
      ringfence agent run --node worker-1 --kubeconfig admin.conf
    """
    try:
        from ringfence.agent import running
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":  # the only dependency of the extra: any other one is a defect
            raise
        remedy = "install ringfence with the extra agent, in its checkout: pip install '.[agent]'"
        raise AgentError(f"the agent needs {error.name}: {remedy}") from None
    from ringfence.sources.cluster import ApiServer

    # Before anything else is checked: the rules must be removable even if a setting is wrong or no API server answers.
    if cleanup:
        removed = running.clean_up(state_file)
        print_message("removed all ringfence rules" if removed else "there are no ringfence rules to remove")
        return
    settings = Settings(
        node=node or socket.gethostname(),
        mode=Mode(mode),
        unknown_pods=UnknownPods(unknown_pods),
        existing_connections=ExistingConnections(existing_connections),
        spoofed_sources=SpoofedSources(spoofed_sources),
        pod_ranges=_ranges(pod_ranges) if pod_ranges else None,
        state_file=state_file,
        max_lag=max_lag,
        second_look=second_look,
        events=events,
        remove_taint=remove_taint,
        log_denied=log_denied,
        log_group=log_group,
        log_rate=log_rate,
    )
    descriptor = _standard_error()
    as_json = log_format == "json" or (log_format is None and not os.isatty(descriptor))
    with logging_in_background(descriptor, as_json=as_json) as writer:
        running.run(settings, ApiServer(context, kubeconfig), listen, dropped_lines=lambda: writer.dropped)


@agent.command("status")
@click.argument("pod", default="", shell_complete=complete_pod_of_node)
@click.option("-n", "--namespace", default=DEFAULT_NAMESPACE, metavar="NAME", help="The namespace of POD without one.")
@click.option(
    "--listen",
    type=parse_listen_address,
    metavar="ADDRESS:PORT",
    default=DEFAULT_LISTEN,
    envvar="RINGFENCE_AGENT_LISTEN",
    show_default=True,
    help="Where the agent listens.",
)
@click.option("-o", "--output", type=FormatChoice(["text", "json"]), default="text", show_default=True)
def show_status(pod: str, namespace: str, listen: tuple[str, int] | None, output: str) -> None:
    """Show what is enforced on this node: for POD (a name or an address), or for all pods of the node.

    Asks the agent which policies isolate a pod, since when its rules are in force, whether it is closed and why, and
    which changes are not in force yet. If no agent runs, root sees the rules in the kernel. Nothing is changed.

    Exits with 1 if no agent runs or answers, if it is not ready, or if one of the pods is closed.

    \b
    Examples:
      ringfence agent status
      ringfence agent status prod/web
      ringfence agent status 10.244.1.7 -o json
      kubectl -n kube-system exec ringfence-agent-x7k2p -- ringfence agent status prod/web
    """
    from ringfence.agent.status_client import ask
    from ringfence.render import agent_status

    if listen is None:
        raise InputError("--listen is empty: give the ADDRESS:PORT at which the agent listens")
    found = ask(listen, _asked(pod, namespace))
    if found.agent is None and pod and not _address(pod):
        print_message(f"only a running agent knows the addresses of {pod}: give one of them instead of the name")
    if output == "json":
        print_document(agent_status.json(found))
    else:
        print_text(agent_status.text(found, in_detail=bool(pod)))
    sys.exit(EXIT_YES if found.is_in_order else EXIT_NO)


@agent.command("clean-nodes")
@click.option("--context", metavar="NAME", help="The kubeconfig context. In a pod, the default is its service account.")
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig file.")
@click.option("--namespace", "-n", required=True, envvar="POD_NAMESPACE", help="The namespace of the pod of the Job.")
@click.option("--pod", required=True, envvar="POD_NAME", help="The name of the pod of the Job.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the nodes.",
)
def clean_all_nodes(context: str | None, kubeconfig: str | None, namespace: str, pod: str, timeout: float) -> None:
    """Remove all ringfence rules from all nodes, in the Job that runs after the agent was uninstalled.

    Creates a pod on each node, made from the pod of the Job, and waits until each has removed the rules of its node.

    \b
    Examples:
      kubectl apply -k deploy/cleanup
      ringfence agent clean-nodes --namespace kube-system --pod ringfence-cleanup-x7k2p
    """
    from ringfence.agent.node_cleanup import OwnPod, clean_nodes
    from ringfence.sources.cluster import ApiServer

    cleaned = clean_nodes(ApiServer(context, kubeconfig), OwnPod(namespace, pod), timeout)
    print_message(f"removed all ringfence rules from {len(cleaned)} nodes")


def _asked(pod: str, namespace: str) -> str:
    """What a request to the agent asks for: an address, or a pod as NAMESPACE/NAME; empty for all pods."""
    return pod if not pod or "/" in pod else _address(pod) or f"{namespace}/{pod}"


def _address(text: str) -> str:
    """An address in its canonical form; empty if the text is not an address."""
    try:
        return address_text(*parse_address(text))
    except ValueError:
        return ""


def _standard_error() -> int:
    """The file descriptor of standard error. If that is closed, the log goes to /dev/null."""
    if sys.stderr is None:  # otherwise the first socket that is opened becomes file descriptor 2
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDERR)
    return STDERR


def _ranges(texts: Iterable[str]) -> Addresses:
    try:
        return Addresses.of(*map(parse_cidr, texts))
    except ValueError as error:
        raise InputError(f"--pod-range: {error}") from None
