"""Troubles: the policies that cannot be enforced on this node, and its pods that are closed.

Only what concerns pods of this node is a trouble of it. A tenant can make any number of them: some are reported
for each namespace, and the others are counted.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ringfence.agent.closings import Closings
from ringfence.agent.enforcement import Enforcement
from ringfence.agent.view import POLICY_KINDS, ObjectName, View
from ringfence.engine.policies import CompiledPolicy

MOST_IN_NAMESPACE: Final = 20
"""Troubles of policies, and troubles of pods, that are reported of one namespace."""

MOST: Final = 500
"""Troubles that are reported of all namespaces."""

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


def find_troubles(view: View, enforcement: Enforcement, closings: Closings) -> Troubles:
    """All troubles of this node at present."""
    reported: dict[tuple[ObjectName, str], Trouble] = {}
    counted: Counter[tuple[str, str]] = Counter()
    others = 0
    for trouble in (*_of_pods(view, enforcement, closings), *_of_policies(view)):
        key = trouble.about, trouble.reason
        group = trouble.about[:2]
        if key in reported:
            continue
        if counted[group] >= MOST_IN_NAMESPACE or len(reported) >= MOST:
            others += 1
            continue
        counted[group] += 1
        reported[key] = trouble
    return Troubles(list(reported.values()), others)


def _of_policies(view: View) -> Iterator[Trouble]:
    for name, problem in view.problems.items():
        if name[0] in POLICY_KINDS and view.has_own_pods(name[1]):
            yield Trouble(name, view.uids.get(name, ""), NOT_ENFORCED, f"it cannot be used as it is: {problem}")


def _of_pods(view: View, enforcement: Enforcement, closings: Closings) -> Iterator[Trouble]:
    """Pods that are closed, pods with policies that cannot be used, and policies whose rules are refused."""
    for placement in enforcement.placements():
        name = ("Pod", placement.pod.namespace, placement.pod.name)
        uid = view.uids.get(name, "")
        policies = [policy for profile in placement.stack for policy in profile.policies]
        if closing := closings.of(placement):
            side = placement.direction.field
            yield Trouble(name, uid, POD_CLOSED, f"nothing is allowed by {side} for now: {closing.message}")
            if closing.reason in ("rules", "kernel"):
                yield from (_refused(view, policy, closing.message) for policy in policies)
        elif unusable := [policy for policy in policies if _name(policy) in view.problems]:
            first = unusable[0]
            more = f" (and {len(unusable) - 1} more policies)" if unusable[1:] else ""
            yield Trouble(
                name,
                uid,
                NOT_ENFORCED,
                f"the NetworkPolicy {first.name} selects it, allows nothing, and cannot be used as it is{more}: "
                f"{view.problems[_name(first)]}",
            )


def _refused(view: View, policy: CompiledPolicy[Any], message: str) -> Trouble:
    return Trouble(_name(policy), view.uids.get(_name(policy), ""), NOT_ENFORCED, message)


def _name(policy: CompiledPolicy[Any]) -> ObjectName:
    return ("NetworkPolicy", policy.namespace, policy.name)
