"""Allowed connections as a table, CSV, Markdown and JSON, row by row (docs/formats.md)."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Final

from ringfence.analysis.lists import Connection
from ringfence.engine.population import Reference
from ringfence.model.problems import Problem
from ringfence.render.ends import connection_json
from ringfence.render.formats import (
    API_VERSION,
    Json,
    csv_lines,
    json_items,
    json_line,
    markdown_table_lines,
    streamed_table,
)
from ringfence.render.problems import problem_json
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

_COLUMNS: Final = ("source", "destination", "traffic")


def connections_table(connections: Iterable[Connection]) -> Iterator[str]:
    """A table in the style of kubectl; the first 1,000 rows determine the widths of its columns."""
    return streamed_table([column.upper() for column in _COLUMNS], _rows(connections))


def connections_csv(connections: Iterable[Connection]) -> Iterator[str]:
    """CSV with a header line."""
    return csv_lines(chain([_COLUMNS], _rows(connections)))


def connections_markdown(connections: Iterable[Connection]) -> Iterator[str]:
    """A Markdown table."""
    return markdown_table_lines(_COLUMNS, _rows(connections))


CONNECTION_FORMATS: Final[dict[str, Callable[[Iterable[Connection]], Iterator[str]]]] = {
    "table": connections_table,
    "csv": connections_csv,
    "markdown": connections_markdown,
}
"""The views that are lists, other than JSON, in pieces, by the name of the format."""


def connections_json(
    connections: Iterable[Connection],
    assumptions: Iterable[str] = (),
    problems: Iterable[Problem] = (),
    plugin: Json | None = None,
) -> Iterator[str]:
    """JSON, streamed in pieces: the connections, the plugin, what they assume, and the problems of the input."""
    # Written in pieces, because the list of a large cluster does not fit into memory as one document.
    yield f'{{"apiVersion": {json_line(API_VERSION)}, "connections": '
    yield from json_items(connection_json(one) for one in connections)
    if plugin is not None:
        yield f', "plugin": {json_line(plugin)}'
    yield f', "assumptions": {json_line(list(assumptions))}'
    yield f', "problems": {json_line([problem_json(problem) for problem in problems])}}}\n'


def _rows(connections: Iterable[Connection]) -> Iterator[tuple[str, str, str]]:
    for one in connections:
        yield _text(one.source), _text(one.destination), _text(one.traffic) if not one.is_partial else one.traffic_text


@lru_cache(maxsize=4096)  # the same names and ports stand in many rows
def _text(part: Reference | Addresses | Traffic) -> str:
    return str(part)
