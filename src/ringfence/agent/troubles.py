"""Troubles: the policies that cannot be enforced on this node, and its pods that are closed.

Only what concerns pods of this node is a trouble of it. A tenant can make any number of them: some are reported
for each namespace, and the others are counted.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from ringfence.agent.closings import Closings
from ringfence.agent.enforcement import Enforcement
from ringfence.agent.shares import CLUSTER
from ringfence.agent.view import POLICY_KINDS, ObjectName, View
from ringfence.engine.policies import CompiledPolicy, Stack

MOST_IN_NAMESPACE: Final = 20
"""Troubles of policies, and troubles of pods, that are reported of one namespace."""

MOST: Final = 500
"""Troubles that are reported of all namespaces."""

LOOKED_AT_IN_NAMESPACE: Final = 2_000
"""Policies of a namespace that are looked at to find out which pods are selected by one that cannot be used."""

MOST_CHARACTERS: Final = 1_000
"""Characters of a cause that are reported: there is one in it for each mistake in a policy."""

_UNUSABLE: Final = "allows nothing, and cannot be used as it is: "
_UNENFORCEABLE: Final = "cannot be enforced as it is: "

NOT_ENFORCED: Final = "NotEnforced"
POD_CLOSED: Final = "PodClosed"


class Trouble(NamedTuple):
    """What is wrong with an object, for a reason in one word."""

    about: ObjectName
    uid: str
    reason: str
    message: str


class Troubles(NamedTuple):
    """Those that are reported, and how many others there are."""

    reported: list[Trouble]
    others: int


def find_troubles(view: View, enforcement: Enforcement, closings: Closings, *, drops: bool = True) -> Troubles:
    """All troubles of this node at present. Pods are not closed if nothing is dropped.

    What it costs the loop grows with the pods of the node and the policies that cannot be used, and with nothing else
    that a tenant can make many of.
    """
    found = _FoundTroubles(view)
    unusable = _UnusablePolicies(view)
    for placement in enforcement.placements():
        pod = ("Pod", placement.pod.namespace, placement.pod.name)
        closing = closings.of(placement) if drops else None
        if closing:
            found.add(pod, POD_CLOSED, f"nothing is allowed by {placement.direction.field} for now: ", closing.message)
            if closing.reason in ("rules", "kernel"):
                for policy in islice(_policies(placement.stack), MOST_IN_NAMESPACE):
                    found.add(_name(policy), NOT_ENFORCED, "", closing.message)
        elif policy_name := unusable.first_of(placement.pod.namespace, placement.stack):
            kind, namespace, name = policy_name
            how = f"selects it, {_UNUSABLE}" if namespace else f"selects it, and {_UNENFORCEABLE}"
            found.add(pod, NOT_ENFORCED, f"the {kind} {name} {how}", view.problems[policy_name])
    for about, problem in view.problems.items():
        # A cluster policy that selects no pod of the node has no problems: it is not decoded.
        if about[0] in POLICY_KINDS and (not about[1] or view.has_own_pods(about[1])):
            found.add(about, NOT_ENFORCED, f"it {_UNUSABLE if about[1] else _UNENFORCEABLE}", problem)
    return Troubles(list(found.reported.values()), found.others)


class _FoundTroubles:
    """Troubles: some of each namespace, and how many others there are."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._counted: Counter[tuple[str, str]] = Counter()
        self.reported: dict[tuple[ObjectName, str], Trouble] = {}
        self.others = 0

    def add(self, about: ObjectName, reason: str, introduction: str, cause: str) -> None:
        """Add a trouble, unless there is one of the same object and reason. The cause may be as long as a policy."""
        if (about, reason) in self.reported:
            return
        if self._counted[about[:2]] >= MOST_IN_NAMESPACE or len(self.reported) >= MOST:
            self.others += 1
            return
        self._counted[about[:2]] += 1
        message = introduction + cause[:MOST_CHARACTERS]
        self.reported[about, reason] = Trouble(about, self._view.uids.get(about, ""), reason, message)


class _UnusablePolicies:
    """Which pods are selected by a policy that cannot be used, as far as that can be determined quickly."""

    def __init__(self, view: View) -> None:
        self._problems = view.problems
        self._namespaces = {namespace for _, namespace, _ in view.problems}
        self._looked_at: Counter[str] = Counter()
        self._first: dict[Stack, ObjectName | None] = {}

    def first_of(self, namespace: str, stack: Stack) -> ObjectName | None:
        """The first policy in the profiles of a pod that cannot be used; None if there is none, or none was found."""
        if self._namespaces.isdisjoint((namespace, CLUSTER)):
            return None
        if stack not in self._first:
            self._first[stack] = next(self._all_in(namespace, stack), None)
        return self._first[stack]

    def _all_in(self, namespace: str, stack: Stack) -> Iterator[ObjectName]:
        left = max(0, LOOKED_AT_IN_NAMESPACE - self._looked_at[namespace])
        for policy in islice(_policies(stack), left):
            self._looked_at[namespace] += 1
            if (name := _name(policy)) in self._problems:
                yield name


def _policies(stack: Stack) -> Iterator[CompiledPolicy[Any]]:
    return (policy for profile in stack for policy in profile.policies)


def _name(policy: CompiledPolicy[Any]) -> ObjectName:
    return (policy.kind, policy.namespace, policy.name)
