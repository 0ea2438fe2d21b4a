"""Which possible pods and addresses each workload is exposed to: table, CSV, Markdown and JSON (docs/formats.md)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ringfence.analysis.lists import ExposedTo, Exposure, ExposureList
from ringfence.engine.population import Reference
from ringfence.model.problems import Problem
from ringfence.render.ends import end_json, traffic_json
from ringfence.render.formats import Json, csv_text, document_json, markdown_table, table
from ringfence.render.possible_pods import (
    example_json,
    possible_pods_json,
    possible_pods_text,
    possible_traffic_json,
    possible_traffic_text,
)
from ringfence.render.problems import problem_json

_COLUMNS: Final = ("workload", "direction", "possible pods and addresses", "traffic")
_MOST_NAMES: Final = 3
"""The largest number of workloads that a row names; further ones are counted."""


def exposure_table(found: ExposureList) -> str:
    """A table in the style of kubectl, with equal workloads in one row."""
    return table([column.upper() for column in _COLUMNS], _rows(found))


def exposure_csv(found: ExposureList) -> str:
    """CSV with a header line, and every workload in rows of its own."""
    rows = (
        (str(workload), one.direction.field, *cells)
        for one in found.rows
        for workload in one.workloads
        for cells in exposure_lines(one, found.namespaces)
    )
    return csv_text([_COLUMNS, *rows])


def exposure_markdown(found: ExposureList) -> str:
    """A Markdown table, with equal workloads in one row."""
    return markdown_table(_COLUMNS, _rows(found))


EXPOSURE_FORMATS: Final[dict[str, Callable[[ExposureList], str]]] = {
    "table": exposure_table,
    "csv": exposure_csv,
    "markdown": exposure_markdown,
}
"""The views that are written as a whole, by the name of the format."""


def exposure_json(found: ExposureList, problems: Iterable[Problem] = ()) -> str:
    """JSON: each workload, or several that are exposed alike, and the problems of the input."""
    return document_json(
        {
            "exposure": [_exposure_json(one) for one in found.rows],
            "assumptions": list(found.assumptions),
            "problems": [problem_json(problem) for problem in problems],
        }
    )


def exposed_pods_json(one: Exposure, row: ExposedTo) -> Json:
    """Pods that could exist, and the workloads that are exposed to them."""
    return {"workloads": [end_json(workload) for workload in one.workloads], **_exposed_json(row)}


def _rows(found: ExposureList) -> Iterator[tuple[str, ...]]:
    for one in found.rows:
        for cells in exposure_lines(one, found.namespaces):
            yield (workloads_text(one.workloads), one.direction.field, *cells)


def exposure_lines(one: Exposure, existing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What it is exposed to: possible pods, then addresses; `none` where nothing passes."""
    for row in one.pods:
        yield possible_pods_text(row.pods, existing), possible_traffic_text(row.traffic)
    for addresses, traffic in one.addresses:
        yield str(addresses), str(traffic)
    if not one.pods and not one.addresses:
        yield "none", ""


def workloads_text(workloads: Sequence[Reference]) -> str:
    """Some workloads; of many the first ones and the number of the others."""
    more = len(workloads) - _MOST_NAMES
    listed = ", ".join(map(str, workloads[:_MOST_NAMES]))
    return f"{listed} and {more} more" if more > 0 else listed


def _exposure_json(one: Exposure) -> Json:
    exempt = {"exempt": one.exempt} if one.exempt else {}
    return {
        "workloads": [end_json(workload) for workload in one.workloads],
        "direction": one.direction.field,
        "isolated": one.isolated,
        **exempt,
        "wholeCluster": possible_traffic_json(one.whole_cluster),
        "internet": {"traffic": traffic_json(one.internet)},
        "pods": [_exposed_json(row) for row in one.pods],
        "addresses": [
            {"addresses": addresses.cidrs(), "traffic": traffic_json(traffic)} for addresses, traffic in one.addresses
        ],
    }


def _exposed_json(row: ExposedTo) -> Json:
    example = {"example": example_json(row.example)} if row.example else {}
    return {**possible_pods_json(row.pods), **possible_traffic_json(row.traffic), **example}
