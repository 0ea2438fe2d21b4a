"""What a change does, in the data of a report about the cluster after it: as rows of its workloads, and in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ringfence.analysis.differences import Cause, ChangedArrows, ChangedConnections, ClusterDifference, Ends
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.render.differences import cause_text, closing_sentence, difference_sections, plain, summary_text
from ringfence.render.formats import Json
from ringfence.render.reports.map import change_map_json
from ringfence.render.reports.ranges import number_ranges
from ringfence.sets.addresses import Addresses


class ReportedChange(msgspec.Struct, frozen=True):
    """A difference, the names of its two sides, the workloads that have two different pods on both, and its arrows."""

    found: ClusterDifference
    first: str
    second: str
    several: frozenset[Reference]
    arrows: ChangedArrows


def change_json(
    change: ReportedChange, state: State, references: Iterable[Reference], policies: Sequence[Mapping[str, Any]]
) -> Json:
    """The change by the numbers of the workloads and policies in the report."""
    found, numbers = change.found, workload_numbers(state, references)
    named = {(one["kind"], one["namespace"], one["name"]): number for number, one in enumerate(policies)}
    listed = [(one, False) for one in found.connections] + [(one.change, True) for one in found.reviewed]
    return {
        "from": change.first,
        "to": change.second,
        "summary": summary_text(found, change.first, change.second),
        "closing": closing_sentence(found),
        "rows": [
            {**_row(row, numbers, change.several, named), **({"reviewed": True} if is_reviewed else {})}
            for row, is_reviewed in listed
        ],
        "sections": [
            {
                "title": section.title,
                "rows": [
                    {"mark": row.mark, "sentence": plain(row.sentence), "reasons": list(map(plain, row.reasons))}
                    for row in section.rows
                ],
            }
            for section in difference_sections(found, change.first, change.second)
        ],
        "map": change_map_json(found, change.arrows, numbers),
    }


def workload_numbers(state: State, references: Iterable[Reference]) -> dict[Reference, int]:
    """The number of each workload, and of the workload of each pod: a difference may name pods of a workload."""
    numbers = {reference: number for number, reference in enumerate(references)}
    for member in state.members():
        if member.reference not in numbers and (number := numbers.get(state.workload(member))) is not None:
            numbers[member.reference] = number
    return numbers


def _row(
    row: ChangedConnections,
    numbers: Mapping[Reference, int],
    several: frozenset[Reference],
    named: Mapping[tuple[str, str, str], int],
) -> dict[str, Any]:
    sources, destinations = (_by_number(side, numbers) for side in (row.sources, row.destinations))
    alone = [
        number
        for number in sources.keys() & destinations.keys()
        # The page would otherwise show a connection of a pod with itself, which no policy decides.
        if not _has_two(sources[number], destinations[number], several)
    ]
    addresses = next((str(side) for side in (row.sources, row.destinations) if isinstance(side, Addresses)), None)
    return {
        "kind": row.kind.value,
        "sources": number_ranges(sources),
        "destinations": number_ranges(destinations),
        "alone": number_ranges(alone),
        **({"addresses": addresses} if addresses is not None else {}),
        "traffic": str(row.traffic),
        "before": str(row.before),
        "after": str(row.after),
        "causes": [_cause(cause, named) for cause in row.causes],
    }


def _by_number(side: Ends, numbers: Mapping[Reference, int]) -> dict[int, list[Reference]]:
    found: defaultdict[int, list[Reference]] = defaultdict(list)
    for reference in () if isinstance(side, Addresses) else side:
        found[numbers[reference]].append(reference)
    return found


def _has_two(sources: Sequence[Reference], destinations: Sequence[Reference], several: frozenset[Reference]) -> bool:
    """Whether there are two different pods among both."""
    return any(one != other or one in several for one in sources for other in destinations)


def _cause(cause: Cause, named: Mapping[tuple[str, str, str], int]) -> Json:
    policy = cause.policy
    number = named.get((policy.kind, policy.namespace, policy.name)) if policy else None
    return {"text": cause_text(cause), **({} if number is None else {"policy": number})}
