"""Who can reach an endpoint, and what it can reach, as a table, CSV, Markdown and JSON (docs/formats.md)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ringfence.analysis.lists import AllowingRule, ExposureList, Permission, Reach, ReachRow
from ringfence.model.policies import Direction
from ringfence.model.problems import Problem
from ringfence.render.ends import end_json, endpoint_json, ports_json, traffic_json
from ringfence.render.exposure_views import exposed_pods_json, workloads_text
from ringfence.render.formats import Json, csv_text, document_json, markdown_table, table
from ringfence.render.places import place_json
from ringfence.render.possible_pods import possible_pods_text, possible_traffic_text
from ringfence.render.problems import problem_json


def reach_table(found: Reach, possible: ExposureList | None = None) -> str:
    """A table in the style of kubectl; `possible` are pods that could exist, listed last."""
    return table([column.upper() for column in _columns(found)], _rows(found, possible))


def reach_csv(found: Reach, possible: ExposureList | None = None) -> str:
    """CSV with a header line."""
    return csv_text([_columns(found), *_rows(found, possible)])


def reach_markdown(found: Reach, possible: ExposureList | None = None) -> str:
    """A Markdown table."""
    return markdown_table(_columns(found), _rows(found, possible))


REACH_FORMATS: Final[dict[str, Callable[[Reach, ExposureList | None], str]]] = {
    "table": reach_table,
    "csv": reach_csv,
    "markdown": reach_markdown,
}
"""The views that are written as a whole, by the name of the format."""


def reach_json(
    found: Reach,
    problems: Iterable[Problem] = (),
    possible: ExposureList | None = None,
    plugin: Json | None = None,
    assumptions: Iterable[str] = (),
) -> str:
    """JSON: the endpoint, the others with the traffic and the rules that allow it, the assumptions, the problems of the
    input.

    Also the pods that could exist, if they are given, and with a network plugin the traits that change the list and the
    assumptions about it.
    """
    endpoint, other = _ends(found)
    question = found.question
    protocol, port = question.ports.single or (None, None)
    written: Json = {
        endpoint: endpoint_json(question.endpoint.reference, list(question.endpoint.ends)),
        "protocol": protocol,
        "port": port,
    }
    if port is None and not question.ports.is_everything:
        written["ports"] = ports_json(question.ports)
    written[f"{other}s"] = [_row_json(other, row) for row in found.rows]
    if possible is not None:
        written["possiblePods"] = [exposed_pods_json(one, row) for one in possible.rows for row in one.pods]
    if plugin is not None:
        written["plugin"] = plugin
    of_possible = possible.assumptions if possible else ()
    written["assumptions"] = list(dict.fromkeys([*found.assumptions, *of_possible, *assumptions]))
    written["problems"] = [problem_json(problem) for problem in problems]
    return document_json(written)


def _ends(found: Reach) -> tuple[str, str]:
    """The roles of the endpoint and of the others."""
    return ("destination", "source") if found.question.direction is Direction.INGRESS else ("source", "destination")


def _columns(found: Reach) -> tuple[str, ...]:
    _, other = _ends(found)
    return (other, "traffic", "egress", "ingress")


def _rows(found: Reach, possible: ExposureList | None) -> Iterator[tuple[str, ...]]:
    yield from map(_cells, found.rows)
    if possible is None:
        return
    for one in possible.rows:
        # If the pods of the endpoint are not exposed alike, each line names its pods.
        whose = f" ({workloads_text(one.workloads)})" if len(possible.rows) > 1 else ""
        for row in one.pods:
            pods = possible_pods_text(row.pods, possible.namespaces)
            yield (f"{pods}{whose}", possible_traffic_text(row.traffic), "", "")


def _cells(row: ReachRow) -> tuple[str, ...]:
    return (str(row.end), row.traffic_text, _permission_text(row.egress), _permission_text(row.ingress))


def _permission_text(permission: Permission) -> str:
    if permission.exempt:
        return "no policy applies"  # JSON says why, which is a sentence
    rules = [_rule_text(rule) for rule in permission.rules]
    is_open = permission.is_open or not (permission.isolated or rules)
    return ", ".join([*(["not isolated"] if is_open else []), *rules])


def _rule_text(rule: AllowingRule) -> str:
    return f"{rule} ({rule.place})" if rule.place else str(rule)


def _row_json(other: str, row: ReachRow) -> Json:
    written: Json = {other: end_json(row.end), "traffic": traffic_json(row.traffic)}
    if row.partly:
        written["partly"] = traffic_json(row.partly)
    return written | {"egress": _permission_json(row.egress), "ingress": _permission_json(row.ingress)}


def _permission_json(permission: Permission) -> Json:
    written: Json = {"isolated": permission.isolated}
    if permission.exempt:
        written["exempt"] = permission.exempt
    return written | {"rules": [_rule_json(rule) for rule in permission.rules]}


def _rule_json(rule: AllowingRule) -> Json:
    return {"namespace": rule.namespace, "name": rule.policy, "index": rule.index, **place_json(rule.place)}
