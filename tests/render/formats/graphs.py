"""Graphs for the tests of the graph languages."""

from hypothesis import strategies as st
from tests.render.hostile_text import texts

from ringfence.render.formats.graph import Graph, GraphEdge, GraphNode

SMALL = Graph(
    (GraphNode("web", "prod"), GraphNode("log", "ops"), GraphNode("192.0.2.7/32"), GraphNode("db", "prod")),
    (GraphEdge(0, 3, "TCP 3306"), GraphEdge(2, 0, "all traffic"), GraphEdge(0, 1, "UDP 514")),
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A small graph with hostile labels and titles."""
    nodes = draw(st.lists(st.builds(GraphNode, texts, texts), min_size=1, max_size=4))
    positions = st.integers(0, len(nodes) - 1)
    edges = draw(st.lists(st.builds(GraphEdge, positions, positions, texts), max_size=4))
    return Graph(tuple(nodes), tuple(edges))
