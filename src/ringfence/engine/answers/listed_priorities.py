"""Policies of one tier with the same priority, in lists: the pairs of them whose order decides, for all pairs of pods.

An answer about one pair of pods tries both orders (`equal_priorities`). Of two policies that come before the others of
their priority, the order matters only for traffic that both match, and that one of them lets pass and the other does
not, where passing it on counts as what the later tiers say. What each of them does is found for all peers at once, as
partitions of identities and of addresses, and once for all subjects that the same policies select. So the work grows
with the policies, not with the pods.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, reduce
from itertools import combinations, groupby
from operator import or_
from typing import Any, Final, NamedTuple

from ringfence.engine.answers.equal_priorities import equal_priority_text
from ringfence.engine.answers.listed_subjects import ListedSubjects, subjects_by_policies
from ringfence.engine.policies import (
    EVERYONE,
    NETWORK_POLICY_TIER,
    Action,
    CompiledPolicy,
    CompiledRule,
    OwnPorts,
    PodSelection,
    Profile,
    Stack,
)
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING
from ringfence.sets.addresses import Addresses
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import E, Partition
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_Evaluate = Callable[[Stack], Partition[E, Traffic]]
"""What a stack allows, for all peers or all addresses."""


class EqualPriorities:
    """Finds the policies with the same priority whose order decides about some of the traffic `asked`."""

    def __init__(self, state: State, asked: Traffic) -> None:
        self._state = state
        self._asked = asked
        self._found: dict[object, list[tuple[str, Bitset]]] = {}

    def deciding(self, group: ListedSubjects) -> Iterator[tuple[str, Bitset]]:
        """The sentence about each such pair of policies, and the peers for which their order decides."""
        for equals in _equals(group.stack):
            for family in group.families:
                key = (equals.stack, equals.policies, group.own, family)
                if key not in self._found:

                    def evaluate(stack: Stack) -> Partition[Bitset, Traffic]:
                        return self._state.tiers.peers_of(stack, group.own, family)  # noqa: B023  (used at once)

                    self._found[key] = list(_conflicts(equals, evaluate, self._asked))
                having = self._state.population.in_family(family)
                yield from ((text, bits & having) for text, bits in self._found[key])


def listed_priority_assumptions(
    state: State, subjects: Iterable[Member], direction: Direction, outside: Addresses, asked: Traffic
) -> Iterator[str]:
    """The sentences about policies whose order decides what some pods may with addresses outside the cluster."""
    seen: set[object] = set()
    for group in subjects_by_policies(state, direction, subjects):
        for equals in _equals(group.stack):
            key = (equals.stack, equals.policies, group.own)
            if key not in seen:
                seen.add(key)
                yield from _outside(state, equals, group.own, outside, asked)


def _outside(state: State, equals: "_Equals", own: OwnPorts, outside: Addresses, asked: Traffic) -> Iterator[str]:
    def evaluate(stack: Stack) -> Partition[Addresses, Traffic]:
        return state.tiers.addresses_of(stack, own, outside)

    yield from (text for text, _ in _conflicts(equals, evaluate, asked))


class _Equals(NamedTuple):
    """Policies of the profile at `place` of a stack with the same priority; `first` is the number of the first one."""

    stack: Stack
    place: int
    first: int
    policies: tuple[CompiledPolicy[Any], ...]

    @property
    def tier(self) -> str:
        """The name of their tier."""
        return self.stack[self.place].tier


def _equals(stack: Stack) -> Iterator[_Equals]:
    """The policies of a stack with the same priority that may disagree.

    What later tiers say matters only where one of them passes something on: without, they are left out, so that what is
    found is the same whatever they are.
    """
    for index, profile in enumerate(stack):
        if profile.tier == NETWORK_POLICY_TIER:
            continue
        first = 0
        for _, group in groupby(profile.policies, key=lambda one: one.priority):
            policies = tuple(group)
            actions = {rule.action for policy in policies for rule in policy.rules[profile.direction]}
            if len(policies) > 1 and len(actions) > 1:
                relevant = stack if Action.PASS in actions else stack[: index + 1]
                yield _Equals(relevant, index, first, policies)
            first += len(policies)


class _Outcome(NamedTuple):
    """What a policy lets pass, and what it does not deny, for extents of peers: with it alone of its priority.

    What earlier policies decide is in both or in neither, so it never makes two policies disagree.
    """

    actions: frozenset[Action]
    passing: Partition[Any, Traffic]
    not_denied: Partition[Any, Traffic]


def _conflicts(equals: _Equals, evaluate: _Evaluate[E], asked: Traffic) -> Iterator[tuple[str, E]]:
    """The sentence about each two policies whose order decides, with the extent for which it does."""
    direction = equals.stack[equals.place].direction

    @cache
    def outcome(policy: CompiledPolicy[Any]) -> _Outcome:
        return _Outcome(
            frozenset(rule.action for rule in policy.rules[direction]),
            evaluate(_alone(equals, policy, Action.DENY)),
            evaluate(_alone(equals, policy, Action.ALLOW)),
        )

    for one, other in combinations(equals.policies, 2):
        a, b = outcome(one), outcome(other)
        extents = [*_decided(a, b, asked), *_decided(b, a, asked)]
        if extents:
            yield equal_priority_text(equals.tier, one, other), reduce(or_, extents)


def _decided(one: _Outcome, other: _Outcome, asked: Traffic) -> Iterator[Any]:
    """The extents for which one policy lets something pass that the other denies."""
    if not (one.actions & _LETTING and other.actions & _DENYING):
        return
    for extent, passing in one.passing:
        if passing:
            for within, not_denied in other.not_denied:
                if passing & asked - not_denied and (common := extent & within):
                    yield common


_LETTING: Final = frozenset((Action.ALLOW, Action.PASS))
_DENYING: Final = frozenset((Action.DENY, Action.PASS))


def _alone(equals: _Equals, policy: CompiledPolicy[Any], rest: Action) -> Stack:
    """The stack with one policy in place of all of its priority, and nothing after it in its tier but `rest`."""
    profile = equals.stack[equals.place]
    policies = (*profile.policies[: equals.first], policy, _EVERYTHING[rest])
    replaced = Profile(profile.tier, profile.direction, policies, profile.otherwise)
    return (*equals.stack[: equals.place], replaced, *equals.stack[equals.place + 1 :])


def _rule_for_everything(action: Action) -> CompiledPolicy[Any]:
    rules: Sequence[CompiledRule] = (CompiledRule(0, EVERYONE, ALL_TRAFFIC, (), action),)
    by_direction = {direction: tuple(rules) for direction in Direction}
    return CompiledPolicy(None, None, "", "", "", PodSelection(EVERYTHING), by_direction)


_EVERYTHING: Final = {action: _rule_for_everything(action) for action in (Action.ALLOW, Action.DENY)}
"""A policy with one rule, which allows or denies everything."""
