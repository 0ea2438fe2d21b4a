"""Findings confirmed by the engine: a part without effect according to a rule is removed, and nothing must change."""

import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Final

from tests.semantics.judges import cluster_of

from ringfence.analysis.possible import Counterexample
from ringfence.engine.possible import ExactAddress
from ringfence.lint import FindingLevel, LintFinding

Object = dict[str, Any]

FOR_NOTHING: Final = frozenset(
    [
        *("RF101", "RF102", "RF103", "RF104", "RF107", "RF108", "RF109", "RF111", "RF113", "RF116", "RF118", "RF119"),
        *("RF123", "RF126", "RF127", "RF142"),
    ]
)
"""The rules that name a part without which nothing changes."""


IN_EVERY_CLUSTER: Final = frozenset(["RF104", "RF107", "RF108", "RF118", "RF119", "RF126"])
"""Those of them without which nothing changes for pods that do not exist yet either."""


def is_confirmed(objects: Iterable[Object], finding: LintFinding) -> bool:
    """Whether no connection changes without the part that a finding names; true of findings that do not say that."""
    if finding.rule not in FOR_NOTHING or (finding.rule == "RF103" and finding.level is FindingLevel.NOTE):
        return True
    before = list(objects)
    here, there = cluster_of(before), cluster_of(without(before, finding))
    if finding.rule in IN_EVERY_CLUSTER:
        difference = here.diff(there)
        return not difference or (finding.rule == "RF119" and _is_about_one_of_several_addresses(difference.example))
    return list(here.connections(pods=True)) == list(there.connections(pods=True))


def _is_about_one_of_several_addresses(example: Counterexample | None) -> bool:
    """Whether nothing changes except for nodes with several addresses, which RF119 does not consider."""
    ends = (example.connection.source, example.connection.destination) if example else ()
    return any(isinstance(end, ExactAddress) and bool(end.other_addresses) for end in ends)


def without(objects: Iterable[Object], finding: LintFinding) -> list[Object]:
    """Copies of the objects without the part that a finding names."""
    kind, path = finding.object.split(" ")[0], finding.object.split(" ")[1]
    left = []
    for obj in map(deepcopy, objects):
        metadata = obj["metadata"]
        is_meant = obj["kind"] == kind and f"{metadata.get('namespace', 'default')}/{metadata['name']}" == path
        if not is_meant:
            left.append(obj)
        elif finding.rule == "RF119":
            direction, rule, field, item = _steps(finding.path)
            del obj["spec"][direction][int(rule)][field][int(item)]["ipBlock"]["except"]
            left.append(obj)
        elif finding.rule == "RF107":
            # The rule allows everything: all others of its policy and direction have no effect.
            direction, rule, _, _ = _steps(finding.path)
            _keep_directions(obj["spec"])
            obj["spec"][direction] = [obj["spec"][direction][int(rule)]]
            left.append(obj)
        elif finding.path not in ("", "spec.podSelector"):
            _keep_directions(obj["spec"])
            _remove(obj["spec"], finding.path)
            left.append(obj)
    return left


def _keep_directions(spec: Object) -> None:
    """Write the directions that the API server would set, so that they do not depend on the rules that are left."""
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _remove(spec: Object, path: str) -> None:
    """Remove a field or an item. With its last peer or port, the rule is removed: without any it would mean all."""
    direction, rule, field, item = _steps(path)
    if rule is None:
        del spec[direction]
    elif field is None or len(spec[direction][int(rule)][field]) == 1:
        del spec[direction][int(rule)]
    else:
        del spec[direction][int(rule)][field][int(item)]


def _steps(path: str) -> tuple[Any, ...]:
    """The direction, the number of the rule, the field in it and the number of its item; None for what is left out."""
    found = re.fullmatch(r"spec\.(ingress|egress)(?:\[(\d+)\](?:\.(from|to|ports)\[(\d+)\])?)?", path)
    assert found, path
    return found.groups()
