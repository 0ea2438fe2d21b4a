"""Notes for questions whose source and destination share pods.

A workload towards itself means two different pods of it, because traffic of a pod to itself is always allowed. If it
has only one pod, the answer says so.
"""

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import traffic_between_two
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.objects import WORKLOAD_KINDS
from ringfence.sets.traffic import Traffic


def note_on_two_pods(source: Endpoint, destination: Endpoint) -> str:
    """The note for a question about different pods, if both endpoints are the same workload; else empty."""
    workload = _workload(source, destination)
    return f"between two different pods of {workload}" if workload else ""


def note_on_one_pod(state: State, source: Endpoint, destination: Endpoint, pod: Member, asked: Traffic) -> str:
    """The note for a question whose endpoints are one and the same pod.

    For the pod of a workload, it also says if the asked traffic would be denied between two: the workload may be scaled
    up.

    `x/ReplicaSet/r has one pod (spec.replicas is 1), and a pod always reaches itself; between two, nothing would pass`
    """
    # A template stands in place of a pod, so the "pod" may have the name of its workload.
    workload = pod.reference if pod.reference.kind in WORKLOAD_KINDS else _workload(source, destination)
    if workload is None:
        return f"{pod} is one pod, and a pod always reaches itself"
    passing = traffic_between_two(state, pod) & asked
    between_two = "" if passing == asked else f"; between two, {passing or 'nothing'} would pass"
    return f"{workload} has one pod{_why_one(state, workload, pod)}, and a pod always reaches itself{between_two}"


def _workload(source: Endpoint, destination: Endpoint) -> Reference | None:
    """The workload that both endpoints name; None if they name different ones or none."""
    workload = source.reference
    is_same = workload is not None and workload == destination.reference and workload.kind in WORKLOAD_KINDS
    return workload if is_same else None


def _why_one(state: State, reference: Reference, pod: Member) -> str:
    if pod.reference != reference:
        return f", {pod}"
    workload = state.workloads.get(reference)
    return f" ({state.workloads.limit(workload, reference).reason})" if workload else ""
