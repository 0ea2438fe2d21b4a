"""The policies of a report: the pods that they select, their rules in words, and their YAML."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from ringfence.engine.policies import CompiledPolicy, CompiledRule, PodSelection
from ringfence.engine.population import NAME_LABEL
from ringfence.engine.possible import PossiblePods
from ringfence.engine.state import State
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term
from ringfence.render.formats import Json, yaml_text
from ringfence.render.possible_pods import possible_pods_text
from ringfence.render.reports.subjects import ReportSubjects
from ringfence.sets.addresses import FAMILIES
from ringfence.sets.traffic import ALL_TRAFFIC

DocumentOf = Callable[[Any], dict[str, Any]]
"""A function that returns a policy in the form of the API."""

_MOST_LINES: Final = 2_000
"""The largest number of lines of one policy that a report shows; of a longer one it shows the beginning."""


def all_policies(state: State) -> list[CompiledPolicy[Any]]:
    """All policies in force, by kind, namespace and name."""
    return sorted(state.tiers.policies(), key=lambda policy: (policy.kind_name, policy.namespace, policy.name))


def policies_json(
    state: State, policies: Iterable[CompiledPolicy[Any]], subjects: ReportSubjects, document_of: DocumentOf
) -> list[dict[str, Any]]:
    """Each policy with its subjects, its rules and its text."""
    tiers = {id(policy): tier.value for tier in PolicyTier for policy in state.policies.cluster_policies(tier)}
    texts = _Texts(document_of)
    written = []
    for policy in policies:
        tier = tiers.get(id(policy))
        entry = {
            "kind": policy.kind_name,
            "namespace": policy.namespace,
            "name": policy.name,
            **({} if tier is None else {"tier": tier, "priority": policy.priority}),
            **texts.of(policy),
            "subject": _selection_text(policy.subject),
            "selects": subjects.selected_by(policy),
        }
        for direction, rules in policy.rules.items():
            entry[direction.field] = [_rule_json(state, policy, direction, rule, subjects) for rule in rules]
        written.append(entry)
    return written


def _rule_json(
    state: State, policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule, subjects: ReportSubjects
) -> Json:
    peers = 0
    # A pod with addresses of both families is a peer if it is one by either of them.
    for family in FAMILIES:
        peers |= state.tiers.peers(rule.peers, family)
    place = policy.origin.at(f"spec.{direction.field}[{rule.index}]") if policy.origin else None
    return {
        "index": rule.index,
        "action": rule.action.value,
        **({"name": rule.name} if rule.name else {}),
        "peers": _peers_text(rule),
        "traffic": _traffic_text(rule),
        "subjects": subjects.ranges(peers),
        "outside": rule.peers.everyone or bool(rule.peers.addresses),
        **_lines(place),
    }


def _lines(place: Place | None) -> Json:
    if place is None or not place.line:
        return {}
    return {"line": place.line, "endLine": place.last_line}


def _peers_text(rule: CompiledRule) -> str:
    """The peers of a rule: `pods with app=web of namespace prod, or 10.0.0.0/8`."""
    if rule.peers.everyone:
        return "everyone"
    parts = [_selection_text(selection) for selection in rule.peers.selections]
    if rule.peers.addresses:
        parts.append(str(rule.peers.addresses))
    return ", or ".join(parts) or "nobody"


def _selection_text(selection: PodSelection) -> str:
    namespaces = selection.namespaces or EVERYTHING
    if selection.namespace is not None:
        namespaces = Selector((Term(NAME_LABEL, Operator.IN, frozenset({selection.namespace})),))
    return possible_pods_text(PossiblePods(namespaces, selection.pods), ())


def _traffic_text(rule: CompiledRule) -> str:
    names = [f"{protocol} ports named {name}" for name, protocol in rule.port_names]
    if rule.traffic == ALL_TRAFFIC:
        return "all traffic"
    return "; ".join([*([str(rule.traffic)] if rule.traffic else []), *names])


class _Texts:
    """The texts of policies. A file is read once."""

    def __init__(self, document_of: DocumentOf) -> None:
        self._document_of = document_of
        self._files: dict[str, list[str]] = {}

    def of(self, policy: CompiledPolicy[Any]) -> Json:
        """The text of a policy and the number of its first line: as in its file, otherwise in the form of the API."""
        place = policy.origin.at() if policy.origin else None
        file = {"file": place.file} if place is not None else {}
        if place is not None and place.range is not None:
            lines = self._lines_of(place.file)[place.line - 1 : place.end_line][:_MOST_LINES]
            # The range of a document ends where the next one begins, and has the line between them.
            while lines and lines[-1].strip() in ("", "---"):
                lines.pop()
            if lines:
                return {**file, "line": place.line, "yaml": "\n".join(lines)}
        return {**file, "line": 1, "yaml": yaml_text(self._document_of(policy.policy)), "generated": True}

    def _lines_of(self, file: str) -> list[str]:
        """The lines of a file; none if it cannot be read, such as standard input and the output of a kustomization."""
        if file not in self._files:
            try:
                self._files[file] = Path(file).read_text("utf-8", errors="replace").split("\n")
            except (OSError, ValueError):
                self._files[file] = []
        return self._files[file]
