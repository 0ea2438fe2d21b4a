"""The DOT language of Graphviz.

Source: graphviz.org, "DOT Language" (quoted strings) and "escString" (backslashes in labels).
"""

from ringfence.render.formats.graph import Graph, GraphNode
from ringfence.render.formats.terminal import one_line


def dot_text(graph: Graph, name: str) -> str:
    """A graph, drawn from left to right; nodes outside every box are ellipses."""
    lines = [f"digraph {name} {{", '  rankdir="LR"; node [shape=box, style=rounded];']
    # Graphviz draws a box only around a subgraph whose name begins with "cluster".
    for number, (title, members) in enumerate(graph.boxes()):
        if title:
            lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(title)};"]
            lines += [f"    node_{member} [label={_label(graph.nodes[member])}];" for member in members]
            lines.append("  }")
        else:
            for member in members:
                lines.append(f"  node_{member} [label={_label(graph.nodes[member])}, shape=ellipse];")
    for edge in graph.edges:
        lines.append(f"  node_{edge.start} -> node_{edge.end} [label={_quoted(edge.label)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(node: GraphNode) -> str:
    return _quoted(node.label, *node.more)


def _quoted(*texts: str) -> str:
    # Graphviz replaces HTML entities in labels, too: without the first step, `&lt;` would be drawn as `<`.
    lines = (one_line(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return '"' + "\\n".join(lines) + '"'
