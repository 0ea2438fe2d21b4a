"""Policies of one tier with the same priority: where their rules disagree, what decides is not defined upstream.

ringfence takes them by name. An answer names two of them if, and only if, it would be another one if they were asked in
the other order, before all others of their priority. What each of them does is found once, and policies that do the
same are compared with others once. Many policies of one priority are one sentence, with the first two of which this is
true: 400 that disagree are 80,000 pairs.

Source: network-policy-api, field `priority` of ClusterNetworkPolicy: "if two policies have the same priority, the
implementation may apply any of the matching policies".
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import combinations, groupby
from typing import Any, Final, NamedTuple

from ringfence.engine.answers.reasons import PolicyReason, SideReason, passes
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action, CompiledPolicy
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

MOST_PAIRED: Final = 8
"""If more policies than these have the same priority, only the first two whose order decides are named."""

_MOST_NAMED: Final = 3


class UndefinedOrder(NamedTuple):
    """Policies of a tier with the same priority: the order of the `first` and the `second` decides, and is not defined.

    If there are `many`, the order of others may decide as well. They are in the order in which they are taken.
    """

    tier: str
    first: CompiledPolicy[Any]
    second: CompiledPolicy[Any]
    many: tuple[CompiledPolicy[Any], ...] = ()

    def __str__(self) -> str:
        same = f"the same priority {self.first.priority} in the {self.tier} tier"
        both = " and ".join(f"{one.kind_name} {one}" for one in (self.first, self.second))
        if self.many:
            named = ", ".join(f"{one.kind_name} {one}" for one in self.many[:_MOST_NAMED])
            return (
                f"{len(self.many)} policies have {same}: {named} and {len(self.many) - _MOST_NAMED} more: which one "
                f"decides is not defined, and the order of their names is assumed; {both} disagree, and others may"
            )
        taken = f"which one decides is not defined, and {self.first} is assumed to come first, by its name"
        return f"{both} have {same}: {taken}"


class EqualPriorityAssumptions:
    """The policies of a side whose order decides, and is not defined.

    What does not depend on the traffic is found once, however many parts of the traffic are asked about.
    """

    def __init__(self, side: SideReason) -> None:
        self._side = side
        self._sentences: dict[_SamePriority, str] = {}

    def about(self, asked: Traffic | None, concerned: Iterable[int]) -> Iterator[str]:
        """The assumptions about some traffic; None means all.

        `concerned` are the places of the policies that have a rule about the peer and some of this traffic, in order.
        """
        if not self._equals:
            return
        places = [*sorted({*concerned, *self._isolating})]
        some = tuple([self._policies[place] for place in places])
        start = 0
        for equals, group in groupby(places, key=lambda place: self._equals.get(place)):
            end = start + len(list(group))
            # A single policy about this traffic has no order.
            if equals and end - start > 1:
                pairs = _depending_on_order(_EqualPolicies(some, start, end, is_isolated=self._side.isolated), asked)
                if equals.end - equals.start > MOST_PAIRED:
                    # The generator stops at the first pair; the sentence about many policies does not depend on which
                    # pair it was.
                    if any(True for _ in pairs):
                        yield self._sentence_of_many(equals)
                else:
                    yield from (str(UndefinedOrder(one.tier, one.policy, other.policy)) for one, other in pairs)
            start = end

    @cached_property
    def _policies(self) -> "tuple[_PolicyAboutPeer, ...]":
        return tuple(map(_selecting, self._side.policies))

    @cached_property
    def _isolating(self) -> tuple[int, ...]:
        """The place of the first NetworkPolicy, if there is one: they isolate, whatever their rules are about."""
        places = (place for place, one in enumerate(self._side.policies) if one.tier == NETWORK_POLICY_TIER)
        return tuple([place for place in [next(places, None)] if place is not None])

    @cached_property
    def _equals(self) -> "dict[int, _SamePriority]":
        """By the place of a policy, the first and the last place of those of its priority, if they are several."""
        found: dict[int, _SamePriority] = {}
        start = 0
        for (tier, _), group in groupby(self._side.policies, key=lambda one: (one.tier, one.policy.priority)):
            end = start + len(list(group))
            # NetworkPolicies have no priority and no order: their rules form a union.
            if tier != NETWORK_POLICY_TIER and end - start > 1:
                found |= dict.fromkeys(range(start, end), _SamePriority(start, end))
            start = end
        return found

    def _sentence_of_many(self, equals: "_SamePriority") -> str:
        """About many policies, with the first two that disagree about any traffic: it is the same for many ports."""
        if equals not in self._sentences:
            start, end = equals
            wholly = _EqualPolicies(self._policies, start, end, is_isolated=self._side.isolated)
            first, second = next(_depending_on_order(wholly, None))
            policies = tuple([one.policy for one in self._policies[start:end]])
            self._sentences[equals] = str(UndefinedOrder(first.tier, first.policy, second.policy, policies))
        return self._sentences[equals]


class _SamePriority(NamedTuple):
    """The places of policies with the same priority: the first, and the one after the last."""

    start: int
    end: int


class _PolicyAboutPeer(NamedTuple):
    """A policy, and the rules of it that are about the other end: what each does, and with which traffic."""

    policy: CompiledPolicy[Any]
    tier: str
    rules: tuple[tuple[Action, Traffic], ...]


def _selecting(reason: PolicyReason) -> _PolicyAboutPeer:
    rules = tuple([(rule.action, rule.traffic) for rule in reason.rules if rule.selects])
    return _PolicyAboutPeer(reason.policy, reason.tier, rules)


class _EqualPolicies(NamedTuple):
    """The policies of a side, of which those from `start` to `end` have the same priority."""

    policies: tuple[_PolicyAboutPeer, ...]
    start: int
    end: int
    is_isolated: bool


class _Matched(NamedTuple):
    """What some rules do, one after another: the traffic that they allow, pass to the next tier, and match at all."""

    allowed: Traffic
    passed: Traffic
    all: Traffic


class _Effect(NamedTuple):
    """What one policy does with the traffic in question: what it decides about, and what of it passes in the end."""

    matched: Traffic
    passing: Traffic

    @property
    def denied(self) -> Traffic:
        """What it keeps from passing."""
        return self.matched - self.passing

    def before(self, other: "_Effect", otherwise: Traffic) -> Traffic:
        """What passes if this policy comes first, then another one, and then those that let pass `otherwise`."""
        undecided = otherwise - self.matched - other.matched
        return self.passing | (other.passing - self.matched) | undecided


def _depending_on_order(
    equals: _EqualPolicies, asked: Traffic | None
) -> Iterator[tuple[_PolicyAboutPeer, _PolicyAboutPeer]]:
    """Of the policies of the same priority: the pairs of which the other order gives another answer."""
    policies, start, end, isolated = equals
    if end - start < 2:
        return
    tier = policies[start].tier
    # What earlier policies have decided never reaches these, so their order cannot matter for it.
    in_question = _undecided(policies[:start], tier, is_isolated=isolated) & (asked or ALL_TRAFFIC)
    if not in_question:
        return
    # A `Pass` skips the rest of its own tier, so what it leads to is decided by the later tiers only.
    later = _allowed([one for one in policies[end:] if one.tier != tier], is_isolated=isolated)
    passing = _allowed(policies, is_isolated=isolated)
    numbers: dict[_Effect, int] = {}
    numbered = []
    for policy in policies[start:end]:
        allowed, passed, matched = _matched([policy])
        effect = _Effect(matched & in_question, (allowed | (passed & later)) & in_question)
        numbered.append((policy, numbers.setdefault(effect, len(numbers))))
    effects = list(numbers)
    contested = _contested(effects, asked)
    known: dict[tuple[int, int], bool] = {}
    for (first, one), (second, other) in combinations([one for one in numbered if one[1] in contested], 2):
        if (one, other) not in known:
            depends = one != other and _depends(effects[one], effects[other], passing, asked)
            # Whether the two orders differ is symmetric, and policies with equal effects share the result.
            known[one, other] = known[other, one] = depends
        if known[one, other]:
            yield first, second


def _contested(effects: Sequence[_Effect], asked: Traffic | None) -> frozenset[int]:
    """The numbers of those that let pass what some other one denies, or the other way round.

    If not all that is `asked` can pass, whatever the order of two is, the order does not matter: one of them must deny
    nothing, and let pass everything that the other denies.
    """
    rivals = [one for one in effects if asked is None or not one.denied]
    passing = Traffic.union_of([one.passing for one in rivals])
    denied = Traffic.union_of([one.denied for one in effects])
    return frozenset(
        number
        for number, one in enumerate(effects)
        if (one.denied & passing if asked is None else one.denied and not one.denied - passing)
        or (one.passing & denied and (asked is None or not one.denied))
    )


def _depends(one: _Effect, other: _Effect, otherwise: Traffic, asked: Traffic | None) -> bool:
    """Whether the order of two policies decides the answer."""
    if asked is not None:
        # All that is asked passes in one order only: then one policy denies something, which the other lets pass.
        denying, passing = (one, other) if one.denied else (other, one)
        if passing.denied or denying.denied - passing.passing:
            return False
    return _differs(one.before(other, otherwise), other.before(one, otherwise), asked)


def _differs(one: Traffic, other: Traffic, asked: Traffic | None) -> bool:
    return one != other if asked is None else passes(one, asked) != passes(other, asked)


def _undecided(policies: Sequence[_PolicyAboutPeer], by: str, *, is_isolated: bool) -> Traffic:
    """The traffic that reaches the next policy of the tier `by` after all these."""
    undecided = ALL_TRAFFIC
    for tier, some in groupby(policies, key=lambda one: one.tier):
        _, passed, matched = _matched(some)
        if tier == by:
            return undecided - matched
        undecided = _left(tier, undecided, passed, matched, is_isolated=is_isolated)
    return undecided


def _allowed(policies: Sequence[_PolicyAboutPeer], *, is_isolated: bool) -> Traffic:
    """What the policies of a side allow in this order."""
    allowed, undecided = NO_TRAFFIC, ALL_TRAFFIC
    for tier, some in groupby(policies, key=lambda one: one.tier):
        of_tier, passed, matched = _matched(some)
        allowed |= undecided & of_tier
        undecided = _left(tier, undecided, passed, matched, is_isolated=is_isolated)
    return allowed | undecided


def _left(tier: str, undecided: Traffic, passed: Traffic, matched: Traffic, *, is_isolated: bool) -> Traffic:
    """What a tier leaves to the next one."""
    # An isolated pod is denied everything that no NetworkPolicy allows, so nothing is left for the baseline tier.
    if tier == NETWORK_POLICY_TIER and is_isolated:
        return NO_TRAFFIC
    return (undecided - matched) | (undecided & passed)


def _matched(policies: Iterable[_PolicyAboutPeer]) -> _Matched:
    """What the rules of some policies of one tier do."""
    allowed, passed, matched = NO_TRAFFIC, NO_TRAFFIC, NO_TRAFFIC
    for action, traffic in (rule for policy in policies for rule in policy.rules):
        # The first rule that matches decides, so a later one means only what is left.
        meant = traffic - matched
        if action is Action.ALLOW:
            allowed |= meant
        elif action is Action.PASS:
            passed |= meant
        matched |= meant
    return _Matched(allowed, passed, matched)
