"""Which policies and peers would select a hostNetwork pod by its labels, if it had a network of its own.

Source: Kubernetes documentation, "NetworkPolicy and hostNetwork pods".
"""

from collections.abc import Iterator
from typing import Any

from ringfence.engine.policies import CompiledPolicy, PodSelection
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction


def unapplied_policies(state: State, host: Member, direction: Direction) -> Iterator[CompiledPolicy[Any]]:
    """The policies that would select a hostNetwork pod for a direction, and are assumed not to apply to it."""
    for policy in state.tiers.policies_in(host.namespace):
        if direction in policy.rules and would_select(state, policy.subject, host):
            yield policy


def would_select(state: State, selection: PodSelection, host: Member) -> bool:
    """Whether a selection matches a pod's labels and namespace, whatever network the pod uses."""
    if selection.namespace is not None and selection.namespace != host.namespace:
        return False
    namespaces = selection.namespaces
    in_reach = namespaces is None or namespaces.matches(state.namespaces.labels(host.namespace))
    return in_reach and selection.pods.matches(host.labels)
