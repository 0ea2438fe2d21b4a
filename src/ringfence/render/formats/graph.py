"""A directed graph with boxes, as values that the writers of graph languages share."""

from collections.abc import Iterator

import msgspec


class GraphNode(msgspec.Struct, frozen=True):
    """A node with its label; `box` is the title of the box around it, or empty, and `more` are further lines."""

    label: str
    box: str = ""
    more: tuple[str, ...] = ()


class GraphEdge(msgspec.Struct, frozen=True):
    """An arrow between two nodes, given by their positions in the graph."""

    start: int
    end: int
    label: str


class Graph(msgspec.Struct, frozen=True):
    """Nodes and the arrows between them.

    Writers name the nodes by their positions: labels may be long, contain anything, and look alike.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]

    def boxes(self) -> Iterator[tuple[str, list[int]]]:
        """The title and the nodes of each box, in the order in which they first appear; without a title if in none."""
        members: dict[str, list[int]] = {}
        for position, node in enumerate(self.nodes):
            members.setdefault(node.box, []).append(position)
        yield from members.items()
