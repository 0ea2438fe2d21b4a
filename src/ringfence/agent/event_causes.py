"""Causes of Kubernetes Events: policies that cannot be enforced on this node, and pods of this node that are closed.

A policy counts only if it concerns pods of this node. A tenant can create any number of causes, so some are reported
for each namespace, and the others are counted.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from ringfence.agent.closed_pods import ClosedReasons
from ringfence.agent.enforcement import Enforcement
from ringfence.agent.shares import CLUSTER
from ringfence.agent.view import POLICY_KINDS, ObjectName, View
from ringfence.engine.policies import CompiledPolicy, Stack

MOST_IN_NAMESPACE: Final = 20
"""Policies, and pods, that are reported for one namespace at most."""

MOST: Final = 500
"""Causes that are reported for all namespaces at most."""

MOST_CHECKED_IN_NAMESPACE: Final = 2_000
"""Policies of a namespace that are checked at most to find the pods that an unusable policy selects."""

MOST_CHARACTERS: Final = 1_000
"""Characters of a message that are reported: it may contain an error for each field of a policy."""

_UNUSABLE: Final = "allows nothing, and cannot be used as it is: "
_UNENFORCEABLE: Final = "cannot be enforced as it is: "

NOT_ENFORCED: Final = "NotEnforced"
POD_CLOSED: Final = "PodClosed"


class EventCause(NamedTuple):
    """What is wrong with an object: the reason as one word, and a message."""

    about: ObjectName
    uid: str
    reason: str
    message: str


class EventCauses(NamedTuple):
    """The reported causes, and how many others there are."""

    reported: list[EventCause]
    others: int


def find_event_causes(
    view: View, enforcement: Enforcement, closed: ClosedReasons, *, drops: bool = True
) -> EventCauses:
    """All present causes of this node. If nothing is dropped (not `drops`), no pod counts as closed.

    The time that the loop needs for this grows only with the pods of the node and the policies that cannot be used, not
    with other objects that a tenant can create.
    """
    found = _FoundCauses(view)
    unusable = _UnusablePolicies(view)
    for placement in enforcement.placements():
        pod = ("Pod", placement.pod.namespace, placement.pod.name)
        reason = closed.of(placement) if drops else None
        if reason:
            found.add(pod, POD_CLOSED, f"nothing is allowed by {placement.direction.field} for now: ", reason.message)
            # Only these two are about the policies of the pod. The others are about the pod or its namespace.
            if reason.reason in ("rules", "kernel"):
                for policy in islice(_policies(placement.stack), MOST_IN_NAMESPACE):
                    found.add(_name(policy), NOT_ENFORCED, "", reason.message)
        elif policy_name := unusable.first_of(placement.pod.namespace, placement.stack):
            kind, namespace, name = policy_name
            how = f"selects it, {_UNUSABLE}" if namespace else f"selects it, and {_UNENFORCEABLE}"
            found.add(pod, NOT_ENFORCED, f"the {kind} {name} {how}", view.problems[policy_name])
    for about, problem in view.problems.items():
        # Cluster policies need no check: one that selects no pod of this node is not decoded, so it has no problem.
        if about[0] in POLICY_KINDS and (not about[1] or view.has_own_pods(about[1])):
            found.add(about, NOT_ENFORCED, f"it {_UNUSABLE if about[1] else _UNENFORCEABLE}", problem)
    return EventCauses(list(found.reported.values()), found.others)


class _FoundCauses:
    """EventCauses: some of each namespace, and how many others there are."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._counted: Counter[tuple[str, str]] = Counter()
        self.reported: dict[tuple[ObjectName, str], EventCause] = {}
        self.others = 0

    def add(self, about: ObjectName, reason: str, introduction: str, cause: str) -> None:
        """Add a cause, unless there is one for the same object and reason. `cause` may be as long as a policy."""
        # There is one event for each object and reason, so the first cause is enough.
        if (about, reason) in self.reported:
            return
        if self._counted[about[:2]] >= MOST_IN_NAMESPACE or len(self.reported) >= MOST:
            self.others += 1
            return
        self._counted[about[:2]] += 1
        message = introduction + cause[:MOST_CHARACTERS]
        self.reported[about, reason] = EventCause(about, self._view.uids.get(about, ""), reason, message)


class _UnusablePolicies:
    """Finds the pods that an unusable policy selects, checking at most `MOST_CHECKED_IN_NAMESPACE` policies."""

    def __init__(self, view: View) -> None:
        self._problems = view.problems
        self._namespaces = {namespace for _, namespace, _ in view.problems}
        self._checked: Counter[str] = Counter()
        self._first: dict[Stack, ObjectName | None] = {}

    def first_of(self, namespace: str, stack: Stack) -> ObjectName | None:
        """The first unusable policy in the profiles of a pod; None if none was found."""
        if self._namespaces.isdisjoint((namespace, CLUSTER)):
            return None
        if stack not in self._first:
            self._first[stack] = next(self._all_in(namespace, stack), None)
        return self._first[stack]

    def _all_in(self, namespace: str, stack: Stack) -> Iterator[ObjectName]:
        left = max(0, MOST_CHECKED_IN_NAMESPACE - self._checked[namespace])
        for policy in islice(_policies(stack), left):
            self._checked[namespace] += 1
            if (name := _name(policy)) in self._problems:
                yield name


def _policies(stack: Stack) -> Iterator[CompiledPolicy[Any]]:
    return (policy for profile in stack for policy in profile.policies)


def _name(policy: CompiledPolicy[Any]) -> ObjectName:
    return (policy.kind, policy.namespace, policy.name)
