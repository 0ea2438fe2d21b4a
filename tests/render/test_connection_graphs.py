"""Connections as graphs: each pod in a node, equal ones together, and what Graphviz can draw."""

import shutil
import subprocess
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from tests.render.formats.test_dot import DotReader
from tests.render.formats.test_mermaid import MermaidReader
from tests.render.test_connection_views import API, DB, FOUND, LOG, MYSQL, found_connections

from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import Folding, folded
from ringfence.engine.population import Reference
from ringfence.render.connection_graphs import CONNECTION_GRAPHS, MOST_EDGES, connection_graph, connections_dot
from ringfence.render.formats import Graph, mermaid_text
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

IDLE = Reference("ops", "Pod", "idle")


def drawn(references: Iterable[Reference], found: list[Connection], shown: Iterable[Reference] = ()) -> Graph:
    listed = set(references)
    return connection_graph(folded(listed, listed, found, folding=Folding(within_namespaces=True)), set(shown))


def read_dot(graph: Graph) -> DotReader:
    return DotReader(connections_dot(graph))


def read_mermaid(graph: Graph) -> MermaidReader:
    return MermaidReader(mermaid_text(graph))


@pytest.mark.parametrize("read", [read_dot, read_mermaid])
def test_a_box_around_each_namespace(read: Callable[[Graph], DotReader | MermaidReader]) -> None:
    graph = read(drawn([API, DB, LOG], FOUND))
    boxes = {title: {graph.labels[node] for node in nodes} for title, nodes in dict(graph.boxes).items()}
    assert boxes == {"prod": {"Deployment/api", "db"}, "ops": {"DaemonSet/log"}}
    assert {*graph.labels.values()} - {*boxes["prod"], *boxes["ops"]} == {"192.168.5.10/32", "any address"}
    assert {(graph.labels[start], graph.labels[end], label) for start, end, label in graph.edges} == {
        ("Deployment/api", "db", "TCP 3306"),
        ("db", "192.168.5.10/32", "TCP 80,443"),
        ("any address", "Deployment/api", "all traffic"),
        ("Deployment/api", "DaemonSet/log", "all traffic"),
    }


def test_pods_without_connections_are_nodes() -> None:
    assert [node.label for node in drawn([DB, IDLE], [], [DB, IDLE]).nodes] == ["idle", "db"]
    assert drawn([DB, IDLE], [], []).nodes == ()


def test_equal_pods_of_a_namespace_are_one_node_with_all_names() -> None:
    pods = [Reference(space, "Pod", name) for space in ("x", "y") for name in "abc"]
    open_to_all = [Connection(one, other, ALL_TRAFFIC) for one in pods for other in pods if one != other]
    graph = drawn(pods, open_to_all)
    assert [(node.box, node.label, node.more) for node in graph.nodes] == [
        ("x", "a", ("b", "c")),
        ("y", "a", ("b", "c")),
    ]
    assert '[label="a\\nb\\nc"]' in connections_dot(graph)
    assert '["a<br/>b<br/>c"]' in mermaid_text(graph)


def test_names_beyond_thirty_are_counted() -> None:
    many = [Reference("x", "Pod", f"p{number:02}") for number in range(40)]
    (node,) = drawn(many, [], many).nodes
    assert (node.label, len(node.more), node.more[-1]) == ("p00", 30, "and 10 more")


def test_a_namespace_is_in_no_box() -> None:
    spaces = [Reference("", "Namespace", name) for name in "xy"]
    graph = connection_graph(folded(spaces, spaces, [Connection(spaces[0], spaces[1], MYSQL)], spaces), spaces)
    assert [(node.label, node.box) for node in graph.nodes] == [("x/*", ""), ("y/*", "")]


@given(found_connections)
def test_each_pod_is_in_one_node_whatever_its_name(found: list[Connection]) -> None:
    references = {end for one in found for end in (one.source, one.destination) if not isinstance(end, Addresses)}
    graph = drawn(references, found, references)
    assert sum(1 + len(node.more) for node in graph.nodes) == len(references)
    for read in (read_dot(graph), read_mermaid(graph)):
        assert (len(read.labels), len(read.edges)) == (len(graph.nodes), len(graph.edges))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_pods_that_nothing_isolates() -> None:
    pods = [Reference("x", "Pod", f"workload{number}") for number in range(32)]
    graph = drawn(pods, [Connection(one, other, ALL_TRAFFIC) for one in pods for other in pods if one != other])
    assert len(graph.edges) < MOST_EDGES
    ended = subprocess.run(
        ["dot", "-Tsvg"], input=connections_dot(graph), capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stderr == ""
    assert all(f">{pod.name}<" in ended.stdout for pod in sorted(pods)[:30])
    assert set(CONNECTION_GRAPHS) == {"dot", "mermaid"}
