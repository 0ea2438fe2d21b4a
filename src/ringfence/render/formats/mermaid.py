"""Mermaid flowcharts, which GitHub and many other Markdown readers draw.

Source: mermaid.js.org, "Flowcharts", "Entity codes to escape characters" and "Markdown strings".
"""

from typing import Final

from ringfence.render.formats.graph import Graph, GraphNode
from ringfence.render.formats.terminal import one_line

# `#` starts an entity code, `"` ends a label, a backquote starts a Markdown string, `%%{` starts a directive even in a
# label, and the browser reads labels as HTML.
_ENTITIES: Final = str.maketrans({character: f"#{ord(character)};" for character in '#"`%<>&\\'})


def mermaid_text(graph: Graph) -> str:
    """A graph as a flowchart, drawn from left to right. Mermaid draws at most 500 edges (`maxEdges`)."""
    lines = ["flowchart LR"]
    for number, (title, members) in enumerate(graph.boxes()):
        nodes = [f"    node_{member}[{_label(graph.nodes[member])}]" for member in members]
        lines += [f"  subgraph namespace_{number}[{_quoted(title)}]", *nodes, "  end"] if title else nodes
    for edge in graph.edges:
        lines.append(f"  node_{edge.start} -->|{_quoted(edge.label)}| node_{edge.end}")
    return "\n".join(lines) + "\n"


def _label(node: GraphNode) -> str:
    return _quoted(node.label, *node.more)


def _quoted(*texts: str) -> str:
    # Mermaid does not accept an empty label.
    return '"' + "<br/>".join(one_line(text).translate(_ENTITIES) or " " for text in texts) + '"'
