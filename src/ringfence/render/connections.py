"""Connections as a table, CSV, Markdown and graphs."""

import csv
import io
from collections.abc import Callable, Iterable

from ringfence.analysis.connections import Connection
from ringfence.engine.pods import Reference
from ringfence.render.tables import table
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses

_MOST_CIDRS = 4
_HEADERS = ("SOURCE", "DESTINATION", "TRAFFIC")


def text(found: Iterable[Connection]) -> str:
    """A table in the manner of kubectl."""
    return table(_HEADERS, [(party(one.source), party(one.destination), str(one.traffic)) for one in found])


def comma_separated(found: Iterable[Connection]) -> str:
    """CSV with a header line; addresses in full, separated by blanks."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(name.lower() for name in _HEADERS)
    for one in found:
        writer.writerow((_in_full(one.source), _in_full(one.destination), str(one.traffic)))
    return lines.getvalue()


def markdown(found: Iterable[Connection]) -> str:
    """A Markdown table."""
    rows = [(party(one.source), party(one.destination), str(one.traffic)) for one in found]
    lines = ["| source | destination | traffic |", "|---|---|---|"]
    return (
        "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]) + "\n"
    )


def dot(found: Iterable[Connection]) -> str:
    """A Graphviz graph with a box around each namespace."""
    connections = list(found)
    lines = ["digraph connections {", '  rankdir="LR"; node [shape=box, style=rounded];']
    for number, (namespace, parties) in enumerate(_by_namespace(connections).items()):
        if namespace:
            lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(namespace)};"]
            lines += [f"    {_quoted(party(one))} [label={_quoted(_short(one))}];" for one in parties]
            lines.append("  }")
        else:
            lines += [f"  {_quoted(party(one))} [shape=ellipse];" for one in parties]
    lines += [
        f"  {_quoted(party(one.source))} -> {_quoted(party(one.destination))} [label={_quoted(str(one.traffic))}];"
        for one in connections
    ]
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(found: Iterable[Connection]) -> str:
    """A Mermaid flowchart with a box around each namespace, for Markdown that draws it."""
    connections = list(found)
    numbers: dict[Reference | Addresses, str] = {}
    lines = ["flowchart LR"]
    for namespace, parties in _by_namespace(connections).items():
        if namespace:
            lines.append(f'  subgraph {_unquoted(namespace)}["{_unquoted(namespace)}"]')
        for one in parties:
            numbers[one] = f"n{len(numbers)}"
            lines.append(f'    {numbers[one]}["{_unquoted(_short(one))}"]')
        if namespace:
            lines.append("  end")
    for connection in connections:
        label = _unquoted(str(connection.traffic))
        lines.append(f'  {numbers[connection.source]} -->|"{label}"| {numbers[connection.destination]}')
    return "\n".join(lines) + "\n"


FORMATS: dict[str, Callable[[Iterable[Connection]], str]] = {
    "table": text,
    "csv": comma_separated,
    "markdown": markdown,
    "dot": dot,
    "mermaid": mermaid,
}
"""The writers of whole texts, by the name of the format."""


def party(one: Reference | Addresses) -> str:
    """An end of a connection in few words: `prod/web`, `prod/api[Deployment]`, `any address`, `10.0.0.0/8, ...`."""
    if isinstance(one, Reference):
        return f"{one.namespace}/{one.name}" + ("" if one.kind == "Pod" else f"[{one.kind}]")
    if one == ALL_ADDRESSES:
        return "any address"
    cidrs = one.cidrs()
    more = f" and {len(cidrs) - _MOST_CIDRS} more" if len(cidrs) > _MOST_CIDRS else ""
    return ", ".join(cidrs[:_MOST_CIDRS]) + more


def _in_full(one: Reference | Addresses) -> str:
    return " ".join(one.cidrs()) if isinstance(one, Addresses) else party(one)


def _short(one: Reference | Addresses) -> str:
    return party(one).partition("/")[2] if isinstance(one, Reference) else party(one)


def _by_namespace(found: Iterable[Connection]) -> dict[str, list[Reference | Addresses]]:
    parties = dict.fromkeys(end for one in found for end in (one.source, one.destination))
    groups: dict[str, list[Reference | Addresses]] = {}
    for end in parties:
        groups.setdefault(end.namespace if isinstance(end, Reference) else "", []).append(end)
    return groups


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquoted(name: str) -> str:
    return name.replace('"', "#quot;").replace("\n", " ")
