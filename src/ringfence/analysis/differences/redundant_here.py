"""What could be removed from policies without any change for the pods of the input, though not in every cluster.

Decided by the engine that answers all questions about these pods: a part is removed, and the connections of the pods
that its policy selects are compared, with all pods and all addresses. Pods to come may need what is listed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ringfence.analysis.differences.covers_here import covers_here
from ringfence.analysis.edits import Omissions
from ringfence.analysis.possible import (
    Cover,
    PartKind,
    Redundancy,
    RedundantPart,
    RemovablePart,
    ask_about_parts,
    entry_parts,
    peers_alone,
    policy_set,
    rule_parts,
    without_parts,
)
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.population import Identity
from ringfence.engine.possible import Budget, Undecided
from ringfence.engine.state import State
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of
from ringfence.model.objects import NetworkPolicy, Policy
from ringfence.model.policies import Direction
from ringfence.sets import bitsets

_STEPS: Final = 200_000
_STEPS_OF_ONE: Final = 50_000
_STEPS_OF_A_POLICY: Final = 100
"""The bounds for all parts together, for one part, and how much the first one grows with each policy.

A step is a pair of pods, or one pod and some others with which it may do the same: some 50 microseconds. Policies as
people write them take 20 steps each.
"""
_MOST_WORK: Final = 2_000
"""The work (`RemovablePart.work`) for an entry of a rule with 400: to leave each of more out takes their square."""

_PolicyKey = tuple[str, str, str]
"""The kind, the namespace and the name."""


class RedundancyHere(msgspec.Struct, frozen=True):
    """The parts that are redundant for the pods of the input only, and how many workloads these pods belong to.

    What covers them does so for these pods. One `goes` if nothing changes without it once those of every cluster that
    go, and those before it in the list, are gone.

    Without any pods, nothing is listed: everything would be redundant. `undecided` are parts of which it is not known,
    with the reason.
    """

    parts: tuple[RedundantPart, ...]
    workloads: int
    undecided: tuple[tuple[RemovablePart, str], ...] = ()

    def __iter__(self) -> Iterator[RedundantPart]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def redundancy_here(state: State, everywhere: Redundancy, budget: Budget | None = None) -> RedundancyHere:
    """The parts that are redundant for the pods of a state, less those that are redundant in every cluster.

    As there, of a redundant policy the rules are not listed, and of a redundant rule not the peers and ports.
    """
    workloads = len({state.workload(member) for member in state.members()})
    if not workloads:
        return RedundancyHere((), 0)
    policies = policy_set("", state).policies
    budget = budget or Budget(_STEPS + _STEPS_OF_A_POLICY * len(policies))
    named = [one.policy for one in policies if _has_domain_names(one)]
    with state.policies.telling_apart(_told_apart(policies)), state.policies.telling_apart(named) as resolving:
        search = _SearchHere(state, everywhere, resolving, budget)
        ask_about_parts(policies, search.is_redundant)
        going = _going(state, everywhere, search)
        parts = [RedundantPart(part, *_why(state, part), part in going) for part in search.parts]
    return RedundancyHere(tuple(parts), workloads, tuple(search.undecided))


def _told_apart(policies: Iterable[CompiledPolicy[Any]]) -> Iterator[Policy]:
    """All policies, and those without a peer among others that are addresses.

    If pods were told apart for each part by itself, their identities would have to be found again each time.
    """
    for policy in policies:
        yield policy.policy
        if policy.blocks:
            for part in (entry for rule in rule_parts(policy) for entry in entry_parts(rule)):
                if (
                    part.kind is PartKind.PEER
                    and part.work <= _MOST_WORK
                    and (less := without_parts(policy, [part])) is not None
                ):
                    yield less


# --- each part alone --------------------------------------------------------------------------------------------------


class _SearchHere:
    """One part after another is left out, and what its pods may do is compared."""

    def __init__(self, state: State, everywhere: Redundancy, resolving: frozenset[Identity], budget: Budget) -> None:
        self._state = state
        self._everywhere = {(_key(one.part.policy), one.part.path) for one in everywhere}
        self._resolving = bitsets.of(identity.bit for identity in resolving)
        """The pods about which some policy decides by domain names: which addresses those are is not in the input."""
        self._budget = budget
        self._omissions = Omissions(state)
        self.parts: list[RemovablePart] = []
        self.undecided: list[tuple[RemovablePart, str]] = []

    def is_redundant(self, part: RemovablePart) -> bool:
        """Whether nothing changes without a part; then it is noted, unless it is redundant in every cluster."""
        if (_key(part.policy), part.path) in self._everywhere:
            return True
        try:
            if not self.changes_nothing(part) or self._depends_on_names(part):
                return False
        except Undecided:
            self.undecided.append((part, "undecided: too many pods and connections would have to be compared"))
            return False
        self.parts.append(part)
        return True

    def changes_nothing(self, part: RemovablePart, others: Iterable[RemovablePart] = ()) -> bool:
        """Whether nothing changes without a part, once others of the same policy are gone. May raise Undecided."""
        if part.work > _MOST_WORK:
            raise Undecided(None)
        less = _without(part, others)
        if less is None and part.kind is not PartKind.POLICY:
            return False  # a rule without peers or ports would mean all
        budget = Budget(min(self._budget.left, _STEPS_OF_ONE))
        before = budget.left
        try:
            return self._omissions.change_nothing(part.policy.policy, less, budget.step)
        finally:
            self._budget.left -= before - budget.left

    def _depends_on_names(self, part: RemovablePart) -> bool:
        """Whether the addresses that domain names resolve to, which no input has, may decide what a part does."""
        directions = part.policy.rules if part.kind is PartKind.POLICY else [part.direction]
        return Direction.EGRESS in directions and bool(self._state.selected(part.policy.subject) & self._resolving)


def _without(part: RemovablePart, others: Iterable[RemovablePart] = ()) -> Policy | None:
    """A policy without a part and others; None for the policy itself, or if a rule were left that would mean all."""
    return None if part.kind is PartKind.POLICY else without_parts(part.policy, [*others, part])


def _has_domain_names(policy: CompiledPolicy[Any]) -> bool:
    if isinstance(policy.policy, NetworkPolicy):
        return False
    rules = cluster_rules_of(policy.policy, Direction.EGRESS)
    return any(domain_names_of(peer) for rule in rules for peer in rule.peers)


def _why(state: State, part: RemovablePart) -> tuple[tuple[Cover, ...], str]:
    """What covers a part, and if nothing does, why it has no effect."""
    if not state.selects_pods(part.policy.subject):
        return (), "it selects no pod of the input"
    peers = peers_alone(part)
    if peers and peers.selections and peers.block is None and not any(map(state.selects_pods, peers.selections)):
        return (), f"{'it selects' if part.kind is PartKind.PEER else 'its peers select'} no pod of the input"
    covers = covers_here(state, part, _without(part))
    return covers, "" if covers else "no connection of these pods depends on it: other tiers or the other end decide it"


# --- all of them together ---------------------------------------------------------------------------------------------


def _going(state: State, everywhere: Redundancy, search: _SearchHere) -> set[RemovablePart]:
    """The parts without which nothing changes either once all others go that were found before and may."""
    # Those of every cluster are known to change nothing together.
    going = {one.part for one in everywhere if one.goes}
    gone: defaultdict[_PolicyKey, list[RemovablePart]] = defaultdict(list)
    with state.policies.supposing() as suppose:
        for part in [*(one.part for one in everywhere if one.goes), *search.parts]:
            others = gone[_key(part.policy)]
            if part not in going:
                try:
                    if not search.changes_nothing(part, others):
                        continue
                except Undecided:
                    continue
            less = _without(part, others)
            if less is None:
                suppose.without(part.policy.policy)
            else:
                suppose(less)
            others.append(part)
            going.add(part)
    return going


def _key(policy: CompiledPolicy[Any]) -> _PolicyKey:
    return policy.kind, policy.namespace, policy.name
