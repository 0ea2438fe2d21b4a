"""The matrix: sources down, destinations across."""

import csv
import io
import re
from collections.abc import Collection, Iterable

import pytest
from hypothesis import given
from tests.render.test_connection_views import MYSQL, addresses, found_connections

from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import folded
from ringfence.analysis.lists.folded_views import FoldedView
from ringfence.engine.population.pods import Reference
from ringfence.render.matrix import Matrix, cell, matrix, matrix_csv, matrix_markdown, matrix_text, matrix_width
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

A, B = (Reference("x", "Pod", name) for name in "ab")
WEB = Reference("x", "Deployment", "web")
FOUND = [
    Connection(A, B, MYSQL),
    Connection(WEB, WEB, ALL_TRAFFIC),
    Connection(B, ALL_ADDRESSES, ALL_TRAFFIC),
    Connection(addresses("192.0.2.7"), A, MYSQL),
    Connection(addresses("192.0.2.8"), A, ALL_TRAFFIC),
]


def made(
    sources: Collection[Reference],
    found: Iterable[Connection],
    destinations: Collection[Reference] | None = None,
    several: Collection[Reference] = (WEB,),
) -> Matrix:
    """The matrix of a list; its columns are its rows, unless others are given."""
    reached = sources if destinations is None else destinations
    list_ = folded(sources, reached, found, several)
    return matrix(FoldedView(list_, frozenset(several), frozenset(sources), True, destinations is None))


@pytest.mark.parametrize(
    ("traffic", "written"),
    [
        (NO_TRAFFIC, "-"),
        (ALL_TRAFFIC, "all"),
        (MYSQL, "3306"),
        (Traffic.of("TCP", [(80, 80), (8000, 8080)]), "80,8000-8080"),
        (Traffic.of("UDP", [(53, 53)]), "53/UDP"),
        (Traffic(((80, 80),), ((53, 53),), ((7, 7),)), "80 53/UDP 7/SCTP"),
        (Traffic.of("UDP"), "UDP"),
        (Traffic.of("TCP") | Traffic.of("SCTP", [(7, 7)]), "TCP 7/SCTP"),
    ],
)
def test_traffic_in_a_cell(traffic: Traffic, written: str) -> None:
    assert cell(traffic) == written


def test_rows_are_sources_columns_destinations_and_the_outside_comes_last() -> None:
    written = made([A, B, WEB], FOUND)
    assert written.names == ("x/Deployment/web", "x/a", "x/b", "outside the cluster")
    assert written.cells == (
        ("all", "-", "-", "-"),
        ("-", "·", "3306", "-"),
        ("-", "-", "·", "all"),
        ("-", "some*", "-", "·"),
    )


def test_the_diagonal_has_what_passes_between_two_pods_of_a_workload() -> None:
    idle = Reference("x", "DaemonSet", "idle")
    written = made([A, WEB, idle], FOUND, several={WEB, idle})
    assert [row[at] for at, row in enumerate(written.cells)] == ["-", "all", "·", "·"]


def test_connections_with_some_addresses_are_in_notes() -> None:
    assert made([A], FOUND).notes == ("192.0.2.7/32 -> x/a: TCP 3306", "192.0.2.8/32 -> x/a: all traffic")


def test_only_the_listed_ends_have_notes() -> None:
    assert made([B, WEB], FOUND).notes == ()


def test_names_are_in_the_rows_and_their_numbers_over_the_columns() -> None:
    assert matrix_text(made([A, B, WEB], FOUND)) == (
        "                        1     2     3     4\n"
        "1 x/Deployment/web     all    -     -     -\n"
        "2 x/a                   -     ·    3306   -\n"
        "3 x/b                   -     -     ·    all\n"
        "4 outside the cluster   -   some*   -     ·\n"
        "\n"
        "* 192.0.2.7/32 -> x/a: TCP 3306\n"
        "* 192.0.2.8/32 -> x/a: all traffic\n"
    )


def test_columns_that_are_not_the_rows_have_letters() -> None:
    assert matrix_text(made([A, B], FOUND, [B])) == (
        "                        a\n"
        "1 x/a                  3306\n"
        "2 x/b                   ·\n"
        "3 outside the cluster   -\n"
        "\n"
        "a x/b\n"
    )


def test_equal_pods_are_one_row_and_one_column_with_their_names_below() -> None:
    C, D = (Reference("y", "Pod", name) for name in "cd")
    to_b = [Connection(one, B, MYSQL) for one in (A, C)]
    assert matrix_text(made([A, B, C, D], to_b)) == (
        "                       1   2    3  4\n"
        "1 x/a and 1 more       -  3306  -  -\n"
        "2 x/b                  -   ·    -  -\n"
        "3 y/d                  -   -    ·  -\n"
        "4 outside the cluster  -   -    -  ·\n"
        "\n"
        "1 x/a, y/c\n"
    )


def test_equal_pods_that_are_all_of_a_namespace_are_named_by_it() -> None:
    assert made([A, B, WEB], []).names == ("all 3 in x", "outside the cluster")
    assert made([A, B, Reference("y", "Pod", "c")], []).names == ("all 2 in x, all 1 in y", "outside the cluster")


def test_traffic_between_some_pods_of_namespaces_only_is_marked() -> None:
    spaces = [Reference("", "Namespace", name) for name in "xy"]
    found = [Connection(spaces[0], spaces[1], MYSQL, is_partial=True)]
    assert matrix_text(made(spaces, found, several=spaces)) == (
        "                       1    2    3\n"
        "1 x/*                  -  ~3306  -\n"
        "2 y/*                  -    -    -\n"
        "3 outside the cluster  -    -    ·\n"
        "\n"
        "~ for some of the pods only\n"
    )


def test_the_width_is_that_of_the_rows_and_not_of_what_is_below() -> None:
    assert matrix_width(made([A, B, WEB], FOUND)) == len("3 x/b                   -     -     ·    all")


def test_markdown() -> None:
    assert matrix_markdown(made([A, B], FOUND[:1])) == (
        "| source \\\\ destination | x/a | x/b | outside the cluster |\n"
        "|---|---|---|---|\n"
        "| x/a | · | 3306 | - |\n"
        "| x/b | - | · | - |\n"
        "| outside the cluster | - | - | · |\n"
    )


def test_below_a_markdown_table_notes_are_a_list() -> None:
    assert matrix_markdown(made([A], FOUND[3:])).endswith(
        "|\n\n* 192.0.2.7/32 -> x/a: TCP 3306\n* 192.0.2.8/32 -> x/a: all traffic\n"
    )


def test_csv() -> None:
    assert list(csv.reader(io.StringIO(matrix_csv(made([A, B], FOUND[:1]))))) == [
        ["", "x/a", "x/b", "outside the cluster"],
        ["x/a", "·", "3306", "-"],
        ["x/b", "-", "·", "-"],
        ["outside the cluster", "-", "-", "·"],
    ]


def test_a_cluster_without_pods_has_a_matrix_of_the_outside() -> None:
    assert matrix_text(made([], [])) == "                       1\n1 outside the cluster  ·\n"


@given(found_connections)
def test_no_name_breaks_out_of_a_row(found: list[Connection]) -> None:
    ends = list(dict.fromkeys(end for one in found for end in (one.source, one.destination)))
    references = [end for end in ends if isinstance(end, Reference)]
    written = made(references, found, several=references)
    size = len(written.rows)
    legend = sum(len(members) > 1 for members in written.rows)
    rows = list(csv.reader(io.StringIO(matrix_csv(written), newline="")))
    assert [len(row) for row in rows] == [size + 1] * (size + 1)
    assert len(matrix_text(written).split("\n")) == size + 2 + (legend + 1 if legend else 0)
    lines = matrix_markdown(written).split("\n")
    assert len(lines) == size + 3
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == size + 2 for line in lines[:-1])
