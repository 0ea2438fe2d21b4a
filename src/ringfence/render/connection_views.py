"""Allowed connections as a table, CSV, Markdown, graphs and JSON (docs/formats.md)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ringfence.analysis.connections import Connection
from ringfence.engine.population import Reference
from ringfence.model.problems import Problem
from ringfence.render.ends import connection_json
from ringfence.render.formats import (
    API_VERSION,
    Graph,
    GraphEdge,
    GraphNode,
    csv_text,
    dot_text,
    json_items,
    json_line,
    markdown_table,
    mermaid_text,
    table,
)
from ringfence.render.problems import problem_json
from ringfence.sets.addresses import Addresses

_COLUMNS: Final = ("source", "destination", "traffic")


def connections_table(connections: Iterable[Connection]) -> str:
    """A table in the style of kubectl."""
    return table([column.upper() for column in _COLUMNS], _rows(connections))


def connections_csv(connections: Iterable[Connection]) -> str:
    """CSV with a header line."""
    return csv_text([_COLUMNS, *_rows(connections)])


def connections_markdown(connections: Iterable[Connection]) -> str:
    """A Markdown table."""
    return markdown_table(_COLUMNS, _rows(connections))


def connections_dot(connections: Iterable[Connection]) -> str:
    """A Graphviz graph with a box around each namespace."""
    return dot_text(_graph(connections), "connections")


def connections_mermaid(connections: Iterable[Connection]) -> str:
    """A Mermaid flowchart with a box around each namespace."""
    return mermaid_text(_graph(connections))


CONNECTION_FORMATS: Final[dict[str, Callable[[Iterable[Connection]], str]]] = {
    "table": connections_table,
    "csv": connections_csv,
    "markdown": connections_markdown,
    "dot": connections_dot,
    "mermaid": connections_mermaid,
}
"""The views that are written as a whole, by the name of the format."""


def connections_json(
    connections: Iterable[Connection], assumptions: Iterable[str] = (), problems: Iterable[Problem] = ()
) -> Iterator[str]:
    """JSON, streamed in pieces: the connections, what they assume, and the problems of the input."""
    yield f'{{"apiVersion": {json_line(API_VERSION)}, "connections": '
    yield from json_items(connection_json(one) for one in connections)
    yield f', "assumptions": {json_line(list(assumptions))}'
    yield f', "problems": {json_line([problem_json(problem) for problem in problems])}}}\n'


def _rows(connections: Iterable[Connection]) -> Iterator[tuple[str, str, str]]:
    for one in connections:
        yield str(one.source), str(one.destination), str(one.traffic)


def _graph(connections: Iterable[Connection]) -> Graph:
    positions: dict[Reference | Addresses, int] = {}
    edges = []
    for one in connections:
        start = positions.setdefault(one.source, len(positions))
        end = positions.setdefault(one.destination, len(positions))
        edges.append(GraphEdge(start, end, str(one.traffic)))
    return Graph(tuple(map(_node, positions)), tuple(edges))


def _node(end: Reference | Addresses) -> GraphNode:
    if isinstance(end, Addresses) or not end.namespace:
        return GraphNode(str(end))
    return GraphNode(str(end).removeprefix(f"{end.namespace}/"), box=end.namespace)
