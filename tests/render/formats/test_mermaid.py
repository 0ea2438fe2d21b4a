"""Mermaid flowcharts, read back line by line."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from tests.render.formats.graphs import SMALL, graphs

from ringfence.render.formats.graph import Graph, GraphNode
from ringfence.render.formats.mermaid import mermaid_text
from ringfence.render.formats.terminal import one_line


def test_a_small_graph() -> None:
    assert mermaid_text(SMALL) == (
        "flowchart LR\n"
        '  subgraph namespace_0["prod"]\n'
        '    node_0["web"]\n'
        '    node_3["db"]\n'
        "  end\n"
        '  subgraph namespace_1["ops"]\n'
        '    node_1["log"]\n'
        "  end\n"
        '    node_2["192.0.2.7/32"]\n'
        '  node_0 -->|"TCP 3306"| node_3\n'
        '  node_2 -->|"all traffic"| node_0\n'
        '  node_0 -->|"UDP 514"| node_1\n'
    )


@given(graphs())
def test_any_graph_is_read_back(graph: Graph) -> None:
    read = MermaidReader(mermaid_text(graph))
    labels = [one_line(node.label) or " " for node in graph.nodes]
    assert read.labels == {f"node_{position}": label for position, label in enumerate(labels)}
    assert read.boxes == [
        (one_line(title), [f"node_{member}" for member in members]) for title, members in graph.boxes() if title
    ]
    assert read.edges == [
        (f"node_{edge.start}", f"node_{edge.end}", one_line(edge.label) or " ") for edge in graph.edges
    ]


@pytest.mark.parametrize(
    "label", ["%%{init: {'theme': 'dark'}}%%", "`**bold**`", "<img src=x>", "#quot;", '"', "&lt;", "a\n%% comment"]
)
def test_a_label_has_no_character_that_mermaid_or_a_browser_interprets(label: str) -> None:
    written = mermaid_text(Graph((GraphNode(label),), ()))
    quoted = written.partition('["')[2].removesuffix('"]\n')
    assert re.fullmatch(r"(?:[^\"`%<>&\\#\n]|#\d+;)*", quoted)


class MermaidReader:
    """A flowchart read back, line by line."""

    def __init__(self, written: str) -> None:
        self.labels: dict[str, str] = {}
        self.boxes: list[tuple[str, list[str]]] = []
        self.edges: list[tuple[str, str, str]] = []
        first, *lines, last = written.split("\n")
        assert (first, last) == ("flowchart LR", "")
        self._read(lines)

    def _read(self, lines: Sequence[str]) -> None:
        inside = False
        for line in lines:
            if opened := re.fullmatch(r'  subgraph (namespace_\d+)\["([^"\n]+)"\]', line):
                self.boxes.append((plain(opened[2]), []))
                inside = True
            elif line == "  end":
                inside = False
            elif node := re.fullmatch(r'    (node_\d+)\["([^"\n]+)"\]', line):
                self.labels[node[1]] = plain(node[2])
                if inside:
                    self.boxes[-1][1].append(node[1])
            else:
                edge = re.fullmatch(r'  (node_\d+) -->\|"([^"\n]+)"\| (node_\d+)', line)
                assert edge, line
                self.edges.append((edge[1], edge[3], plain(edge[2])))


def plain(text: str) -> str:
    """A text with its entity codes replaced."""
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), text)
