"""Allowed connections as graphs, for Graphviz and Mermaid, with a box around each namespace.

Pods and workloads of a namespace that are equal are one node (`analysis.lists.folded`). Programs that draw graphs have
limits: Mermaid refuses more than 500 edges (`maxEdges`), and Graphviz does not come to an end within minutes for the
1,000 edges of 32 pods that nothing isolates.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import Final

from ringfence.analysis.lists import Connection, FoldedList
from ringfence.engine.population import Reference
from ringfence.render.formats import Graph, GraphEdge, GraphNode, dot_text, mermaid_text
from ringfence.sets.addresses import Addresses

MOST_EDGES: Final = 250
"""The largest number of edges: Mermaid accepts them, and Graphviz draws them within seconds."""

_MOST_NAMES: Final = 30
"""The largest number of names in a node; further ones are counted."""

_Place = int | Addresses
"""What a node stands for: a class of pods by its position, or addresses."""


def connection_graph(found: FoldedList, shown: Collection[Reference]) -> Graph:
    """The graph of folded connections: all classes with a connection, and those with a member among `shown`."""
    edges = list(_edges(found))
    ends = list(chain.from_iterable((start, end) for start, end, _ in edges))
    connected = set(ends)
    named = set(shown)
    places: dict[_Place, int] = {}
    for position, members in enumerate(found.classes):
        # Without a connection, a node only takes room, unless the user has asked about it.
        if position in connected or not named.isdisjoint(members):
            places[position] = len(places)
    for end in ends:
        # Classes have their places already. Addresses follow them, in the order of the edges.
        places.setdefault(end, len(places))
    nodes = tuple(GraphNode(str(one)) if isinstance(one, Addresses) else _node(found.classes[one]) for one in places)
    return Graph(nodes, tuple(GraphEdge(places[start], places[end], text) for start, end, text in edges))


def connections_dot(graph: Graph) -> str:
    """A Graphviz graph."""
    return dot_text(graph, "connections")


CONNECTION_GRAPHS: Final[dict[str, Callable[[Graph], str]]] = {"dot": connections_dot, "mermaid": mermaid_text}
"""The views that are graphs, by the name of the format."""


def _edges(found: FoldedList) -> Iterator[tuple[_Place, _Place, str]]:
    for source in found.sources:
        for destination in found.destinations:
            if one := found.between(source, destination):
                yield source, destination, one.traffic_text
    for source in found.sources:
        for one in found.outgoing(source):
            yield source, _addresses(one), one.traffic_text
    for destination in found.destinations:
        for one in found.incoming(destination):
            yield _addresses(one), destination, one.traffic_text


def _addresses(connection: Connection) -> Addresses:
    ends = (connection.source, connection.destination)
    return next(end for end in ends if isinstance(end, Addresses))


def _node(members: tuple[Reference, ...]) -> GraphNode:
    """A class as a node: the names of its members, one on each line, inside the box of their namespace."""
    namespace = members[0].namespace
    names = [str(member).removeprefix(f"{namespace}/") for member in members[:_MOST_NAMES]]
    if len(members) > _MOST_NAMES:
        names.append(f"and {len(members) - _MOST_NAMES} more")
    return GraphNode(names[0], namespace, tuple(names[1:]))
