"""Premises: what findings take for granted of policies whose kinds are not read.

Such a policy may allow or deny what the policies that are read do not. A finding that says what passes to or from some
pods holds only if no such policy may change it. Rules say about which pods a finding is; here it is decided, for all
rules alike, whether that is known.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Member, possible_pod
from ringfence.engine.possible import plainest_labels
from ringfence.lint.findings import SkippedRules
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.model.policies import Direction
from ringfence.model.unread_policies import Doubt, UnreadPolicy


class Basis(StrEnum):
    """What the findings of a rule are about, and so what policies that are not read could change."""

    WRITTEN = "written"
    """What the policies that are read say and select: no other policy changes it."""
    PASSING = "passing"
    """What passes to or from some pods, by all policies together. Each finding has premises."""
    PASSING_EVERYWHERE = "passing everywhere"
    """What passes between any pods that could be: one policy that is not read leaves every finding open."""


class Premise(msgspec.Struct, frozen=True):
    """That no policy which is not read changes what passes to or from some pods in a direction.

    Policies that only deny do not change that something is refused (`is_refusal`), and those about addresses outside
    the cluster do not change what passes between pods (`is_between_pods`).
    """

    pods: tuple[Member, ...]
    direction: Direction
    is_refusal: bool = False
    is_between_pods: bool = False


class Doubtful(msgspec.Struct, frozen=True):
    """A pod, and a policy that is not read and may change what passes to or from it."""

    pod: Member
    policy: UnreadPolicy
    direction: Direction


def doubtful(linted: Linted, premises: Iterable[Premise]) -> Doubtful | None:
    """The first pod of some premises of which it is not known whether they hold; None if all do."""
    if not linted.state.doubts:
        return None
    for premise in premises:
        for pod in premise.pods:
            for policy in _changing(linted, pod, premise):
                return Doubtful(pod, policy, premise.direction)
    return None


def _changing(linted: Linted, pod: Member, premise: Premise) -> Iterator[UnreadPolicy]:
    for policy in linted.state.doubts.selecting(pod, premise.direction):
        is_idle = (premise.is_refusal and policy.only_denies) or (premise.is_between_pods and policy.only_outside)
        if not is_idle:
            yield policy


def witness(
    linted: Linted,
    pods: Iterable[Member],
    direction: Direction,
    *,
    is_refusal: bool = False,
    is_between_pods: bool = False,
) -> Premise:
    """The premise of a finding that is true if it is true of any of some pods: the first of which it is known, if any.

    Raises StopIteration if there are no pods.
    """
    first: Premise | None = None
    for pod in pods:
        premise = Premise((pod,), direction, is_refusal, is_between_pods)
        if doubtful(linted, [premise]) is None:
            return premise
        first = first or premise
    assert first is not None
    return first


def subjects(linted: Linted, policy: PolicyInForce) -> list[Member]:
    """The pods that a policy selects; if there are none, one that it would select, unless no pod has such labels."""
    if pods := linted.pods_of(policy.subject):
        return pods
    try:
        return [possible_pod(policy.namespace, plainest_labels(policy.subject.pods))]
    except ValueError:
        return []


def undecided_everywhere(linted: Linted) -> str:
    """Why nothing is known of what passes between any pods that could be; empty if it is."""
    policies = [policy for policy in linted.state.doubts if policy.doubt is not Doubt.INERT]
    return f"not decided: {_unread_text(policies)}" if policies else ""


class Withheld:
    """The findings that are not known to hold, of all rules, and the reason as one."""

    def __init__(self) -> None:
        self._doubts: dict[tuple[str, Direction], Doubtful] = {}
        self._rules: dict[str, None] = {}
        self._about: dict[str, None] = {}

    def add(self, rule: str, about: str, doubt: Doubtful) -> None:
        """Note a finding of a rule, and what it is about."""
        self._doubts.setdefault((str(doubt.policy), doubt.direction), doubt)
        self._rules[rule] = None
        self._about[about] = None

    def skipped(self) -> Iterator[SkippedRules]:
        """The rules that would have found something, and why it is not said; nothing, if none would."""
        if self._rules:
            first, more = next(iter(self._about)), len(self._about) - 1
            about = f"{first} and {more} more" if more else first
            yield SkippedRules(tuple(self._rules), f"not decided for {about}: {self._reason()}", is_partial=True)

    def _reason(self) -> str:
        found = list(self._doubts.values())
        if len(found) == 1:
            return doubt_text(found[0].policy, found[0].direction)
        return _unread_text(list({str(one.policy): one.policy for one in found}.values()))


def _unread_text(policies: list[UnreadPolicy]) -> str:
    """That some policies are not read, as the first of them and the number of the others."""
    first, more = policies[0], len(policies) - 1
    what = f"{first} ({first.place})" if first.name else f"what is of kind {first.kind}"
    if more:
        return (
            f"{what} and {more} more {'policies' if more > 1 else 'policy'} are not read: they may change what passes"
        )
    return f"{what} is not read: it may change what passes"
