"""The parts of policies that could be removed without any change for the pods of the input.

The engine for existing pods decides this: a part is removed, and the connections of the pods that its policy selects
are compared, with all pods and all addresses. Pods that are created later may need a part that is listed here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
    number_of_entries,
    peers_alone,
    policy_set,
    rule_parts,
    without_parts,
)
from ringfence.engine.policies import CompiledPolicy, Supposition
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
"""The bound for all parts, the bound for one part, and the increase of the first one for each policy.

A step is a pair of pods, or a pod and a set of peers with the same traffic. It takes some 50 microseconds. Policies
written by hand take some 20 steps each.
"""
_ENTRIES_OF_A_STEP: Final = 10
"""The peers and ports of a policy that are compiled in the time of a step: without a part, all others are compiled."""
_MOST_WORK: Final = 2_000
"""The bound of `RemovablePart.work`, which an entry of a rule with 400 entries reaches: trying each is quadratic."""

_PolicyKey = tuple[str, str, str]
"""The kind, the namespace and the name."""


class RedundancyHere(msgspec.Struct, frozen=True):
    """The parts that are redundant for the pods of the input only, and how many workloads these pods belong to.

    The covers are valid for these pods only. A part `goes` if it can be removed together with the parts of every
    cluster that go, and with those that go before it in the list.

    Without any pods, nothing is listed: everything would be redundant. `undecided` are parts for which the bounds did
    not suffice, with the reason.
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

    As there, the rules of a redundant policy are not listed, nor the peers and ports of a redundant rule.
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
    """The policies by which the pods must be told apart: all, and each policy with blocks without one of its peers.

    If pods were told apart for each part separately, their identities would have to be computed again each time.
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
    """Leaves out one part after another and compares the connections of the pods that its policy selects."""

    def __init__(self, state: State, everywhere: Redundancy, resolving: frozenset[Identity], budget: Budget) -> None:
        self._state = state
        self._everywhere = {(_key(one.part.policy), one.part.path) for one in everywhere}
        self._resolving = bitsets.of(identity.bit for identity in resolving)
        """The pods selected by a policy with domain names: the input does not contain the addresses of these."""
        self._budget = budget
        self._omissions = Omissions(state)
        self._sizes: dict[CompiledPolicy[Any], int] = {}
        self.parts: list[RemovablePart] = []
        self.undecided: list[tuple[RemovablePart, str]] = []

    def is_redundant(self, part: RemovablePart) -> bool:
        """Whether nothing changes without a part. If so, it is added to `parts`, unless it is redundant in every
        cluster.
        """
        # What is redundant in every cluster is redundant here, too, and was listed already.
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
        """Whether nothing changes without a part, after `others` of the same policy are removed. Raises Undecided."""
        if part.work > _MOST_WORK:
            raise Undecided(None)
        # A budget of its own, so that one part with many pods cannot use up what is left for all others.
        budget = Budget(min(self._budget.left, _STEPS_OF_ONE))
        before = budget.left
        try:
            budget.step(self._size(part.policy) // _ENTRIES_OF_A_STEP)
            less = _without(part, others)
            if less is None and part.kind is not PartKind.POLICY:
                return False  # a rule without peers or ports would mean all
            return self._omissions.change_nothing(part.policy.policy, less, budget.step)
        finally:
            self._budget.left -= before - budget.left

    def _size(self, policy: CompiledPolicy[Any]) -> int:
        """How many peers and ports a policy has."""
        found = self._sizes.get(policy)
        if found is None:
            found = self._sizes[policy] = number_of_entries(policy)
        return found

    def _depends_on_names(self, part: RemovablePart) -> bool:
        """Whether the effect of a part may depend on addresses of domain names, which the input does not contain."""
        directions = part.policy.rules if part.kind is PartKind.POLICY else [part.direction]
        return Direction.EGRESS in directions and bool(self._state.selected(part.policy.subject) & self._resolving)


def _without(part: RemovablePart, others: Iterable[RemovablePart] = ()) -> Policy | None:
    """A policy without a part and others; None for the whole policy, or if a remaining rule would then match
    everything.
    """
    return None if part.kind is PartKind.POLICY else without_parts(part.policy, [*others, part])


def _has_domain_names(policy: CompiledPolicy[Any]) -> bool:
    if isinstance(policy.policy, NetworkPolicy):
        return False
    rules = cluster_rules_of(policy.policy, Direction.EGRESS)
    return any(domain_names_of(peer) for rule in rules for peer in rule.peers)


def _why(state: State, part: RemovablePart) -> tuple[tuple[Cover, ...], str]:
    """The rules that cover a part; if none do, the reason why it has no effect."""
    if not state.selects_pods(part.policy.subject):
        return (), "it selects no pod of the input"
    peers = peers_alone(part)
    if peers and peers.selections and peers.block is None and not any(map(state.selects_pods, peers.selections)):
        return (), f"{'it selects' if part.kind is PartKind.PEER else 'its peers select'} no pod of the input"
    covers = covers_here(state, part, _without(part))
    return covers, "" if covers else "no connection of these pods depends on it: other tiers or the other end decide it"


# --- all of them together ---------------------------------------------------------------------------------------------


def _going(state: State, everywhere: Redundancy, search: _SearchHere) -> set[RemovablePart]:
    """The parts that can all be removed together: each is tried after those that were accepted before it."""
    going: set[RemovablePart] = set()
    gone: defaultdict[_PolicyKey, list[RemovablePart]] = defaultdict(list)
    for part in (one.part for one in everywhere if one.goes):
        going.add(part)
        gone[_key(part.policy)].append(part)
    with state.policies.supposing() as suppose:
        # Those of every cluster are known to change nothing together: each policy is compiled once without all of them.
        for parts in gone.values():
            _leave_out(parts, suppose)
        for part in search.parts:
            others = gone[_key(part.policy)]
            try:
                if not search.changes_nothing(part, others):
                    continue
            except Undecided:
                continue
            others.append(part)
            going.add(part)
            _leave_out(others, suppose)
    return going


def _leave_out(parts: Sequence[RemovablePart], suppose: Supposition) -> None:
    """Put the policy of some parts in force without them."""
    *others, last = parts
    less = _without(last, others)
    if less is None:
        suppose.without(last.policy.policy)
    else:
        suppose(less)


def _key(policy: CompiledPolicy[Any]) -> _PolicyKey:
    return policy.kind, policy.namespace, policy.name
