"""What isolates each workload, as a table, CSV, Markdown and JSON (docs/formats.md)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ringfence.analysis.lists import Isolated, IsolationList, NamedPolicy
from ringfence.model.problems import Problem
from ringfence.render.ends import end_json
from ringfence.render.formats import Json, csv_text, document_json, markdown_table, table
from ringfence.render.problems import problem_json

_COLUMNS: Final = ("workload", "ingress", "egress")


def isolation_table(rows: Iterable[Isolated]) -> str:
    """A table in the style of kubectl."""
    return table([column.upper() for column in _COLUMNS], map(_cells, rows))


def isolation_csv(rows: Iterable[Isolated]) -> str:
    """CSV with a header line."""
    return csv_text([_COLUMNS, *map(_cells, rows)])


def isolation_markdown(rows: Iterable[Isolated]) -> str:
    """A Markdown table."""
    return markdown_table(_COLUMNS, map(_cells, rows))


ISOLATION_FORMATS: Final[dict[str, Callable[[Iterable[Isolated]], str]]] = {
    "table": isolation_table,
    "csv": isolation_csv,
    "markdown": isolation_markdown,
}
"""The views that are written as a whole, by the name of the format."""


def isolation_json(found: IsolationList, rows: Iterable[Isolated], problems: Iterable[Problem] = ()) -> str:
    """JSON: some of the rows, the totals of all, the policies that select nobody, and the problems of the input."""
    return document_json(
        {
            "isolation": [_row_json(row) for row in rows],
            "totals": _totals(found.rows),
            "selectNobody": [_policy_json(policy) for policy in found.idle],
            "assumptions": list(found.assumptions),
            "problems": [problem_json(problem) for problem in problems],
        }
    )


def totals_text(rows: Sequence[Isolated]) -> str:
    """How many are isolated: `4 workloads: 1 isolated for ingress, 1 for egress, 3 in neither direction`."""
    totals = _totals(rows)
    return (
        f"{totals['listed']} workload{'' if totals['listed'] == 1 else 's'}: {totals['ingress']} isolated for ingress, "
        f"{totals['egress']} for egress, {totals['neither']} in neither direction"
    )


def idle_text(policy: NamedPolicy) -> str:
    """That a policy selects nobody, and where it is written."""
    return f"{policy} selects no pod" + (f" ({policy.place})" if policy.place else "")


def _totals(rows: Sequence[Isolated]) -> dict[str, int]:
    return {
        "listed": len(rows),
        "ingress": sum(bool(row.ingress) for row in rows),
        "egress": sum(bool(row.egress) for row in rows),
        "neither": sum(not row.ingress and not row.egress for row in rows),
    }


def _cells(row: Isolated) -> tuple[str, ...]:
    otherwise = "node's network" if row.exempt else "not isolated"
    return (
        str(row.reference),
        ", ".join(map(str, row.ingress)) or otherwise,
        ", ".join(map(str, row.egress)) or otherwise,
    )


def _row_json(row: Isolated) -> Json:
    written: Json = {"workload": end_json(row.reference)}
    if row.exempt:
        written["exempt"] = row.exempt
    return written | {"ingress": _side_json(row.ingress), "egress": _side_json(row.egress)}


def _side_json(policies: Sequence[NamedPolicy]) -> Json:
    return {"isolated": bool(policies), "policies": [_policy_json(policy) for policy in policies]}


def _policy_json(policy: NamedPolicy) -> Json:
    place = {"file": policy.place.file, "line": policy.place.line} if policy.place else {}
    return {"namespace": policy.namespace, "name": policy.name, **place}
