"""Texts that name workloads scaled to zero, for questions that match no pod and would match theirs."""

from collections.abc import Callable

from ringfence.engine.state import State
from ringfence.model.added_labels import pod_labels
from ringfence.model.metadata import Labels

_MOST_NAMED = 3


def scaled_to_zero(state: State, namespace: str | None, matches: Callable[[Labels], bool]) -> str:
    """The end of a message that names workloads without pods whose template `matches`, in a namespace or (None) in all.

    `; data/Deployment/web would have such pods, but spec.replicas is 0`
    """
    # This runs only for an error message, so a pass over all workloads is fast enough.
    found = []
    for reference in sorted(state.workloads.references()):
        workload = state.workloads.get(reference)
        if workload is None or namespace not in (None, reference.namespace):
            continue
        limit = state.workloads.limit(workload, reference)
        if limit.is_zero and matches(pod_labels(workload).labels):
            found.append(f"; {reference} would have such pods, but {limit.reason}")
    return "".join(found[:_MOST_NAMED])
