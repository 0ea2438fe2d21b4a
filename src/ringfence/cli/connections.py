"""`connections` and `matrix`: everything that is allowed, at once."""

import click

from ringfence.analysis.connections import Connection, parties
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.render import connections as writers
from ringfence.render import matrix as matrices
from ringfence.sets.addresses import Addresses

_pods = click.option("--pods", is_flag=True, help="By pod instead of by workload.")


@click.command()
@_pods
@click.option(
    "-o",
    "--output",
    type=click.Choice([*writers.FORMATS, "json"]),
    default="table",
    show_default=True,
    help="The format.",
)
@input_options
def connections(inputs: Inputs, pods: bool, output: str) -> None:
    """Every allowed connection, by workload, with the addresses outside the cluster.

    With -n, those that touch a namespace.

    \b
    ringfence connections -f manifests/
    ringfence connections -f manifests/ -o dot | dot -Tsvg > connections.svg
    """
    cluster = inputs.cluster()
    _parties(cluster, inputs.namespace, pods=pods)
    found = (one for one in cluster.connections(pods=pods) if _touches(one, inputs.namespace))
    if output == "json":
        from ringfence.render.json import connections as pieces

        for piece in pieces(found):
            click.echo(piece, nl=False)
    else:
        click.echo(writers.FORMATS[output](sorted(found, key=_order)), nl=False)


@click.command()
@_pods
@click.option("-o", "--output", type=click.Choice(list(matrices.FORMATS)), default="table", show_default=True)
@input_options
def matrix(inputs: Inputs, pods: bool, output: str) -> None:
    """All connections as a table: sources down, destinations across.

    With -n, those inside a namespace, and between it and the outside of the cluster.

    \b
    ringfence matrix -f manifests/
    """
    cluster = inputs.cluster()
    shown = _parties(cluster, inputs.namespace, pods=pods)
    made = matrices.matrix(shown, cluster.connections(pods=pods))
    click.echo(matrices.FORMATS[output](made), nl=False)


def _parties(cluster: Cluster, namespace: str | None, *, pods: bool) -> list[Reference]:
    """Who is listed, in alphabetical order. Where that is nobody, which may be a mistake, a message says so."""
    references = {party.reference for group in parties(cluster.state, pods=pods).values() for party in group}
    found = sorted(one for one in references if namespace in (None, one.namespace))
    if not found:
        click.echo(f"No pods or workloads found{f' in {namespace} namespace' if namespace else ''}.", err=True)
    return found


def _touches(connection: Connection, namespace: str | None) -> bool:
    ends = (connection.source, connection.destination)
    return namespace is None or any(isinstance(end, Reference) and end.namespace == namespace for end in ends)


def _order(connection: Connection) -> tuple[str, str]:
    def key(end: Reference | Addresses) -> str:
        return f"{end.namespace}/{end.kind}/{end.name}" if isinstance(end, Reference) else "~"

    return key(connection.source), key(connection.destination)
