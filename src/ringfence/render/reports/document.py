"""The document of a report: all data that its page shows (docs/formats.md, "The document of a report").

The page only reads the document and decides nothing: the engine has answered which connections are allowed and which
rule has which peers.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from ringfence.analysis.lists import (
    ALL_CONNECTIONS,
    BY_WORKLOAD,
    ConnectionFilter,
    ExposureList,
    connection_assumptions,
    matrix_sides,
    matrix_view,
)
from ringfence.engine.answers import TraitEffects
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.lint import LintFindings
from ringfence.model.problems import Problem
from ringfence.render.exposure_views import exposure_lines
from ringfence.render.formats import API_VERSION, Json
from ringfence.render.plugin_views import plugin_json
from ringfence.render.problems import problem_json
from ringfence.render.reports.compared import ReportedChange, change_json, workload_numbers
from ringfence.render.reports.findings import findings_json
from ringfence.render.reports.map import map_json
from ringfence.render.reports.matrix import MatrixData
from ringfence.render.reports.policies import DocumentOf, all_policies, policies_json
from ringfence.render.reports.ranges import number_ranges
from ringfence.render.reports.subjects import ReportSubjects

_NO_FINDINGS: Final = LintFindings(())
_NO_EFFECTS: Final = TraitEffects()


class Report(NamedTuple):
    """A cluster, and what else a report shows of it.

    `document_of` gives a policy as the API has it. With a `change`, `state` is the cluster after it. `effects` are
    those of the plugin that enforces the policies of `state`, if any does. The matrix first shows the rows and columns
    of `listed`.
    """

    state: State
    title: str
    problems: Iterable[Problem]
    document_of: DocumentOf
    change: ReportedChange | None = None
    effects: TraitEffects = _NO_EFFECTS
    listed: ConnectionFilter = ALL_CONNECTIONS


def report_json(report: Report) -> dict[str, Any]:
    """The document of a report, without exposure and without mistakes in policies: `with_findings` adds these."""
    state, change = report.state, report.change
    view = matrix_view(state, ALL_CONNECTIONS, BY_WORKLOAD, within_namespaces=True)
    subjects = ReportSubjects(state)
    policies = all_policies(state)
    # The page refers to policies and workloads by number: names would make the file several times as large.
    numbers = {id(policy): number for number, policy in enumerate(policies)}
    namespaces = sorted({group.reference.namespace for group in subjects.groups})
    written = policies_json(state, policies, subjects, report.document_of)
    references = [group.reference for group in subjects.groups]
    return {
        "apiVersion": API_VERSION,
        "kind": "Report",
        "title": report.title,
        "namespaces": namespaces,
        "workloads": subjects.workloads_json(view, namespaces),
        "subjects": subjects.json(numbers),
        "policies": written,
        **MatrixData(view).json(),
        "map": map_json(view, {reference: number for number, reference in enumerate(references)}, namespaces),
        "exposure": None,
        **({"difference": change_json(change, state, references, written)} if change else {}),
        "findings": findings_json(_NO_FINDINGS, ()),
        **({"plugin": plugin_json(state.enforced_by, report.effects.deciding)} if state.enforced_by else {}),
        **({} if report.listed == ALL_CONNECTIONS else {"shown": _shown_json(state, report.listed, references)}),
        "assumptions": [*connection_assumptions(state), *report.effects.assumptions],
        "unread": [f"{policy} ({policy.place})" for policy in state.doubts],
        "problems": [problem_json(problem) for problem in report.problems],
    }


def with_findings(document: Json, exposed: ExposureList | None, mistakes: LintFindings) -> dict[str, Any]:
    """A document of `report_json` with exposure, which is not known without `exposed`, and with mistakes.

    Of the `mistakes`, the problems of the input are left out: they are in `problems`.
    """
    names = document["namespaces"]
    # Read from the document itself, because the cluster may have changed since it was made.
    references = (Reference(names[one["namespace"]], one["kind"], one["name"]) for one in document["workloads"])
    return {
        **document,
        "exposure": None if exposed is None else _exposure_json(exposed, references),
        "findings": findings_json(mistakes, document["policies"]),
    }


def _shown_json(state: State, listed: ConnectionFilter, references: Iterable[Reference]) -> Json:
    """The rows and columns of a part of the matrix, as ranges of workloads, and whether the outside is among them."""
    numbers = workload_numbers(state, references)
    return {
        name: {
            "workloads": number_ranges({numbers[group.reference] for group in groups}),
            "outside": side.addresses != (),
        }
        for name, side, groups in zip(
            ("sources", "destinations"),
            (listed.sources, listed.destinations),
            matrix_sides(state, listed),
            strict=True,
        )
    }


def _exposure_json(found: ExposureList, references: Iterable[Reference]) -> list[Json]:
    """For each direction and workloads that are exposed alike, the lines of `ringfence exposure`."""
    numbers = {reference: number for number, reference in enumerate(references)}
    return [
        {
            "direction": one.direction.field,
            "workloads": [numbers[workload] for workload in one.workloads if workload in numbers],
            "lines": [list(line) for line in exposure_lines(one, found.namespaces)],
        }
        for one in found.rows
    ]
