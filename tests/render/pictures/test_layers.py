"""Layers: edges lead to the right, in few columns, and the same graph has the same layers."""

from itertools import combinations, pairwise
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from ringfence.render.pictures.layers import MOST_COLUMNS, Layered, layered

graphs = st.integers(1, 9).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(0, 2), min_size=size, max_size=size),
        st.lists(
            st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda edge: edge[0] != edge[1]),
            unique=True,
            max_size=14,
        ),
    )
)


@given(graphs)
def test_an_edge_passes_each_column_between_its_ends_once_and_stays_in_one_direction(
    graph: tuple[list[int], list[tuple[int, int]]],
) -> None:
    lanes, edges = graph
    made = layered(lanes, edges)
    column_of = {place: number for number, column in enumerate(made.columns) for lane in column for place in lane}
    lane_of = {place: number for column in made.columns for number, lane in enumerate(column) for place in lane}
    assert [lane_of[node] for node in range(len(lanes))] == lanes
    assert [(edge.start, edge.end) for edge in made.edges] == edges
    for edge in made.edges:
        assert (edge.places[0], edge.places[-1]) == (edge.start, edge.end)
        steps = {column_of[other] - column_of[one] for one, other in pairwise(edge.places)}
        assert steps in ({1}, {-1}) or (steps == {0} and len(edge.places) == 2)
        assert all(place >= len(lanes) for place in edge.places[1:-1])


def within_columns(made: Layered) -> int:
    """The number of edges whose ends are in the same column."""
    column_of = {place: number for number, column in enumerate(made.columns) for lane in column for place in lane}
    return sum(column_of[edge.start] == column_of[edge.end] for edge in made.edges)


@given(graphs, st.integers(1, 4))
def test_of_too_many_columns_those_are_joined_that_have_the_fewest_edges_between_them(
    graph: tuple[list[int], list[tuple[int, int]]], most: int
) -> None:
    lanes, edges = graph
    with patch("ringfence.render.pictures.layers.MOST_COLUMNS", len(lanes)):
        whole = layered(lanes, edges)
    column_of = {place: number for number, column in enumerate(whole.columns) for lane in column for place in lane}
    with patch("ringfence.render.pictures.layers.MOST_COLUMNS", most):
        joined = layered(lanes, edges)
    assert len(joined.columns) == min(most, len(whole.columns))
    ways = combinations(range(1, len(whole.columns)), len(joined.columns) - 1)
    parts = [{place: sum(column_of[place] >= one for one in way) for place in range(len(lanes))} for way in ways]
    assert within_columns(joined) == min(sum(part[start] == part[end] for start, end in edges) for part in parts)


def test_nodes_that_all_have_edges_with_each_other_are_in_few_columns() -> None:
    made = layered([0] * 12, [(one, other) for one in range(12) for other in range(12) if one != other])
    assert len(made.columns) == MOST_COLUMNS
    assert sorted(sum(place < 12 for place in column[0]) for column in made.columns) == [2, 2, 2, 3, 3]


def test_a_graph_without_cycles_leads_to_the_right_only() -> None:
    made = layered([0] * 5, [(0, 1), (1, 2), (0, 2), (3, 2), (2, 4)])
    column_of = {place: number for number, column in enumerate(made.columns) for lane in column for place in lane}
    assert [column_of[node] for node in range(5)] == [0, 1, 2, 1, 3]


def test_of_a_cycle_one_edge_leads_back() -> None:
    made = layered([0] * 3, [(0, 1), (1, 2), (2, 0)])
    column_of = {place: number for number, column in enumerate(made.columns) for lane in column for place in lane}
    assert sum(column_of[edge.end] < column_of[edge.start] for edge in made.edges) == 1


def test_edges_of_the_same_start_share_their_bends() -> None:
    made = layered([0] * 5, [(0, 1), (1, 2), (2, 3), (0, 3), (0, 2), (2, 4), (0, 4)])
    long = [edge.places for edge in made.edges if len(edge.places) > 2]
    assert len(long) == 3
    assert len({places[1] for places in long}) == 1


def test_crossings_are_avoided_where_they_can_be() -> None:
    made = layered([0] * 6, [(0, 5), (1, 4), (2, 3)])
    (left,), (right,) = made.columns
    order = {place: position for position, place in enumerate(right)}
    assert [order[5 - place] for place in left] == [0, 1, 2]


def test_edges_of_two_strands_are_apart_all_the_way() -> None:
    made = layered([0] * 4, [(0, 1), (1, 2), (0, 2), (0, 2), (2, 3), (0, 3)], [0, 0, 0, 1, 0, 1])
    one, other = (edge.places for edge in made.edges[2:4])
    assert (one[0], one[-1]) == (other[0], other[-1])
    assert not set(one[1:-1]) & set(other[1:-1])
    assert made.edges[5].places[1] == other[1]
