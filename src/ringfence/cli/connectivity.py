"""`connections` and `matrix`: everything that is allowed, at once."""

import sys
from collections.abc import Iterable, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final, NoReturn

import click
import msgspec

from ringfence.analysis.endpoints import AskedPorts, check_namespace
from ringfence.analysis.lists import (
    BY_NAMESPACE,
    BY_WORKLOAD,
    ClusterPart,
    ConnectionFilter,
    ListedSide,
    MatrixOrder,
    connection_assumptions,
    connection_filter,
    graph_view,
    list_connections,
    list_selector,
    matrix_view,
    ordered,
)
from ringfence.cli import EXIT_UNDECIDED, EXIT_YES
from ringfence.cli.completion import complete_endpoint
from ringfence.cli.inputs import Inputs, print_no_pods
from ringfence.cli.options import as_one
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.plugin_remarks import plugin_remark_on
from ringfence.cli.ports import port_option
from ringfence.cli.terminal import (
    check_not_a_terminal,
    print_document,
    print_exactly,
    print_message,
    print_pieces,
    print_text,
)
from ringfence.cli.what_if import enforced_options
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.render.connection_graphs import CONNECTION_GRAPHS, MOST_EDGES, connection_graph
from ringfence.render.connection_views import CONNECTION_FORMATS, connections_json
from ringfence.render.formats import Graph
from ringfence.render.matrix import MATRIX_FORMATS, Matrix, matrix_width
from ringfence.render.matrix import matrix as matrix_of

if TYPE_CHECKING:
    from ringfence.render.pictures import Picture

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
        """What is listed. Raises InputError for an endpoint, namespace, port or selector that is not valid."""
        part = ClusterPart(None if self.all_namespaces else inputs.namespace, list_selector(self.selector))
        if part.namespace is not None:
            check_namespace(cluster.state, part.namespace)
        listed = connection_filter(cluster.state, cluster.namespace, self.sources, self.destinations, self.ports)
        return listed.within(part)

    def leave(self, inputs: Inputs, cluster: Cluster, assumptions: Sequence[str]) -> NoReturn:
        """Exit after the list: with 3 if it depends on an assumption and --no-assumptions was given."""
        inputs.leave(cluster.problems, EXIT_UNDECIDED if self.no_assumptions and assumptions else EXIT_YES)

    @property
    def grouping(self) -> str | None:
        """What a row is about: `namespace`, `workload` or `pod`; None if no option says it."""
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
        help="List connections of namespaces, workloads or pods.  [default: workload]",
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
    type=FormatChoice([*CONNECTION_FORMATS, *CONNECTION_GRAPHS, "json", "svg"]),
    default="table",
    show_default=True,
    help="The output format.",
)
@enforced_options
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
      ringfence connections -f manifests/ -o svg > connections.svg
    """
    cluster = inputs.cluster()
    listed = wanted.filter(inputs, cluster)
    _say_if_nothing(cluster, listed, inputs)
    by = wanted.grouping or BY_WORKLOAD
    remark = plugin_remark_on(cluster, lambda: frozenset(list_connections(cluster.state, listed, by)))
    assumptions = (*connection_assumptions(cluster.state, wanted=listed), *remark.assumptions)
    if output == "json":
        # The list is made again for output, and streamed: it may be too large to keep beside the other one.
        rows = list_connections(cluster.state, listed, by)
        print_document(connections_json(rows, assumptions, cluster.problems, remark.document))
    elif output == "svg":
        print_text(_map(cluster, listed, by, wanted.grouping))
    elif output in CONNECTION_GRAPHS:
        print_text(CONNECTION_GRAPHS[output](_graph(cluster, listed, by, wanted.grouping)))
    else:
        print_pieces(CONNECTION_FORMATS[output](list_connections(cluster.state, listed, by)))
    if output != "json":
        remark.print()
        _print_assumptions(assumptions)
    wanted.leave(inputs, cluster, assumptions)


@click.command()
@_list_options
@click.option(
    "-o",
    "--output",
    type=FormatChoice([*MATRIX_FORMATS, "svg", "html"]),
    default="table",
    show_default=True,
    help="The output format; html is the report, which opens on these rows and columns.",
)
@click.option(
    "--order",
    type=click.Choice([one.value for one in MatrixOrder]),
    default=MatrixOrder.NAME.value,
    show_default=True,
    help="The order of rows and columns: by name, the most exposed first, or like ones beside each other.",
)
@enforced_options
def matrix(inputs: Inputs, wanted: ListOptions, output: str, order: str) -> None:
    """Show all allowed connections as a matrix: sources down, destinations across.

    With -n and -l, show the connections among the pods of a namespace or with some labels, and between these and the
    outside of the cluster.

    \b
    Examples:
      ringfence matrix -f manifests/
      ringfence matrix -f manifests/ --from 'prod/*' --to prod/db
      ringfence matrix -f manifests/ --order exposure -o svg > matrix.svg
      ringfence matrix -f manifests/ -o html > matrix.html
    """
    arranged = MatrixOrder(order)
    if output == "html":
        _check_page(wanted)
        if arranged is not MatrixOrder.NAME:
            raise InputError("the page has its rows and columns by name: leave out --order")
    cluster = inputs.cluster()
    listed = wanted.filter(inputs, cluster)
    _say_if_nothing(cluster, listed, inputs)
    by = wanted.grouping or BY_WORKLOAD
    if output == "svg":
        print_text(_matrix_picture(cluster, listed, by, wanted.grouping, arranged))
    elif output == "html":
        print_exactly(_page(cluster, inputs, listed, wanted))
    else:
        made = _text_matrix(cluster, listed, by, arranged)
        # Only if no option says otherwise: who asks for workloads gets them, however wide the table is.
        if output == "table" and wanted.grouping is None and (width := matrix_width(made)) > _width():
            _say_by_namespace(f"the matrix is {width} characters wide")
            made = _text_matrix(cluster, listed, BY_NAMESPACE, arranged)
        print_text(MATRIX_FORMATS[output](made))
    remark = plugin_remark_on(cluster, lambda: frozenset(list_connections(cluster.state, listed, by)))
    remark.print()
    found = connection_assumptions(cluster.state, listed.part.namespace, _among(cluster, listed))
    assumptions = (*found, *remark.assumptions)
    _print_assumptions(assumptions)
    wanted.leave(inputs, cluster, assumptions)


def _among(cluster: Cluster, listed: ConnectionFilter) -> ConnectionFilter:
    """The filter with its part of the cluster on both sides, as in a matrix. Sides that --from or --to name stay."""
    part = {pod for pod in cluster.state.members() if listed.part.contains(pod)}
    sources, destinations = (
        side if side.pods is not None else ListedSide(side.ports, {pod: side.asked(pod) for pod in part})
        for side in (listed.sources, listed.destinations)
    )
    return ConnectionFilter(sources, destinations, listed.part)


def _graph(cluster: Cluster, listed: ConnectionFilter, by: str, wanted_by: str | None) -> Graph:
    """The graph of what is listed, by namespace if it has too many edges and no option says otherwise."""
    view = graph_view(cluster.state, listed, by)
    graph = connection_graph(view.found, view.shown)
    if len(graph.edges) <= MOST_EDGES:
        return graph
    if wanted_by is None and by != BY_NAMESPACE:
        _say_by_namespace(f"the graph has {len(graph.edges)} edges")
        return _graph(cluster, listed, BY_NAMESPACE, wanted_by)
    print_message(
        f"the graph has {len(graph.edges)} edges; Mermaid draws up to 500, and Graphviz takes minutes for so many: "
        "use --from, --to, -n and -l for a part of it"
    )
    return graph


def _map(cluster: Cluster, listed: ConnectionFilter, by: str, wanted_by: str | None) -> str:
    """The map of what is listed, by namespace if it has too many boxes or arrows and no option says otherwise."""
    from ringfence.render.pictures import MOST_BOXES, map_picture, too_many_arrows

    view = graph_view(cluster.state, listed, by)
    what = ""
    if wanted_by is None and len(view.found.classes) > MOST_BOXES:
        what = f"{len(view.found.classes)} boxes"
    elif wanted_by is None and (arrows := too_many_arrows(view)):
        what = f"{arrows} arrows"
    if what:
        _say_by_namespace(f"the map has {what}")
        view = graph_view(cluster.state, listed, BY_NAMESPACE)
    picture = map_picture(view)
    _say_left_out(picture)
    return picture.svg


def _text_matrix(cluster: Cluster, listed: ConnectionFilter, by: str, order: MatrixOrder) -> Matrix:
    """The matrix of what is listed, in an order."""
    view = matrix_view(cluster.state, listed, by)
    return matrix_of(msgspec.structs.replace(view, found=ordered(view.found, order)))


def _matrix_picture(
    cluster: Cluster, listed: ConnectionFilter, by: str, wanted_by: str | None, order: MatrixOrder
) -> str:
    """The picture of the matrix, by namespace if it has too many rows and no option says otherwise."""
    from ringfence.render.pictures import MOST_ROWS, matrix_picture

    view = matrix_view(cluster.state, listed, by, within_namespaces=by != BY_NAMESPACE)
    if len(view.found.classes) > MOST_ROWS and wanted_by is None:
        _say_by_namespace(f"the matrix has {len(view.found.classes)} rows and columns")
        view = matrix_view(cluster.state, listed, BY_NAMESPACE)
    picture = matrix_picture(view, order)
    _say_left_out(picture)
    return picture.svg


def _check_page(wanted: ListOptions) -> None:
    """Raise InputError for an option that a page cannot follow, and for standard output that is a terminal."""
    # The page has its own search, and a cell of it always has all ports. An option without effect would mislead.
    if wanted.ports != AskedPorts():
        raise InputError("the page shows all ports of a cell: leave out -p, and search the page for the port")
    if wanted.grouping not in (None, BY_WORKLOAD):
        option = "--pods" if wanted.pods else f"--by {wanted.grouping}"
        raise InputError(f"the page shows workloads, and pods where policies distinguish them: leave out {option}")
    check_not_a_terminal("write it to a file, as in -o html > matrix.html")


def _page(cluster: Cluster, inputs: Inputs, listed: ConnectionFilter, wanted: ListOptions) -> str:
    """The report, whose matrix first shows what is listed."""
    return cluster.report(
        inputs.title,
        sources=wanted.sources,
        destinations=wanted.destinations,
        namespace=listed.part.namespace,
        selector=wanted.selector,
    )


def _say_by_namespace(reason: str) -> None:
    print_message(
        f"{reason}, so it is printed by namespace: use --by workload for the whole of it, "
        "or --from, --to, -n and -l for a part"
    )


def _say_left_out(picture: "Picture") -> None:
    if picture.left_out:
        print_message(
            f"{picture.left_out} of {picture.size} are drawn together, those with the fewest connections: "
            "use --from, --to, -n and -l for a part of the cluster"
        )


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
    if not any(map(part.contains, cluster.state.members())):
        print_no_pods(cluster, part.namespace)
