"""`connections` and `matrix`: everything that is allowed, at once."""

from collections.abc import Iterable, Iterator
from itertools import chain

import click

from ringfence.analysis.connections import Connection, PodGroup, pod_groups
from ringfence.cli import EXIT_YES
from ringfence.cli.inputs import Inputs
from ringfence.cli.terminal import print_document, print_message, print_text
from ringfence.cli.what_if import asking_options
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.render.connection_views import CONNECTION_FORMATS, connections_json
from ringfence.render.matrix import MATRIX_FORMATS
from ringfence.render.matrix import matrix as matrix_of
from ringfence.sets.addresses import Addresses

_pods = click.option("--pods", is_flag=True, help="List pods instead of workloads.")


@click.command()
@_pods
@click.option(
    "-o",
    "--output",
    type=click.Choice([*CONNECTION_FORMATS, "json"]),
    default="table",
    show_default=True,
    help="The output format.",
)
@asking_options
def connections(inputs: Inputs, pods: bool, output: str) -> None:
    """List every allowed connection, by workload, including the addresses outside the cluster.

    With -n, list only the connections from and to the pods of a namespace.

    \b
    Examples:
      ringfence connections -f manifests/
      ringfence connections -f manifests/ -o dot | dot -Tsvg > connections.svg
    """
    cluster = inputs.cluster()
    _listed(cluster, inputs.namespace, pods=pods)
    found = (one for one in cluster.connections(pods=pods) if _touches(one, inputs.namespace))
    if output == "json":
        print_document(connections_json(found, cluster.assumptions(), cluster.problems))
    else:
        print_text(CONNECTION_FORMATS[output](sorted(found, key=_order)))
        _print_assumptions(cluster.assumptions())
    inputs.leave(cluster.problems, EXIT_YES)


@click.command()
@_pods
@click.option(
    "-o",
    "--output",
    type=click.Choice(list(MATRIX_FORMATS)),
    default="table",
    show_default=True,
    help="The output format.",
)
@asking_options
def matrix(inputs: Inputs, pods: bool, output: str) -> None:
    """Show all allowed connections as a matrix: sources down, destinations across.

    With -n, show the connections inside a namespace, and between it and the outside of the cluster.

    \b
    Examples:
      ringfence matrix -f manifests/
    """
    cluster = inputs.cluster()
    listed = _listed(cluster, inputs.namespace, pods=pods)
    several = {group.reference for group in _groups(cluster, pods=pods) if group.is_several}
    print_text(MATRIX_FORMATS[output](matrix_of(listed, cluster.connections(pods=pods), several)))
    _print_assumptions(cluster.assumptions(inputs.namespace))
    inputs.leave(cluster.problems, EXIT_YES)


def _print_assumptions(assumptions: Iterable[str]) -> None:
    """Print on standard error what a list assumes: tables, CSV and graphs have no place for it."""
    for assumption in assumptions:
        print_message(f"assumption: {assumption}")


def _listed(cluster: Cluster, namespace: str | None, *, pods: bool) -> list[Reference]:
    """The pods or workloads to list, in alphabetical order. If there are none, it prints a message."""
    references = {group.reference for group in _groups(cluster, pods=pods)}
    found = sorted(one for one in references if namespace in (None, one.namespace))
    if not found:
        print_message(f"No pods or workloads found{f' in {namespace} namespace' if namespace else ''}.")
    return found


def _groups(cluster: Cluster, *, pods: bool) -> Iterator[PodGroup]:
    return chain.from_iterable(pod_groups(cluster.state, pods=pods).values())


def _touches(connection: Connection, namespace: str | None) -> bool:
    ends = (connection.source, connection.destination)
    return namespace is None or any(isinstance(end, Reference) and end.namespace == namespace for end in ends)


def _order(connection: Connection) -> tuple[str, str]:
    return _sort_key(connection.source), _sort_key(connection.destination)


def _sort_key(end: Reference | Addresses) -> str:
    # "~" sorts after every name: addresses come last.
    return f"{end.namespace}/{end.kind}/{end.name}" if isinstance(end, Reference) else "~"
