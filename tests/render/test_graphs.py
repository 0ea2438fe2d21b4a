"""Connections as graphs: every end is one node, whatever it is called, and every connection one arrow."""

import re
from ipaddress import ip_network

import pytest

from ringfence.analysis.connections import Connection
from ringfence.engine.pods import Reference
from ringfence.render.connections import dot, mermaid
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

WEB = Reference("end", "Deployment", "web")
DB = Reference("node_0", "Pod", "db")
MYSQL = Traffic.of("TCP", ((3306, 3306),))


def hosts(*numbers: int) -> Addresses:
    return Addresses.of(*(ip_network(f"10.0.0.{number}/32") for number in numbers))


CONNECTIONS = [
    Connection(WEB, DB, MYSQL),
    Connection(WEB, ALL_ADDRESSES, ALL_TRAFFIC),
    Connection(hosts(1, 3, 5, 7, 9), WEB, MYSQL),
    Connection(hosts(1, 3, 5, 7, 11), WEB, MYSQL),
]
FEW_WORDS = "10.0.0.1/32, 10.0.0.3/32, 10.0.0.5/32, 10.0.0.7/32 and 1 more"


def test_a_graph_for_graphviz() -> None:
    assert dot(CONNECTIONS[:2]) == (
        "digraph connections {\n"
        '  rankdir="LR"; node [shape=box, style=rounded];\n'
        "  subgraph cluster_0 {\n"
        '    label="end";\n'
        '    node_0 [label="Deployment/web"];\n'
        "  }\n"
        "  subgraph cluster_1 {\n"
        '    label="node_0";\n'
        '    node_1 [label="db"];\n'
        "  }\n"
        '  node_2 [label="any address", shape=ellipse];\n'
        '  node_0 -> node_1 [label="TCP 3306"];\n'
        '  node_0 -> node_2 [label="all traffic"];\n'
        "}\n"
    )


def test_a_flowchart_for_mermaid() -> None:
    """A namespace may be called `end`, which ends a box in Mermaid, or like a node."""
    assert mermaid(CONNECTIONS[:2]) == (
        "flowchart LR\n"
        '  subgraph namespace_0["end"]\n'
        '    node_0["Deployment/web"]\n'
        "  end\n"
        '  subgraph namespace_1["node_0"]\n'
        '    node_1["db"]\n'
        "  end\n"
        '    node_2["any address"]\n'
        '  node_0 -->|"TCP 3306"| node_1\n'
        '  node_0 -->|"all traffic"| node_2\n'
    )


@pytest.mark.parametrize("text", [dot(CONNECTIONS), mermaid(CONNECTIONS)])
def test_ends_that_read_alike_stay_two(text: str) -> None:
    assert len(re.findall(rf'node_\d+ ?\[(label=)?"{re.escape(FEW_WORDS)}"', text)) == 2


@pytest.mark.parametrize("text", [dot([]), mermaid([])])
def test_without_connections_the_graph_is_empty(text: str) -> None:
    assert text in ('digraph connections {\n  rankdir="LR"; node [shape=box, style=rounded];\n}\n', "flowchart LR\n")
