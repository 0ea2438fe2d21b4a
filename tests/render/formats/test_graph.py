"""A graph knows which nodes are in the same box."""

from tests.render.formats.graphs import SMALL

from ringfence.render.formats.graph import Graph


def test_boxes_are_in_the_order_of_their_first_nodes() -> None:
    assert list(SMALL.boxes()) == [("prod", [0, 3]), ("ops", [1]), ("", [2])]


def test_a_graph_without_nodes_has_no_boxes() -> None:
    assert list(Graph((), ()).boxes()) == []
