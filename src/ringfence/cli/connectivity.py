"""`connections` and `matrix`: everything that is allowed, at once."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from shutil import get_terminal_size
from typing import Final, NoReturn

import click
import msgspec

from ringfence.analysis.endpoints import AskedPorts, check_namespace
from ringfence.analysis.lists import (
    ClusterPart,
    ConnectionFilter,
    ListedSide,
    PodGroup,
    connection_assumptions,
    connection_filter,
    folded,
    list_connections,
    list_selector,
    pod_groups,
)
from ringfence.cli import EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs
from ringfence.cli.options import as_one
from ringfence.cli.ports import port_option
from ringfence.cli.terminal import print_document, print_message, print_pieces, print_text
from ringfence.cli.what_if import asking_options
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.render.connection_graphs import CONNECTION_GRAPHS, MOST_EDGES, connection_graph
from ringfence.render.connection_views import CONNECTION_FORMATS, connections_json
from ringfence.render.formats import Graph
from ringfence.render.matrix import MATRIX_FORMATS, Matrix, matrix_width
from ringfence.render.matrix import matrix as matrix_of

_WORKLOAD: Final = "workload"
_NAMESPACE: Final = "namespace"
_FOLDED_FROM: Final = 10
"""Rows of a matrix from which on equal ones are written once: of fewer, everybody wants to see each."""
_WIDTH_OF_FILES: Final = 240
"""Columns of a matrix that goes to a file or a pipe."""


class ListOptions(msgspec.Struct, frozen=True):
    """The options of `connections` and `matrix` that say what the list is about."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: AskedPorts
    selector: str
    all_namespaces: bool
    by: str | None
    pods: bool
    no_assumptions: bool

    def filter(self, inputs: Inputs, cluster: Cluster) -> ConnectionFilter:
        """What is listed. Raises InputError for an endpoint, a namespace, a port or a selector that is none."""
        part = ClusterPart(None if self.all_namespaces else inputs.namespace, list_selector(self.selector))
        if part.namespace is not None:
            check_namespace(cluster.state, part.namespace)
        return connection_filter(cluster.state, cluster.namespace, self.sources, self.destinations, self.ports, part)

    def leave(self, inputs: Inputs, cluster: Cluster, assumptions: Sequence[str]) -> NoReturn:
        """Exit after the list: with 3 if it depends on an assumption and that is not wanted."""
        inputs.leave(cluster.problems, EXIT_UNDECIDED if self.no_assumptions and assumptions else EXIT_YES)

    @property
    def grouping(self) -> str | None:
        """What is listed as one: `namespace`, `workload` or `pod`, if an option says it."""
        return "pod" if self.pods else self.by


_OPTIONS: Final = (
    click.option(
        "--from",
        "sources",
        metavar="ENDPOINT",
        multiple=True,
        shell_complete=complete_endpoint,
        help="List only what this endpoint may open. Repeatable.",
    ),
    click.option(
        "--to",
        "destinations",
        metavar="ENDPOINT",
        multiple=True,
        shell_complete=complete_endpoint,
        help="List only what may be opened to this endpoint. Repeatable.",
    ),
    port_option("List only these ports: 3306, 53/UDP, 8000-8080, a port name, or all. Repeatable.  [default: all]"),
    click.option(
        "-l",
        "--selector",
        default="",
        metavar="SELECTOR",
        help="List only pods with these labels, at either end, such as app=web,tier!=db.",
    ),
    click.option("-A", "--all-namespaces", is_flag=True, help="List all namespaces, even with -n."),
    click.option(
        "--by",
        type=click.Choice(["namespace", "workload", "pod"]),
        help="What is listed as one.  [default: workload]",
    ),
    click.option("--pods", is_flag=True, help="The same as --by pod."),
    click.option(
        "--no-assumptions",
        is_flag=True,
        help="Exit with 3 if the list depends on information that the input does not contain.",
    ),
)

_list_options = as_one(ListOptions, "wanted", _OPTIONS)


@click.command()
@_list_options
@click.option(
    "-o",
    "--output",
    type=click.Choice([*CONNECTION_FORMATS, *CONNECTION_GRAPHS, "json"]),
    default="table",
    show_default=True,
    help="The output format.",
)
@asking_options
def connections(inputs: Inputs, wanted: ListOptions, output: str) -> None:
    """List every allowed connection, by workload, including the addresses outside the cluster.

    With -n and -l, list only the connections from or to the pods of a namespace or with some labels. Names without a
    namespace are looked up in that of -n.

    \b
    Examples:
      ringfence connections -f manifests/
      ringfence connections -f manifests/ --to prod/db -p 3306
      ringfence connections -f manifests/ --from 'dev/*' --to 'prod/*'
      ringfence connections -f manifests/ --by namespace
      ringfence connections -f manifests/ -o dot | dot -Tsvg > connections.svg
    """
    cluster = inputs.cluster()
    listed = wanted.filter(inputs, cluster)
    _say_if_nothing(cluster, listed, inputs)
    by = wanted.grouping or _WORKLOAD
    assumptions = connection_assumptions(cluster.state, wanted=listed)
    if output == "json":
        print_document(connections_json(list_connections(cluster.state, listed, by), assumptions, cluster.problems))
    elif output in CONNECTION_GRAPHS:
        print_text(CONNECTION_GRAPHS[output](_graph(cluster, listed, by, wanted.grouping)))
    else:
        print_pieces(CONNECTION_FORMATS[output](list_connections(cluster.state, listed, by)))
    if output != "json":
        _print_assumptions(assumptions)
    wanted.leave(inputs, cluster, assumptions)


@click.command()
@_list_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(list(MATRIX_FORMATS)),
    default="table",
    show_default=True,
    help="The output format.",
)
@asking_options
def matrix(inputs: Inputs, wanted: ListOptions, output: str) -> None:
    """Show all allowed connections as a matrix: sources down, destinations across.

    With -n and -l, show the connections among the pods of a namespace or with some labels, and between these and the
    outside of the cluster.

    \b
    Examples:
      ringfence matrix -f manifests/
      ringfence matrix -f manifests/ --from 'prod/*' --to prod/db
    """
    cluster = inputs.cluster()
    listed = wanted.filter(inputs, cluster)
    _say_if_nothing(cluster, listed, inputs)
    made = _matrix(cluster, listed, wanted.grouping or _WORKLOAD)
    if output == "table" and wanted.grouping is None and (width := matrix_width(made)) > _width():
        print_message(
            f"the matrix is {width} characters wide, so it is by namespace: --by workload prints it whole, "
            "--from, --to, -n and -l a part of it"
        )
        made = _matrix(cluster, listed, _NAMESPACE)
    print_text(MATRIX_FORMATS[output](made))
    assumptions = connection_assumptions(cluster.state, listed.part.namespace, _among(cluster, listed))
    _print_assumptions(assumptions)
    wanted.leave(inputs, cluster, assumptions)


def _matrix(cluster: Cluster, listed: ConnectionFilter, by: str) -> Matrix:
    """The matrix of what is listed. A side without endpoints is limited to the part of the cluster that is listed."""
    sources, destinations = (
        _references((group for group in groups if group.in_part or side.pods is not None), by)
        for side, groups in _sides(cluster, listed, by)
    )
    several = _several(cluster, listed, by)
    return matrix_of(
        folded(sources, destinations, list_connections(cluster.state, listed, by), several, least=_FOLDED_FROM),
        several,
        from_outside=listed.sources.addresses != (),
        to_outside=listed.destinations.addresses != (),
    )


def _among(cluster: Cluster, listed: ConnectionFilter) -> ConnectionFilter:
    """The filter with its part of the cluster at both sides, as a matrix has it: but for endpoints that are given."""
    part = {pod for pod in cluster.state.members() if listed.part.contains(pod)}
    sources, destinations = (
        side if side.pods is not None else ListedSide(side.ports, {pod: side.asked(pod) for pod in part})
        for side in (listed.sources, listed.destinations)
    )
    return ConnectionFilter(sources, destinations, listed.part)


def _graph(cluster: Cluster, listed: ConnectionFilter, by: str, wanted_by: str | None) -> Graph:
    """The graph of what is listed, by namespace if it has too many edges and no option says otherwise.

    Pods without connections are in it, too: all that are listed, or those that --from and --to name.
    """
    sides = list(_sides(cluster, listed, by))
    sources, destinations = (_references(groups, by) for _, groups in sides)
    named = [groups for side, groups in sides if side.pods is not None] or [groups for _, groups in sides]
    shown = (group for group in chain.from_iterable(named) if group.in_part)
    found = list_connections(cluster.state, listed, by)
    list_ = folded(sources, destinations, found, _several(cluster, listed, by), within_namespaces=by != _NAMESPACE)
    graph = connection_graph(list_, _references(shown, by))
    if len(graph.edges) <= MOST_EDGES:
        return graph
    if wanted_by is None and by != _NAMESPACE:
        print_message(
            f"the graph has {len(graph.edges)} edges, so it is by namespace: --by workload prints it whole, "
            "--from, --to, -n and -l a part of it"
        )
        return _graph(cluster, listed, _NAMESPACE, wanted_by)
    print_message(
        f"the graph has {len(graph.edges)} edges; Mermaid draws up to 500, and Graphviz takes minutes for so many: "
        "--from, --to, -n and -l print a part of it"
    )
    return graph


def _sides(cluster: Cluster, listed: ConnectionFilter, by: str) -> Iterator[tuple[ListedSide, list[PodGroup]]]:
    """The sources and the destinations that a list may have."""
    for side in (listed.sources, listed.destinations):
        yield side, pod_groups(cluster.state, side, listed.part, pods=by == "pod")


def _references(groups: Iterable[PodGroup], by: str) -> set[Reference]:
    """What groups are called in a list."""
    if by == _NAMESPACE:
        return {Reference("", "Namespace", group.reference.namespace) for group in groups}
    return {group.reference for group in groups}


def _several(cluster: Cluster, listed: ConnectionFilter, by: str) -> set[Reference]:
    """Those that are more than one pod."""
    groups = chain.from_iterable(groups for _, groups in _sides(cluster, listed, by))
    return _references((group for group in groups if group.is_several or by == _NAMESPACE), by)


def _width() -> int:
    """The columns that a table may have."""
    return get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_FILES


def _print_assumptions(assumptions: Iterable[str]) -> None:
    """Print on standard error what a list assumes: tables, CSV and graphs have no place for it."""
    for assumption in assumptions:
        print_message(f"assumption: {assumption}")


def _say_if_nothing(cluster: Cluster, listed: ConnectionFilter, inputs: Inputs) -> None:
    """Print a message if there are no pods that the list could be about."""
    part = listed.part
    if any(map(part.contains, cluster.state.members())):
        return
    where = f" in {part.namespace} namespace" if part.namespace else ""
    print_message(f"No pods or workloads found{where}.")
