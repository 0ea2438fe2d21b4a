"""Detects that two inputs differ only in policies, so that they can be compared without building the second state."""

from typing import cast

from ringfence.analysis.differences.cluster_differences import PolicyChange
from ringfence.engine.state import State
from ringfence.model.objects import Policy
from ringfence.shared_input import KeptObjects, ObjectChange


def changes_of_policies_alone(before: KeptObjects, after: KeptObjects) -> list[PolicyChange] | None:
    """The policies that differ between two inputs; None if anything else differs, too."""
    if not before.has_same_surroundings(after):
        return None
    changes = list(before.changes(after))
    state = before.enter()
    # Otherwise the policy would add or remove a namespace, which other selectors may match.
    if all(change.is_of_policy and _exists(state, change.key[1]) for change in changes):
        return list(map(_policy_change, changes))
    return None


def _exists(state: State, namespace: str) -> bool:
    """Whether a namespace exists regardless of its policies: a policy in a namespace makes this exist, too."""
    return not namespace or state.namespaces.is_defined(namespace) or any(True for _ in state.members_in(namespace))


def _policy_change(change: ObjectChange) -> PolicyChange:
    before, after = (cast("Policy", one.object) if one else None for one in (change.before, change.after))
    return PolicyChange(before, after, change.after.origin if change.after else None)
