"""Connections in every format, with every name in its place."""

import json
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.formats.test_csv import rows_of
from tests.render.formats.test_markdown import inline_texts, shown
from tests.render.hostile_text import texts
from tests.render.json_shapes import CONNECTIONS, fits

from ringfence.analysis.lists.connections import Connection
from ringfence.engine.population.pods import Reference
from ringfence.model.origin import Place
from ringfence.model.problems import Problem
from ringfence.render.connection_views import (
    CONNECTION_FORMATS,
    connections_csv,
    connections_json,
    connections_markdown,
    connections_table,
)
from ringfence.render.formats import escape_controls, one_line
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

API, DB, LOG = (
    Reference("prod", "Deployment", "api"),
    Reference("prod", "Pod", "db"),
    Reference("ops", "DaemonSet", "log"),
)
MYSQL = Traffic.of("TCP", [(3306, 3306)])


def addresses(*cidrs: str) -> Addresses:
    return Addresses.of(*map(ip_network, cidrs))


BACKUP = addresses("192.168.5.10")
FOUND = [
    Connection(API, DB, MYSQL),
    Connection(DB, BACKUP, Traffic.of("TCP", [(80, 80), (443, 443)])),
    Connection(ALL_ADDRESSES, API, ALL_TRAFFIC),
    Connection(API, LOG, ALL_TRAFFIC),
]


def test_a_table_in_the_style_of_kubectl() -> None:
    assert "".join(connections_table(FOUND)) == (
        "SOURCE                DESTINATION           TRAFFIC\n"
        "prod/Deployment/api   prod/db               TCP 3306\n"
        "prod/db               192.168.5.10/32       TCP 80,443\n"
        "any address           prod/Deployment/api   all traffic\n"
        "prod/Deployment/api   ops/DaemonSet/log     all traffic\n"
    )


def test_csv_leaves_no_address_out() -> None:
    many = addresses("10.0.0.0/32", "10.0.0.2/32", "10.0.0.4/32", "10.0.0.6/32", "10.0.0.8/32")
    assert rows_of("".join(connections_csv([Connection(DB, many, MYSQL), Connection(ALL_ADDRESSES, DB, MYSQL)]))) == [
        ["source", "destination", "traffic"],
        ["prod/db", "10.0.0.0/32, 10.0.0.2/32, 10.0.0.4/32, 10.0.0.6/32, 10.0.0.8/32", "TCP 3306"],
        ["any address", "prod/db", "TCP 3306"],
    ]


@pytest.mark.parametrize("view", CONNECTION_FORMATS.values())
def test_addresses_are_written_as_an_ip_block_is(view: Callable[[Iterable[Connection]], Iterator[str]]) -> None:
    """The commonest egress rule there is: the internet, and not the private ranges."""
    internet = addresses("0.0.0.0/0") - addresses("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    written = "".join(view([Connection(DB, internet, Traffic.of("TCP", [(443, 443)]))]))
    assert "0.0.0.0/0 except 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16" in written


def test_markdown() -> None:
    assert "".join(connections_markdown(FOUND[:2])) == (
        "| source | destination | traffic |\n"
        "|---|---|---|\n"
        "| prod/Deployment/api | prod/db | TCP 3306 |\n"
        "| prod/db | 192.168.5.10/32 | TCP 80,443 |\n"
    )


@pytest.mark.parametrize("name", CONNECTION_FORMATS)
def test_no_connections_are_not_an_error(name: str) -> None:
    assert isinstance("".join(CONNECTION_FORMATS[name]([])), str)


def test_json_word_for_word() -> None:
    assert json.loads("".join(connections_json(FOUND[:3]))) == {
        "apiVersion": "ringfence/v1",
        "connections": [
            {
                "source": {"namespace": "prod", "kind": "Deployment", "name": "api"},
                "destination": {"namespace": "prod", "kind": "Pod", "name": "db"},
                "traffic": [{"protocol": "TCP", "ports": "3306"}],
            },
            {
                "source": {"namespace": "prod", "kind": "Pod", "name": "db"},
                "destination": {"addresses": ["192.168.5.10/32"]},
                "traffic": [{"protocol": "TCP", "ports": "80,443"}],
            },
            {
                "source": {"addresses": ["0.0.0.0/0", "::/0"]},
                "destination": {"namespace": "prod", "kind": "Deployment", "name": "api"},
                "traffic": [{"protocol": name, "ports": "1-65535"} for name in ("TCP", "UDP", "SCTP")],
            },
        ],
        "assumptions": [],
        "problems": [],
    }
    assert fits(json.loads("".join(connections_json(FOUND))), CONNECTIONS)


def test_json_has_one_connection_on_each_line() -> None:
    assert "".join(connections_json(FOUND)).count("\n") == len(FOUND) + 2


def test_json_ends_with_what_the_list_assumes() -> None:
    written = json.loads("".join(connections_json(FOUND, ["a policy is not read"])))
    assert written["assumptions"] == ["a policy is not read"]


def test_no_connections_are_an_empty_list() -> None:
    assert json.loads("".join(connections_json([]))) == {
        "apiVersion": "ringfence/v1",
        "connections": [],
        "assumptions": [],
        "problems": [],
    }


def test_json_has_the_problems_of_the_input() -> None:
    problem = Problem(Place("p.yaml", 3), "invalid-yaml", "not YAML")
    document = json.loads("".join(connections_json(FOUND, problems=[problem])))
    assert fits(document, CONNECTIONS)
    assert [one["message"] for one in document["problems"]] == ["not YAML"]


references = st.builds(Reference, texts.map(lambda name: f"n{name}"), st.just("Pod"), texts)
found_connections = st.lists(st.builds(Connection, references, references, st.just(MYSQL)), max_size=4)


@given(found_connections)
def test_csv_gives_back_every_name(found: list[Connection]) -> None:
    rows = rows_of("".join(connections_csv(found)))
    assert rows[1:] == [[one_line(str(one.source)), one_line(str(one.destination)), "TCP 3306"] for one in found]


@given(found_connections)
def test_a_line_of_a_table_is_a_connection(found: list[Connection]) -> None:
    written = "".join(connections_table(found))
    assert len(written.split("\n")) == (len(found) + 2 if found else 1)
    assert escape_controls(written) == written


@given(found_connections)
def test_a_row_of_markdown_is_a_connection_of_three_cells(found: list[Connection]) -> None:
    cells = inline_texts("".join(connections_markdown(found)))
    assert cells[3:] == [
        cell for one in found for cell in (shown(str(one.source)), shown(str(one.destination)), "TCP 3306")
    ]
