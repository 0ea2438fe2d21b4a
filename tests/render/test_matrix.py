"""The matrix: sources down, destinations across."""

import csv
import io
import re

import pytest
from hypothesis import given
from tests.render.test_connection_views import MYSQL, addresses, found_connections

from ringfence.analysis.connections import Connection
from ringfence.engine.population.pods import Reference
from ringfence.render.matrix import cell, matrix, matrix_csv, matrix_markdown, matrix_text
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
    made = matrix([A, B, WEB], FOUND)
    assert made.names == ("x/a", "x/b", "x/Deployment/web", "outside the cluster")
    assert made.cells == (
        ("·", "3306", "-", "-"),
        ("-", "·", "-", "all"),
        ("-", "-", "all", "-"),
        ("some*", "-", "-", "·"),
    )


def test_the_diagonal_has_what_passes_between_two_pods_of_a_workload() -> None:
    idle = Reference("x", "DaemonSet", "idle")
    made = matrix([A, WEB, idle], FOUND, {WEB, idle})
    assert [row[at] for at, row in enumerate(made.cells)] == ["·", "all", "-", "·"]


def test_connections_with_some_addresses_are_in_notes() -> None:
    assert matrix([A], FOUND).notes == ("192.0.2.7/32 -> x/a: TCP 3306", "192.0.2.8/32 -> x/a: all traffic")


def test_only_the_listed_ends_have_notes() -> None:
    assert matrix([B, WEB], FOUND).notes == ()


def test_names_are_in_the_rows_and_their_numbers_over_the_columns() -> None:
    assert matrix_text(matrix([A, B, WEB], FOUND)) == (
        "                         1     2     3    4\n"
        "1 x/a                    ·    3306   -    -\n"
        "2 x/b                    -     ·     -   all\n"
        "3 x/Deployment/web       -     -    all   -\n"
        "4 outside the cluster  some*   -     -    ·\n"
        "\n"
        "* 192.0.2.7/32 -> x/a: TCP 3306\n"
        "* 192.0.2.8/32 -> x/a: all traffic\n"
    )


def test_markdown() -> None:
    assert matrix_markdown(matrix([A, B], FOUND[:1])) == (
        "| source \\\\ destination | x/a | x/b | outside the cluster |\n"
        "|---|---|---|---|\n"
        "| x/a | · | 3306 | - |\n"
        "| x/b | - | · | - |\n"
        "| outside the cluster | - | - | · |\n"
    )


def test_below_a_markdown_table_notes_are_a_list() -> None:
    assert matrix_markdown(matrix([A], FOUND[3:])).endswith(
        "|\n\n* 192.0.2.7/32 -> x/a: TCP 3306\n* 192.0.2.8/32 -> x/a: all traffic\n"
    )


def test_csv() -> None:
    assert list(csv.reader(io.StringIO(matrix_csv(matrix([A, B], FOUND[:1]))))) == [
        ["", "x/a", "x/b", "outside the cluster"],
        ["x/a", "·", "3306", "-"],
        ["x/b", "-", "·", "-"],
        ["outside the cluster", "-", "-", "·"],
    ]


def test_a_cluster_without_pods_has_a_matrix_of_the_outside() -> None:
    assert matrix_text(matrix([], [])) == "                       1\n1 outside the cluster  ·\n"


@given(found_connections)
def test_no_name_breaks_out_of_a_row(found: list[Connection]) -> None:
    ends = list(dict.fromkeys(end for one in found for end in (one.source, one.destination)))
    references = [end for end in ends if isinstance(end, Reference)]
    made = matrix(references, found)
    size = len(references) + 1
    rows = list(csv.reader(io.StringIO(matrix_csv(made), newline="")))
    assert [len(row) for row in rows] == [size + 1] * (size + 1)
    assert len(matrix_text(made).split("\n")) == size + 2
    lines = matrix_markdown(made).split("\n")
    assert len(lines) == size + 3
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == size + 2 for line in lines[:-1])
