"""The DOT language, read back by its grammar and by Graphviz."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from tests.example_counts import examples
from tests.render.formats.graphs import SMALL, graphs

from ringfence.render.formats.dot import dot_text
from ringfence.render.formats.graph import Graph, GraphEdge, GraphNode
from ringfence.render.formats.terminal import one_line


def test_a_small_graph() -> None:
    assert dot_text(SMALL, "small") == (
        "digraph small {\n"
        '  rankdir="LR"; node [shape=box, style=rounded];\n'
        "  subgraph cluster_0 {\n"
        '    label="prod";\n'
        '    node_0 [label="web"];\n'
        '    node_3 [label="db"];\n'
        "  }\n"
        "  subgraph cluster_1 {\n"
        '    label="ops";\n'
        '    node_1 [label="log"];\n'
        "  }\n"
        '  node_2 [label="192.0.2.7/32", shape=ellipse];\n'
        '  node_0 -> node_3 [label="TCP 3306"];\n'
        '  node_2 -> node_0 [label="all traffic"];\n'
        '  node_0 -> node_1 [label="UDP 514"];\n'
        "}\n"
    )


@given(graphs())
def test_any_graph_is_read_back(graph: Graph) -> None:
    read = DotReader(dot_text(graph, "any"))
    labels = [one_line(node.label) for node in graph.nodes]
    assert read.labels == {f"node_{position}": label for position, label in enumerate(labels)}
    assert read.boxes == {
        one_line(title): [f"node_{member}" for member in members] for title, members in graph.boxes() if title
    }
    assert read.edges == [(f"node_{edge.start}", f"node_{edge.end}", one_line(edge.label)) for edge in graph.edges]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
class TestGraphviz:
    @staticmethod
    def read(graph: Graph) -> Any:
        """What Graphviz draws, as its own JSON: the texts are those that appear in the picture."""
        ended = subprocess.run(
            ["dot", "-Tjson"], input=dot_text(graph, "any"), capture_output=True, text=True, check=True
        )
        assert ended.stderr == ""
        return json.loads(ended.stdout)

    @staticmethod
    def drawn(thing: Any) -> str:
        return "".join(operation["text"] for operation in thing.get("_ldraw_", ()) if operation["op"] == "T")

    @settings(max_examples=examples(20))
    @given(graphs())
    def test_graphviz_reads_the_same_nodes_and_edges(self, graph: Graph) -> None:
        read = self.read(graph)
        names = [one["name"] for one in read["objects"] if one["name"].startswith("node_")]
        assert sorted(names) == sorted(f"node_{position}" for position in range(len(graph.nodes)))
        assert len(read.get("edges", ())) == len(graph.edges)

    @pytest.mark.parametrize("label", ["&lt;", "&amp;", "\\N", "\\G", "\\\\", 'a"b', "<b>a</b>", "é", "a\nb", "a\\lb"])
    def test_graphviz_draws_a_label_as_it_is(self, label: str) -> None:
        read = self.read(Graph((GraphNode(label, label),), (GraphEdge(0, 0, label),)))
        assert [self.drawn(thing) for thing in (*read["objects"], *read["edges"])] == [one_line(label)] * 3


class DotReader:
    """A graph read back, by the grammar of the DOT language as far as it is used."""

    TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(->|[{}\[\];,=])|([A-Za-z_][A-Za-z_0-9]*))', re.S)

    def __init__(self, written: str) -> None:
        self.labels: dict[str, str] = {}
        self.boxes: dict[str, list[str]] = {}
        self.edges: list[tuple[str, str, str]] = []
        self._tokens = list(self._split(written))
        assert self._take(3)[::2] == ["digraph", "{"]
        self._statements(None)
        assert not self._tokens, "nothing is left over"

    def _split(self, written: str) -> Iterator[str]:
        at = 0
        while written[at:].strip():
            token = self.TOKEN.match(written, at)
            assert token, written[at:]
            quoted, mark, word = token.groups()
            yield mark or word or '"' + re.sub(r"\\(.)", r"\1", quoted, flags=re.S).replace("&amp;", "&")
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
                self.boxes[title[1:]] = []
                self._statements(title[1:])
            elif self._tokens[0] == "->":
                _, second = self._take(2)
                self.edges.append((first, second, self._attributes()["label"]))
            elif self._tokens[0] == "=":
                self._take(3)
            else:
                self._node(first, box)

    def _node(self, name: str, box: str | None) -> None:
        attributes = self._attributes()
        if name != "node":
            self.labels[name] = attributes["label"]
            if box is not None:
                self.boxes[box].append(name)

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
