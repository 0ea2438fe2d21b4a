"""What could be removed from policies without any change for the pods of the input, though not in every cluster.

Decided by the engine that answers all questions about these pods: a part is removed, and the connections of the pods
that its policy selects are compared, with all pods and all addresses. Pods to come may need what is listed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ringfence.analysis.edits import changes_nothing
from ringfence.analysis.possible import (
    PartKind,
    Redundancy,
    RemovablePart,
    ask_about_parts,
    peers_alone,
    policy_set,
    without_parts,
)
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of
from ringfence.model.objects import NetworkPolicy, Policy
from ringfence.model.policies import Direction

_PolicyKey = tuple[str, str, str]
"""The kind, the namespace and the name."""


class PartRedundantHere(msgspec.Struct, frozen=True, eq=False):
    """A part without which nothing changes for the pods of the input, and why.

    `goes` is false if it must stay once those of every cluster and those before it in the list that go are removed.
    """

    part: RemovablePart
    reason: str
    goes: bool


class RedundancyHere(msgspec.Struct, frozen=True):
    """The parts that are redundant for the pods of the input only, and how many workloads these pods belong to.

    Without any pods, nothing is listed: everything would be redundant.
    """

    parts: tuple[PartRedundantHere, ...]
    workloads: int

    def __iter__(self) -> Iterator[PartRedundantHere]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def redundancy_here(state: State, everywhere: Redundancy) -> RedundancyHere:
    """The parts that are redundant for the pods of a state, less those that are redundant in every cluster.

    As there, of a redundant policy the rules are not listed, and of a redundant rule not the peers and ports.
    """
    workloads = len({state.workload(member) for member in state.members()})
    if not workloads:
        return RedundancyHere((), 0)
    found = _redundant_parts(state, everywhere)
    going = _going(state, everywhere, found)
    parts = [PartRedundantHere(part, _reason(state, part), part in going) for part in found]
    return RedundancyHere(tuple(parts), workloads)


# --- each part alone --------------------------------------------------------------------------------------------------


class _Edit(NamedTuple):
    """What the removal of a part makes of its policy: another one in its place, or none."""

    replaced: tuple[Policy, ...] = ()
    removed: tuple[Policy, ...] = ()


def _edit(part: RemovablePart, others: Iterable[RemovablePart] = ()) -> _Edit | None:
    """The removal of a part, with other parts of the same policy; None if a rule were left that would mean all."""
    if part.kind is PartKind.POLICY:
        return _Edit(removed=(part.policy.policy,))
    after = without_parts(part.policy, [*others, part])
    return _Edit(replaced=(after,)) if after is not None else None


class _SearchHere:
    """One part after another is removed, and what its pods may do is compared."""

    def __init__(self, state: State, everywhere: Redundancy, resolving: frozenset[Identity]) -> None:
        self._state = state
        self._everywhere = {(_key(one.part.policy), one.part.path) for one in everywhere}
        self._resolving = resolving
        """The pods about which some policy decides by domain names: which addresses those are is not in the input."""
        self._parts: list[RemovablePart] = []

    def result(self) -> tuple[RemovablePart, ...]:
        ask_about_parts(policy_set("", self._state).policies, self._is_redundant)
        return tuple(self._parts)

    def _is_redundant(self, part: RemovablePart) -> bool:
        """Whether nothing changes without a part; then it is noted, unless it is redundant in every cluster."""
        if (_key(part.policy), part.path) in self._everywhere:
            return True
        edit = _edit(part)
        if edit is None or not changes_nothing(self._state, *edit) or self._depends_on_names(part):
            return False
        self._parts.append(part)
        return True

    def _depends_on_names(self, part: RemovablePart) -> bool:
        """Whether the addresses that domain names resolve to, which no input has, may decide what a part does."""
        directions = part.policy.rules if part.kind is PartKind.POLICY else [part.direction]
        if not self._resolving or Direction.EGRESS not in directions:
            return False
        with self._state.telling_apart([part.policy.policy]) as subjects:
            return not subjects.isdisjoint(self._resolving)


def _redundant_parts(state: State, everywhere: Redundancy) -> tuple[RemovablePart, ...]:
    with state.telling_apart([one.policy for one in state.tiers.policies() if _has_domain_names(one)]) as resolving:
        return _SearchHere(state, everywhere, resolving).result()


def _has_domain_names(policy: CompiledPolicy[Any]) -> bool:
    if isinstance(policy.policy, NetworkPolicy):
        return False
    rules = cluster_rules_of(policy.policy, Direction.EGRESS)
    return any(domain_names_of(peer) for rule in rules for peer in rule.peers)


def _reason(state: State, part: RemovablePart) -> str:
    if not state.selects_pods(part.policy.subject):
        return "it selects no pod of the input"
    peers = peers_alone(part)
    if peers and peers.selections and peers.block is None and not any(map(state.selects_pods, peers.selections)):
        return f"{'it selects' if part.kind is PartKind.PEER else 'its peers select'} no pod of the input"
    return "no connection of these pods depends on it: other rules decide the same, or the other end denies it"


# --- all of them together ---------------------------------------------------------------------------------------------


def _going(state: State, everywhere: Redundancy, found: Iterable[RemovablePart]) -> set[RemovablePart]:
    """The parts without which nothing changes either once all others go that were found before and may."""
    going: set[RemovablePart] = set()
    gone: defaultdict[_PolicyKey, list[RemovablePart]] = defaultdict(list)
    with state.supposing() as suppose:
        for part in [*(one.part for one in everywhere if one.goes), *found]:
            others = gone[_key(part.policy)]
            edit = _edit(part, others)
            if edit is None or not changes_nothing(state, *edit):
                continue
            for policy in edit.replaced:
                suppose(policy)
            for policy in edit.removed:
                suppose.without(policy)
            others.append(part)
            going.add(part)
    return going


def _key(policy: CompiledPolicy[Any]) -> _PolicyKey:
    return policy.kind, policy.namespace, policy.name
