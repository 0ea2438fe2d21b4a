"""Layouts: nothing overlaps, and every element is in its lane and column."""

from itertools import combinations, pairwise

import pytest
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
def test_labels_overlap_neither_boxes_nor_one_another_unless_they_are_the_same_one(
    graph: tuple[list[int], list[tuple[int, int]]], lines: list[int], names: list[str]
) -> None:
    layout = made(graph, lines, names)
    texts: dict[tuple[int, str, float, float], Rectangle] = {}
    ends = [end for _, end in graph[1] + graph[1][::3]]
    for end, route, name in zip(ends, layout.routes, [*names[: len(graph[1])], *["more"] * 14], strict=False):
        width = text_width(name, 11)
        texts[end, name, route.label_x, route.label_y] = Rectangle(
            route.label_x - width if route.label_ends else route.label_x, route.label_y - 9, width, 10
        )
    assert not any(overlap(one, other) for one, other in combinations(texts.values(), 2))
    assert not any(overlap(text, node) for text in texts.values() for node in layout.nodes)
    assert all(is_within(text, Rectangle(0, 0, layout.width, layout.height)) for text in texts.values())


def test_edges_with_the_same_label_share_an_arrowhead_and_other_edges_do_not() -> None:
    nodes = [LaneNode(0, (name,)) for name in "abcde"]
    edges = [LaneEdge(0, 4, "80"), LaneEdge(1, 4, "80"), LaneEdge(2, 4, "443"), LaneEdge(3, 4, "80", 1)]
    routes = lane_layout(1, nodes, edges, 0).routes
    tips = [_points(route.path)[-1] for route in routes]
    assert tips[0] == tips[1]
    assert len(set(tips)) == 3
    assert len({(route.label_x, route.label_y) for route in routes}) == 3


def test_edges_leave_a_box_together() -> None:
    nodes = [LaneNode(0, (name,)) for name in "abcd"]
    routes = lane_layout(1, nodes, [LaneEdge(0, end, str(end)) for end in (1, 2, 3)], 0).routes
    assert len({_points(route.path)[0] for route in routes}) == 1


def test_an_edge_within_a_column_leaves_and_comes_at_the_right_side() -> None:
    nodes = [LaneNode(0, (str(number),)) for number in range(9)]
    layout = lane_layout(1, nodes, [LaneEdge(one, one + 1, "80") for one in range(8)], 0)
    beside = [one for one in range(8) if layout.nodes[one].x == layout.nodes[one + 1].x]
    assert beside
    for one in beside:
        points = _points(layout.routes[one].path)
        right = layout.nodes[one].x + layout.nodes[one].width
        assert points[0][0] == points[-1][0] == pytest.approx(right, abs=0.06)
        assert not layout.routes[one].label_ends


@given(graphs, st.lists(st.integers(1, 4), min_size=9, max_size=9), st.lists(labels, min_size=14, max_size=14))
def test_edges_begin_and_end_at_the_sides_of_their_boxes_and_turn_beside_all_boxes(
    graph: tuple[list[int], list[tuple[int, int]]], lines: list[int], names: list[str]
) -> None:
    layout = made(graph, lines, names)
    for (start, end), route in zip(graph[1] + graph[1][::3], layout.routes, strict=True):
        points = _points(route.path)
        assert _is_at_a_side(points[0], layout.nodes[start])
        assert _is_at_a_side(points[-1], layout.nodes[end])
        assert all(0 <= x <= layout.width for x in _numbers(route.path)[::2])
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


def _numbers(path: str) -> list[float]:
    """The coordinates of the points of a path, which bound its curves: x and y in turn."""
    numbers: list[float] = []
    for word in path.split():
        if word.startswith("H"):
            numbers += [float(word[1:]), numbers[-1]]
        else:
            numbers.append(float(word.lstrip("MC")))
    return numbers


def _is_at_a_side(point: tuple[float, float], node: Rectangle) -> bool:
    x, y = point
    return min(abs(x - node.x), abs(x - node.x - node.width)) < 0.06 and node.y <= y <= node.y + node.height
