"""Connections in every format: what is in them, and that no name can break out of its place."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.analysis.connections import Connection
from ringfence.engine.population.pods import Reference
from ringfence.render.connection_views import (
    CONNECTION_FORMATS,
    connections_csv,
    connections_dot,
    connections_markdown,
    connections_mermaid,
    connections_table,
)
from ringfence.render.ends import short_text
from ringfence.render.formats import one_line
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


@pytest.mark.parametrize(
    ("end", "written"),
    [
        (DB, "prod/db"),
        (API, "prod/Deployment/api"),
        (ALL_ADDRESSES, "any address"),
        (BACKUP, "192.168.5.10/32"),
        (addresses("10.0.0.0/8", "fd00::/8"), "10.0.0.0/8, fd00::/8"),
        (
            addresses("10.0.0.0/32", "10.0.0.2/32", "10.0.0.4/32", "10.0.0.6/32", "10.0.0.8/32", "10.0.0.10/32"),
            "10.0.0.0/32, 10.0.0.2/32, 10.0.0.4/32, 10.0.0.6/32 and 2 more",
        ),
    ],
)
def test_an_end_in_few_words(end: Reference | Addresses, written: str) -> None:
    assert short_text(end) == written


def test_a_table_in_the_manner_of_kubectl() -> None:
    assert connections_table(FOUND) == (
        "SOURCE                DESTINATION           TRAFFIC\n"
        "prod/Deployment/api   prod/db               TCP 3306\n"
        "prod/db               192.168.5.10/32       TCP 80,443\n"
        "any address           prod/Deployment/api   all traffic\n"
        "prod/Deployment/api   ops/DaemonSet/log     all traffic\n"
    )


def test_csv_names_addresses_in_full() -> None:
    many = addresses("10.0.0.0/32", "10.0.0.2/32", "10.0.0.4/32", "10.0.0.6/32", "10.0.0.8/32")
    assert rows_of_csv(connections_csv([Connection(DB, many, MYSQL), Connection(ALL_ADDRESSES, DB, MYSQL)])) == [
        ["source", "destination", "traffic"],
        ["prod/db", "10.0.0.0/32 10.0.0.2/32 10.0.0.4/32 10.0.0.6/32 10.0.0.8/32", "TCP 3306"],
        ["0.0.0.0/0 ::/0", "prod/db", "TCP 3306"],
    ]


def test_markdown() -> None:
    assert connections_markdown(FOUND[:2]) == (
        "| source | destination | traffic |\n"
        "|---|---|---|\n"
        "| prod/Deployment/api | prod/db | TCP 3306 |\n"
        "| prod/db | 192.168.5.10/32 | TCP 80,443 |\n"
    )


def test_dot_draws_a_box_around_each_namespace() -> None:
    graph = Dot(connections_dot(FOUND))
    assert graph.boxes == {"prod": {"Deployment/api", "db"}, "ops": {"DaemonSet/log"}}
    assert graph.outside == {"192.168.5.10/32", "any address"}
    assert graph.edges == [
        ("Deployment/api", "db", "TCP 3306"),
        ("db", "192.168.5.10/32", "TCP 80,443"),
        ("any address", "Deployment/api", "all traffic"),
        ("Deployment/api", "DaemonSet/log", "all traffic"),
    ]


def test_mermaid_draws_the_same() -> None:
    chart = Mermaid(connections_mermaid(FOUND))
    assert chart.boxes == {"prod": {"Deployment/api", "db"}, "ops": {"DaemonSet/log"}}
    assert chart.outside == {"192.168.5.10/32", "any address"}
    assert chart.edges == [
        ("Deployment/api", "db", "TCP 3306"),
        ("db", "192.168.5.10/32", "TCP 80,443"),
        ("any address", "Deployment/api", "all traffic"),
        ("Deployment/api", "DaemonSet/log", "all traffic"),
    ]


@pytest.mark.parametrize("name", CONNECTION_FORMATS)
def test_nothing_to_draw_is_no_error(name: str) -> None:
    assert isinstance(CONNECTION_FORMATS[name]([]), str)


def test_different_addresses_are_different_nodes_though_they_look_alike() -> None:
    """What is left of all addresses without one begins with the same CIDRs whichever one it is."""
    rest = [ALL_ADDRESSES - addresses(f"192.168.5.{last}") for last in (10, 11)]
    assert short_text(rest[0]) == short_text(rest[1])
    found = [Connection(API, rest[0], MYSQL), Connection(DB, rest[1], MYSQL)]
    assert len(Dot(connections_dot(found)).nodes) == len(Mermaid(connections_mermaid(found)).nodes) == 4


# --- hostile names ----------------------------------------------------------------------------------------------------

HOSTILE = [
    'quote"quote',
    'a"]; evil -> b; x["',
    "back\\",
    'back\\"',
    "new\nline",
    "return\rline",
    "pipe|pipe",
    "<b>html</b>",
    "#quot;",
    "a, b",
    "end",
    "subgraph",
    "}",
    "--> x",
    "`code`",
    "",
    "a/b",
]
names = st.sampled_from(HOSTILE) | st.text(max_size=6)
references = st.builds(Reference, names.map(lambda name: f"n{name}"), st.just("Pod"), names)
found_connections = st.lists(st.builds(Connection, references, references, st.just(MYSQL)), max_size=4)


@given(found_connections)
def test_csv_gives_back_every_name(found: list[Connection]) -> None:
    rows = rows_of_csv(connections_csv(found))
    assert rows[1:] == [
        [one_line(short_text(one.source)), one_line(short_text(one.destination)), "TCP 3306"] for one in found
    ]


@given(found_connections)
def test_a_line_of_a_table_is_a_connection(found: list[Connection]) -> None:
    assert len(connections_table(found).split("\n")) == (len(found) + 2 if found else 1)
    assert "\x1b" not in connections_table(found)
    assert "\r" not in connections_table(found)


@given(found_connections)
def test_a_row_of_markdown_is_a_connection_of_three_cells(found: list[Connection]) -> None:
    lines = connections_markdown(found).split("\n")
    assert len(lines) == len(found) + 3
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4 for line in lines[:-1])


@given(found_connections)
def test_no_name_breaks_out_of_a_dot_graph(found: list[Connection]) -> None:
    graph = Dot(connections_dot(found))
    ends = {end for one in found for end in (one.source, one.destination)}
    assert len(graph.nodes) == len(ends)
    assert len(graph.edges) == len(found)
    assert graph.boxes.keys() == {one_line(end.namespace) for end in ends if isinstance(end, Reference)}


@given(found_connections)
def test_no_name_breaks_out_of_a_mermaid_chart(found: list[Connection]) -> None:
    chart = Mermaid(connections_mermaid(found))
    ends = {end for one in found for end in (one.source, one.destination)}
    assert len(chart.nodes) == len(ends)
    assert len(chart.edges) == len(found)


def rows_of_csv(written: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written, newline="")))


class Dot:
    """A graph read back, by the grammar of the DOT language as far as it is used."""

    TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(->|[{}\[\];,=])|([A-Za-z_][A-Za-z_0-9]*))', re.S)

    def __init__(self, written: str) -> None:
        self.nodes: dict[str, str] = {}
        self.boxes: dict[str, set[str]] = {}
        self.outside: set[str] = set()
        self.edges: list[tuple[str, str, str]] = []
        self._tokens = list(self._split(written))
        assert self._take(3) == ["digraph", "connections", "{"]
        self._statements(None)
        assert not self._tokens, "nothing is left over"

    def _split(self, written: str) -> Iterator[str]:
        at = 0
        while written[at:].strip():
            token = self.TOKEN.match(written, at)
            assert token, written[at:]
            quoted, mark, word = token.groups()
            yield (
                mark
                or word
                or '"'
                + re.sub(r"\\(.)", lambda one: {"n": "\n"}.get(one[1], one[1]), quoted, flags=re.S).replace(
                    "&amp;", "&"
                )
            )
            at = token.end()

    def _take(self, count: int) -> list[str]:
        taken, self._tokens = self._tokens[:count], self._tokens[count:]
        return taken

    def _statements(self, box: str | None) -> None:
        while (first := self._take(1)[0]) != "}":
            if first == "subgraph":
                name, brace, label, equals, title, semicolon = self._take(6)
                assert name.startswith("cluster_")
                assert (brace, label, equals, semicolon) == ("{", "label", "=", ";")
                self.boxes[title[1:]] = set()
                self._statements(title[1:])
            elif self._tokens[0] == "->":
                _, second = self._take(2)
                self.edges.append((self.nodes[first], self.nodes[second], self._attributes()["label"]))
            elif self._tokens[0] == "=":
                self._take(3)
            else:
                self._node(first, box)

    def _node(self, name: str, box: str | None) -> None:
        attributes = self._attributes()
        if name != "node":
            label = attributes.get("label", name[1:])
            self.nodes[name] = label
            (self.outside if box is None else self.boxes[box]).add(label)

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        assert self._take(1) == ["["]
        while True:
            key, equals, value, after = self._take(4)
            assert equals == "="
            found[key] = value.removeprefix('"')
            if after == "]":
                assert self._take(1) == [";"]
                return found
            assert after == ","


class Mermaid:
    """A flowchart read back, line by line."""

    def __init__(self, written: str) -> None:
        self.nodes: dict[str, str] = {}
        self.boxes: dict[str, set[str]] = {}
        self.outside: set[str] = set()
        self.edges: list[tuple[str, str, str]] = []
        first, *lines, last = written.split("\n")
        assert (first, last) == ("flowchart LR", "")
        self._read(lines)

    def _read(self, lines: Sequence[str]) -> None:
        box: str | None = None
        for line in lines:
            if opened := re.fullmatch(r'  subgraph (namespace_\d+)\["([^"\n]*)"\]', line):
                box = opened[2]
                self.boxes[box] = set()
            elif line == "  end":
                box = None
            elif node := re.fullmatch(r'    (node_\d+)\["([^"\n]*)"\]', line):
                self.nodes[node[1]] = node[2]
                (self.outside if box is None else self.boxes[box]).add(node[2])
            else:
                edge = re.fullmatch(r'  (node_\d+) -->\|"([^"\n]*)"\| (node_\d+)', line)
                assert edge, line
                self.edges.append((self.nodes[edge[1]], self.nodes[edge[3]], edge[2]))
