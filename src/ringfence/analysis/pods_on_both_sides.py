"""Pods that are on both sides of a question: what it is about then.

A workload towards itself is two different pods of it, since what a pod sends to itself is always allowed. One that has
only one pod has no two; the answer says so.
"""

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import End
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.model.objects import WORKLOAD_KINDS


def note_on_both_sides(state: State, source: Endpoint, destination: Endpoint, opener: End, opened: End) -> str:
    """What a question from `source` to `destination` is about, if that is not plain; else empty.

    `opener` and `opened` are one of the pairs that it compares; the only one if they are one and the same pod.
    """
    if isinstance(opener, Member) and is_one_pod(opener, opened):
        return f"{_one_pod(state, source, opener)}, and a pod always reaches itself"
    workload = source.reference
    if workload and workload == destination.reference and workload.kind in WORKLOAD_KINDS:
        return f"between two different pods of {workload}"
    return ""


def _one_pod(state: State, named: Endpoint, pod: Member) -> str:
    """Why there is only one pod: `prod/Deployment/web has one pod (spec.replicas is 1)`."""
    if pod.reference.kind == "Pod":
        owner = named.reference if named.reference and named.reference.kind in WORKLOAD_KINDS else None
        return f"{owner} has one pod, {pod}" if owner else f"{pod} is one pod"
    workload = state.workloads.get(pod.reference)
    reason = f" ({state.workloads.limit(workload, pod.reference).reason})" if workload else ""
    return f"{pod} has one pod{reason}"
