"""Layouts: nothing overlaps, and every element is in its lane and column."""

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.render.pictures.test_layers import graphs

from ringfence.render.pictures.lanes import LaneEdge, LaneLayout, LaneNode, lane_layout
from ringfence.render.pictures.look import Rectangle, text_width

labels = st.sampled_from(["80", "8080,8443", "53 53/UDP", "all"])


def made(graph: tuple[list[int], list[tuple[int, int]]], lines: list[int], names: list[str]) -> LaneLayout:
    lanes, edges = graph
    nodes = [LaneNode(lane, ("name",) * number) for lane, number in zip(lanes, lines, strict=False)]
    # Every third edge is also there in a second strand, so that two nodes have two.
    drawn = [LaneEdge(*edge, name) for edge, name in zip(edges, names, strict=False)]
    drawn += [LaneEdge(*edge, "more", 1) for edge in edges[::3]]
    return lane_layout(max(lanes) + 1, nodes, drawn, 40)


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def is_within(inner: Rectangle, outer: Rectangle) -> bool:
    return (
        inner.x >= outer.x
        and inner.y >= outer.y
        and inner.x + inner.width <= outer.x + outer.width + 0.01
        and inner.y + inner.height <= outer.y + outer.height + 0.01
    )


@given(graphs, st.lists(st.integers(1, 4), min_size=9, max_size=9), st.lists(labels, min_size=14, max_size=14))
def test_boxes_and_lanes_do_not_overlap_and_boxes_are_in_their_lanes(
    graph: tuple[list[int], list[tuple[int, int]]], lines: list[int], names: list[str]
) -> None:
    layout = made(graph, lines, names)
    assert not any(overlap(one, other) for one, other in combinations(layout.nodes, 2))
    assert not any(overlap(one, other) for one, other in combinations(layout.lanes, 2))
    for node, lane in zip(layout.nodes, graph[0], strict=True):
        assert is_within(node, layout.lanes[lane])
    assert is_within(layout.lanes[-1], Rectangle(0, 0, layout.width, layout.height))
    assert layout == made(graph, lines, names)


@given(graphs, st.lists(st.integers(1, 4), min_size=9, max_size=9), st.lists(labels, min_size=14, max_size=14))
def test_labels_overlap_neither_boxes_nor_one_another(
    graph: tuple[list[int], list[tuple[int, int]]], lines: list[int], names: list[str]
) -> None:
    layout = made(graph, lines, names)
    texts = []
    for route, name in zip(layout.routes, [*names[: len(graph[1])], *["more"] * 14], strict=False):
        width = text_width(name, 11)
        texts.append(
            Rectangle(route.label_x - width if route.label_ends else route.label_x, route.label_y - 9, width, 10)
        )
    assert not any(overlap(one, other) for one, other in combinations(texts, 2))
    assert not any(overlap(text, node) for text in texts for node in layout.nodes)


@given(graphs, st.lists(st.integers(1, 4), min_size=9, max_size=9), st.lists(labels, min_size=14, max_size=14))
def test_edges_begin_and_end_at_the_sides_of_their_boxes_and_turn_beside_all_boxes(
    graph: tuple[list[int], list[tuple[int, int]]], lines: list[int], names: list[str]
) -> None:
    layout = made(graph, lines, names)
    for (start, end), route in zip(graph[1] + graph[1][::3], layout.routes, strict=True):
        points = _points(route.path)
        assert _is_at_a_side(points[0], layout.nodes[start])
        assert _is_at_a_side(points[-1], layout.nodes[end])
        for (x, y), (later, _) in pairwise(points):
            if x != later:
                between = Rectangle(min(x, later) + 1, y - 0.1, abs(later - x) - 2, 0.2)
                level = [node for node in layout.nodes if node.y + 1 < y < node.y + node.height - 1]
                assert not any(overlap(between, node) for node in level), route.path


def _points(path: str) -> list[tuple[float, float]]:
    """The points of a path at which it is level: its beginning, both ends of each turn, and its end."""
    words = path.replace("M", "").split()
    points = [(float(words[0]), float(words[1]))]
    numbers = words[2:]
    while numbers:
        points.append((float(numbers[0][1:]), points[-1][1]))
        if len(numbers) == 1:
            break
        points.append((float(numbers[5]), float(numbers[6])))
        numbers = numbers[7:]
    return points


def _is_at_a_side(point: tuple[float, float], node: Rectangle) -> bool:
    x, y = point
    return min(abs(x - node.x), abs(x - node.x - node.width)) < 0.06 and node.y <= y <= node.y + node.height
