"""Connections as a table, CSV, Markdown and graphs."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence

from ringfence.analysis.connections import Connection
from ringfence.engine.population import Reference
from ringfence.render.tables import harmless, table
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses

_MOST_CIDRS = 4
_HEADERS = ("SOURCE", "DESTINATION", "TRAFFIC")


def text(found: Iterable[Connection]) -> str:
    """A table in the manner of kubectl."""
    return table(_HEADERS, [(party(one.source), party(one.destination), str(one.traffic)) for one in found])


def comma_separated(found: Iterable[Connection]) -> str:
    """CSV with a header line; addresses in full, separated by blanks."""
    rows = ((_in_full(one.source), _in_full(one.destination), str(one.traffic)) for one in found)
    return csv_lines([[name.lower() for name in _HEADERS], *rows])


def markdown(found: Iterable[Connection]) -> str:
    """A Markdown table."""
    rows = ((party(one.source), party(one.destination), str(one.traffic)) for one in found)
    return markdown_table([name.lower() for name in _HEADERS], rows)


def dot(found: Iterable[Connection]) -> str:
    """A Graphviz graph with a box around each namespace."""
    connections = list(found)
    numbers = _numbers(connections)
    lines = ["digraph connections {", '  rankdir="LR"; node [shape=box, style=rounded];']
    for at, (namespace, parties) in enumerate(_by_namespace(numbers).items()):
        if namespace:
            lines += [f"  subgraph cluster_{at} {{", f"    label={_quoted(namespace)};"]
            lines += [f"    {numbers[one]} [label={_quoted(_short(one))}];" for one in parties]
            lines.append("  }")
        else:
            lines += [f"  {numbers[one]} [label={_quoted(_short(one))}, shape=ellipse];" for one in parties]
    for one in connections:
        lines.append(f"  {numbers[one.source]} -> {numbers[one.destination]} [label={_quoted(str(one.traffic))}];")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(found: Iterable[Connection]) -> str:
    """A Mermaid flowchart with a box around each namespace, for Markdown that draws it."""
    connections = list(found)
    numbers = _numbers(connections)
    lines = ["flowchart LR"]
    for at, (namespace, parties) in enumerate(_by_namespace(numbers).items()):
        boxed = [f"    {numbers[one]}[{_entities(_short(one))}]" for one in parties]
        lines += [f"  subgraph namespace_{at}[{_entities(namespace)}]", *boxed, "  end"] if namespace else boxed
    for one in connections:
        lines.append(f"  {numbers[one.source]} -->|{_entities(str(one.traffic))}| {numbers[one.destination]}")
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
    """An end of a connection in few words: `prod/web`, `prod/Deployment/api`, `any address`, `10.0.0.0/8, ...`.

    What is an object is written as an endpoint, so that it can be asked about as it stands.
    """
    if isinstance(one, Reference):
        return str(one)
    if one == ALL_ADDRESSES:
        return "any address"
    cidrs = one.cidrs()
    more = f" and {len(cidrs) - _MOST_CIDRS} more" if len(cidrs) > _MOST_CIDRS else ""
    return ", ".join(cidrs[:_MOST_CIDRS]) + more


def csv_lines(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(map(harmless, row) for row in rows)
    return lines.getvalue()


def markdown_table(headers: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows as a Markdown table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(map(markdown_text, cells)) + " |"

    return "\n".join([line(headers), "|---" * len(headers) + "|", *map(line, rows)]) + "\n"


def markdown_text(name: str) -> str:
    """A name in Markdown, where it means nothing but itself."""
    return re.sub(r"([\\|<`])", r"\\\1", one_line(name))


def one_line(name: str) -> str:
    """A name that keeps to its line, whoever wrote it."""
    return re.sub(r"\s", " ", harmless(name))


def _in_full(one: Reference | Addresses) -> str:
    return " ".join(one.cidrs()) if isinstance(one, Addresses) else party(one)


def _short(one: Reference | Addresses) -> str:
    return party(one).removeprefix(f"{one.namespace}/") if isinstance(one, Reference) else party(one)


def _numbers(found: Iterable[Connection]) -> dict[Reference | Addresses, str]:
    """A name for the node of each end: its own may be long, odd, or look like another's."""
    ends = dict.fromkeys(end for one in found for end in (one.source, one.destination))
    return {end: f"node_{number}" for number, end in enumerate(ends)}


def _by_namespace(ends: Iterable[Reference | Addresses]) -> dict[str, list[Reference | Addresses]]:
    groups: dict[str, list[Reference | Addresses]] = {}
    for end in ends:
        groups.setdefault(end.namespace if isinstance(end, Reference) else "", []).append(end)
    return groups


def _quoted(name: str) -> str:
    escaped = harmless(name).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _entities(name: str) -> str:
    """A text in quotes as Mermaid reads it, where `#` begins an entity."""
    escaped = one_line(name).replace("#", "#35;").replace('"', "#quot;")
    return f'"{escaped}"'
