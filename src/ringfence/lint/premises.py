"""Premises: what findings assume about policies of unsupported kinds.

Such a policy may allow or deny other traffic than the policies that are read. A finding about the allowed traffic of
some pods is valid only if no such policy may change this traffic. Rules name the pods of a finding; this module decides
for all rules whether the traffic of these pods is known.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Member, possible_pod
from ringfence.engine.possible import simplest_labels
from ringfence.lint.findings import SkippedRules
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.model.policies import Direction
from ringfence.model.unread_policies import Doubt, UnreadPolicy


class Basis(StrEnum):
    """The subject of a rule's findings, and therefore how policies of unsupported kinds can affect them."""

    WRITTEN = "written"
    """The text and the selectors of policies that are read: no other policy changes these."""
    PASSING = "passing"
    """The allowed traffic of some pods, by all policies together. Each finding has premises."""
    PASSING_EVERYWHERE = "passing everywhere"
    """The allowed traffic of all possible pods: one policy that is not read makes every finding uncertain."""


class Premise(msgspec.Struct, frozen=True):
    """The assumption that no policy of an unsupported kind changes the traffic of some pods in a direction.

    Policies that only deny cannot change that traffic is denied (`is_refusal`), and policies about addresses outside
    the cluster cannot change traffic between pods (`is_between_pods`).
    """

    pods: tuple[Member, ...]
    direction: Direction
    is_refusal: bool = False
    is_between_pods: bool = False


class Doubtful(msgspec.Struct, frozen=True):
    """A pod, and a policy of an unsupported kind that may change its traffic."""

    pod: Member
    policy: UnreadPolicy
    direction: Direction


def doubtful(linted: Linted, premises: Iterable[Premise]) -> Doubtful | None:
    """The first pod for which a premise is not known to hold; None if all premises hold."""
    # Most inputs have no such policy, and then every premise holds.
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
    """The premise for a finding that needs only one of some pods: the first pod whose traffic is known, if there is
    one.

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
    """The pods that a policy selects; without any, a possible one that it would select, if one can exist."""
    if pods := linted.pods_of(policy.subject):
        return pods
    try:
        # A policy without pods is judged by the pod that it is waiting for.
        return [possible_pod(policy.namespace, simplest_labels(policy.subject.pods))]
    except ValueError:
        return []


def undecided_everywhere(linted: Linted) -> str:
    """Why the traffic between possible pods is not known; empty if it is known."""
    policies = [policy for policy in linted.state.doubts if policy.doubt is not Doubt.INERT]
    return f"not decided: {_unread_text(policies)}" if policies else ""


class Withheld:
    """The findings of all rules that are not known to hold, with a common reason."""

    def __init__(self) -> None:
        self._doubts: dict[tuple[str, Direction], Doubtful] = {}
        self._rules: dict[str, None] = {}
        self._about: dict[str, None] = {}

    def add(self, rule: str, about: str, doubt: Doubtful) -> None:
        """Add a finding of a rule, with its object `about`."""
        self._doubts.setdefault((str(doubt.policy), doubt.direction), doubt)
        self._rules[rule] = None
        self._about[about] = None

    def skipped(self) -> Iterator[SkippedRules]:
        """The rules with withheld findings, and why they are withheld; nothing if there are none."""
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
    """The statement that some policies are not read, with the first of them and the number of the others."""
    first, more = policies[0], len(policies) - 1
    what = f"{first} ({first.place})" if first.name else f"a policy of kind {first.kind}"
    if more:
        others = "policies" if more > 1 else "policy"
        return f"{what} and {more} more {others} are not read: they may change what is allowed"
    return f"{what} is not read: it may change what is allowed"
