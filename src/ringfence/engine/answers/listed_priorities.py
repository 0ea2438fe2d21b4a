"""Policies of one tier with the same priority, in lists: the pairs of them whose order decides, for all pairs of pods.

An answer about one pair of pods tries both orders (`equal_priorities`). Suppose two policies come before the others of
their priority. Their order matters only for traffic that both match and that one of them allows and the other denies;
traffic passed on counts as what the later tiers decide. The effect of each policy is computed for all peers at once, as
partitions of identities and of addresses, and once for all subjects that the same policies of its tier, and of earlier
ones, select; only then is it compared with what the later tiers decide for each subject. So the work grows with the
policies, not with the pods. If many policies have the same priority, each is compared with all of them together
(`_Many`), and a list has one sentence about them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import combinations, groupby
from operator import and_, or_
from typing import Any, Final, NamedTuple

from ringfence.engine.answers.equal_priorities import MOST_PAIRED, UndefinedOrder
from ringfence.engine.answers.listed_subjects import ListedSubjects, subjects_by_policies
from ringfence.engine.policies import (
    EVERYONE,
    NETWORK_POLICY_TIER,
    Action,
    Assumption,
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
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import E, Partition, combined, merged
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

Evaluate = Callable[[Stack], Partition[E, Traffic]]
"""Gives the traffic that a stack allows, for all peers or all addresses."""


class EqualPriorities:
    """Finds the policies with the same priority whose order decides about some of the traffic `asked`."""

    def __init__(self, state: State, asked: Traffic) -> None:
        self._state = state
        self._asked = asked
        self._conflicts: dict[object, list[_Conflict | _Many]] = {}
        self._later: dict[object, Partition[Bitset, Traffic]] = {}
        self._folded = _Folded()

    def deciding(self, group: ListedSubjects) -> Iterator[tuple[Assumption, Bitset]]:
        """The assumptions about such policies, each with the peers for which their order decides."""
        for equals in _equals(group.stack):
            for family in group.families:
                for conflict in self._found(equals, group.own, family):
                    later = self._allowed_later(equals, group.own, family) if conflict.depends else []
                    if bits := reduce(or_, conflict.extents(later), 0) & self._state.population.in_family(family):
                        yield self._folded.assumption(conflict.order(later)), bits

    def _found(self, equals: "_Equals", own: OwnPorts, family: Family) -> "list[_Conflict | _Many]":
        # Profiles are compared by identity and shared by all pods with the same policies, so the key is cheap and
        # exact.
        key = (equals.stack, equals.policies, own, family)
        if key not in self._conflicts:

            def evaluate(stack: Stack) -> Partition[Bitset, Traffic]:
                return self._state.tiers.peers_of(stack, own, family)

            self._conflicts[key] = list(_conflicts(equals, evaluate, self._asked))
        return self._conflicts[key]

    def _allowed_later(self, equals: "_Equals", own: OwnPorts, family: Family) -> Partition[Bitset, Traffic]:
        key = (equals.later, own, family)
        if key not in self._later:
            self._later[key] = self._state.tiers.peers_of(*key)
        return self._later[key]


def priorities_outside(
    state: State, subjects: Iterable[Member], direction: Direction, outside: Addresses, asked: Traffic
) -> Iterator[UndefinedOrder]:
    """The policies whose order decides about traffic of some pods with addresses outside the cluster."""
    known: defaultdict[OwnPorts, dict[object, list[_Conflict | _Many]]] = defaultdict(dict)
    for group in subjects_by_policies(state, direction, subjects):
        evaluate = partial(state.tiers.addresses_of, own=group.own, within=outside)
        yield from priorities_of_stack(group.stack, evaluate, asked, known[group.own])


def assumed_orders(orders: Iterable[UndefinedOrder]) -> Iterator[Assumption]:
    """The assumptions about the order of policies, each once; a single one for a priority that many policies have."""
    yield from dict.fromkeys(map(_Folded().assumption, orders))


class _Folded:
    """Makes assumptions about the order of policies, with a single one for many policies of one priority and tier."""

    def __init__(self) -> None:
        self._about_many: dict[tuple[str, int], Assumption] = {}

    def assumption(self, order: UndefinedOrder) -> Assumption:
        if not order.many:
            return _assumption(order)
        # Different families and groups find different pairs of the same many policies: one sentence about them is
        # enough.
        key = (order.tier, order.first.priority)
        if key not in self._about_many:
            self._about_many[key] = _assumption(order)
        return self._about_many[key]


def _assumption(order: UndefinedOrder) -> Assumption:
    policies = order.many or (order.first, order.second)
    return Assumption((str(order), ""), unordered=frozenset(f"{one.kind_name} {one}" for one in policies))


def priorities_of_stack(
    stack: Stack, evaluate: Evaluate[E], asked: Traffic, known: "dict[object, list[_Conflict | _Many]] | None" = None
) -> Iterator[UndefinedOrder]:
    """The policies whose order decides what a stack allows; `evaluate` gives what any stack allows.

    Its partitions must contain all peers, also those with which nothing is allowed. `known` is a cache for calls with
    the same `evaluate`.
    """
    known = {} if known is None else known
    for equals in _equals(stack):
        key = (equals.stack, equals.policies)
        if key not in known:
            known[key] = list(_conflicts(equals, evaluate, asked))
        for conflict in known[key]:
            later = evaluate(equals.later) if conflict.depends else []
            if any(conflict.extents(later)):
                yield conflict.order(later)


class _Equals(NamedTuple):
    """Policies of the last profile of a stack with the same priority; `first` is the number of the first one.

    `later` are the profiles of the later tiers.
    """

    stack: Stack
    later: Stack
    first: int
    policies: tuple[CompiledPolicy[Any], ...]


def _equals(stack: Stack) -> Iterator[_Equals]:
    """The policies of a stack with the same priority that may disagree."""
    for index, profile in enumerate(stack):
        if profile.tier == NETWORK_POLICY_TIER:
            continue
        first = 0
        for _, group in groupby(profile.policies, key=lambda one: one.priority):
            policies = tuple(group)
            actions = {rule.action for policy in policies for rule in policy.rules[profile.direction]}
            # Rules with the same action cannot disagree, whatever their order.
            if len(policies) > 1 and len(actions) > 1:
                yield _Equals(stack[: index + 1], stack[index + 1 :], first, policies)
            first += len(policies)


class _Outcome(NamedTuple):
    """The effect of a policy as the only one of its priority, by extents of peers.

    `passing` is the allowed traffic, `not_denied` the traffic that neither it nor an earlier policy denies. Each is
    given twice: first if the later tiers deny all traffic passed on to them, then if they allow it. Traffic that
    earlier policies decide is in both or in neither, so it never makes two policies disagree.
    """

    passing: tuple[Partition[Any, Traffic], Partition[Any, Traffic]]
    not_denied: tuple[Partition[Any, Traffic], Partition[Any, Traffic]]
    passes_on: bool

    @property
    def key(self) -> object:
        """Equal for policies with the same effect."""
        return tuple(map(frozenset, (*self.passing, *self.not_denied))), self.passes_on


class _Conflict(NamedTuple):
    """Policies that disagree, with the extents of peers and the traffic.

    They disagree about `sure` whatever the later tiers decide; about `if_denied` only if the later tiers deny it, and
    about `if_allowed` only if they allow it, because one of the two passes it on.
    """

    policies: UndefinedOrder
    sure: Partition[Any, Traffic]
    if_denied: Partition[Any, Traffic]
    if_allowed: Partition[Any, Traffic]

    @property
    def depends(self) -> bool:
        """Whether it matters what the later tiers say."""
        return bool(self.if_denied or self.if_allowed)

    def order(self, later: Partition[E, Traffic]) -> UndefinedOrder:
        """The policies whose order decides."""
        return self.policies

    def extents(self, later: Partition[E, Traffic]) -> Iterator[E]:
        """The extents for which the order decides; `later` is the traffic that the later tiers allow."""
        return _extents((self.sure, self.if_denied, self.if_allowed), later)


def _extents(disagreements: "_Disagreements", later: Partition[E, Traffic]) -> Iterator[E]:
    sure, if_denied, if_allowed = disagreements
    yield from (extent for extent, _ in sure)
    for within, allowed in later:
        for extent, traffic in if_denied:
            if (common := extent & within) and traffic - allowed:
                yield common
        for extent, traffic in if_allowed:
            if (common := extent & within) and traffic & allowed:
                yield common


class _Many:
    """Many policies with the same priority: the effect of each is compared with that of all of them together."""

    def __init__(self, equals: "_Equals", outcomes: "Sequence[_Outcome]", asked: Traffic) -> None:
        self._equals = equals
        self._outcomes = outcomes
        self._asked = asked
        # Any two disagree about a peer exactly if what one of them allows is denied by one of them: n comparisons
        # instead of n².
        self._together = _together({one.key: one for one in outcomes}.values())
        self._disagreements = _disagreements(self._together, self._together, asked)

    @property
    def depends(self) -> bool:
        """Whether it matters what the later tiers say."""
        _, if_denied, if_allowed = self._disagreements
        return bool(if_denied or if_allowed)

    def extents(self, later: Partition[E, Traffic]) -> Iterator[E]:
        """The extents for which the order of any two decides."""
        return _extents(self._disagreements, later)

    def order(self, later: Partition[E, Traffic]) -> UndefinedOrder:
        """The policies, and the first two of them whose order decides for any of the extents."""
        disagreeing = (
            number for number, one in enumerate(self._outcomes) if self._disagree(one, self._together, later)
        )
        first = next(disagreeing)
        second = next(one for one in disagreeing if self._disagree(self._outcomes[first], self._outcomes[one], later))
        policies = self._equals.policies
        return UndefinedOrder(self._equals.stack[-1].tier, policies[first], policies[second], policies)

    def _disagree(self, one: "_Outcome", other: "_Outcome", later: Partition[E, Traffic]) -> bool:
        return any(_extents(_disagreements(one, other, self._asked), later))


def _together(outcomes: "Iterable[_Outcome]") -> "_Outcome":
    """The traffic that any of some policies allows, and the traffic that none of them denies."""
    return reduce(_both, outcomes)


def _both(one: "_Outcome", other: "_Outcome") -> "_Outcome":
    (passing, if_allowed), (if_denied, not_denied) = one.passing, one.not_denied
    return _Outcome(
        (_joined(passing, other.passing[0], or_), _joined(if_allowed, other.passing[1], or_)),
        (_joined(if_denied, other.not_denied[0], and_), _joined(not_denied, other.not_denied[1], and_)),
        one.passes_on or other.passes_on,
    )


def _joined(
    one: Partition[E, Traffic], other: Partition[E, Traffic], join: Callable[[Traffic, Traffic], Traffic]
) -> Partition[E, Traffic]:
    return merged(combined(one, other, join))


def _conflicts(equals: _Equals, evaluate: Evaluate[E], asked: Traffic) -> "Iterator[_Conflict | _Many]":
    """Each two policies that disagree about some of the traffic `asked`; all of them in one value if there are many.

    Policies with the same effect are compared with others only once.
    """
    if len(equals.policies) > MOST_PAIRED:
        yield _Many(equals, [_outcome(equals, policy, evaluate) for policy in equals.policies], asked)
        return
    tier = equals.stack[-1].tier
    numbers: dict[object, int] = {}
    outcomes: dict[int, _Outcome] = {}
    numbered = []
    for policy in equals.policies:
        outcome = _outcome(equals, policy, evaluate)
        number = numbers.setdefault(outcome.key, len(numbers))
        outcomes.setdefault(number, outcome)
        numbered.append((policy, number))
    disagreements: dict[tuple[int, int], _Disagreements] = {}
    for (one, a), (other, b) in combinations(outcomes.items(), 2):
        found = _disagreements(a, b, asked)
        if any(found):
            disagreements[one, other] = disagreements[other, one] = found
    if disagreements:
        for (first, one), (second, other) in combinations(numbered, 2):
            if (one, other) in disagreements:
                yield _Conflict(UndefinedOrder(tier, first, second), *disagreements[one, other])


_Disagreements = tuple[Partition[Any, Traffic], Partition[Any, Traffic], Partition[Any, Traffic]]
"""The last three fields of a `_Conflict`."""


def _disagreements(one: _Outcome, other: _Outcome, asked: Traffic) -> _Disagreements:
    sure = _disagreeing(one, other, 0, 1, asked)
    if not (one.passes_on or other.passes_on):
        return sure, [], []
    return sure, _disagreeing(one, other, 0, 0, asked), _disagreeing(one, other, 1, 1, asked)


def _outcome(equals: _Equals, policy: CompiledPolicy[Any], evaluate: Evaluate[E]) -> _Outcome:
    """The effect of one of the policies. Later tiers matter only if it passes traffic on."""
    direction = equals.stack[-1].direction
    # A profile without rules that denies the rest takes the place of the later tiers. The policy is evaluated by the
    # engine itself, so both cannot drift apart.
    denied_later: Stack = (Profile(NETWORK_POLICY_TIER, direction, (), Action.DENY),)
    passing = evaluate(_alone(equals, policy, Action.DENY) + denied_later)
    not_denied = evaluate(_alone(equals, policy, Action.ALLOW))
    if all(rule.action is not Action.PASS for rule in policy.rules[direction]):
        return _Outcome((passing, passing), (not_denied, not_denied), passes_on=False)
    return _Outcome(
        (passing, evaluate(_alone(equals, policy, Action.DENY))),
        (evaluate(_alone(equals, policy, Action.ALLOW) + denied_later), not_denied),
        passes_on=True,
    )


def _disagreeing(
    one: _Outcome, other: _Outcome, passing: int, not_denied: int, asked: Traffic
) -> Partition[Any, Traffic]:
    """The extents for which one policy allows what the other denies; the numbers index the pairs of `_Outcome`."""
    return [
        *_common(one.passing[passing], other.not_denied[not_denied], asked),
        *_common(other.passing[passing], one.not_denied[not_denied], asked),
    ]


def _common(passing: Partition[E, Traffic], not_denied: Partition[E, Traffic], asked: Traffic) -> Partition[E, Traffic]:
    """The extents for which some of the allowed traffic is denied, with this traffic."""
    found = []
    for extent, some in passing:
        if wanted := some & asked:
            for within, others in not_denied:
                if (denied := wanted - others) and (common := extent & within):
                    found.append((common, denied))
    return found


def _alone(equals: _Equals, policy: CompiledPolicy[Any], rest: Action) -> Stack:
    """The stack with one policy in place of all of its priority, followed only by a rule that does `rest` for all."""
    profile = equals.stack[-1]
    policies = (*profile.policies[: equals.first], policy, _EVERYTHING[rest])
    return (*equals.stack[:-1], Profile(profile.tier, profile.direction, policies, profile.otherwise))


def _rule_for_everything(action: Action) -> CompiledPolicy[Any]:
    by_direction = {direction: (CompiledRule(0, EVERYONE, ALL_TRAFFIC, (), action),) for direction in Direction}
    return CompiledPolicy(None, None, "", "", "", PodSelection(EVERYTHING), by_direction)


_REST: Final = (Action.DENY, Action.ALLOW)
_EVERYTHING: Final = {action: _rule_for_everything(action) for action in _REST}
"""A policy with one rule, which allows or denies everything."""
