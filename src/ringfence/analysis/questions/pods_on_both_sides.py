"""Pods that are on both sides of a question: what it is about then.

A workload towards itself is two different pods of it, since what a pod sends to itself is always allowed. One that has
only one pod has no two; the answer says so.
"""

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import traffic_between_two
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.objects import WORKLOAD_KINDS
from ringfence.sets.traffic import Traffic


def note_on_two_pods(source: Endpoint, destination: Endpoint) -> str:
    """What a question about pairs of different pods is about, if both endpoints are one workload; else empty."""
    workload = _workload(source, destination)
    return f"between two different pods of {workload}" if workload else ""


def note_on_one_pod(state: State, source: Endpoint, destination: Endpoint, pod: Member, asked: Traffic) -> str:
    """What a question is about whose endpoints are one and the same pod.

    Of a workload's pod, it also says if what is asked would not pass between two: the workload may be scaled up.

    `x/ReplicaSet/r has one pod (spec.replicas is 1), and a pod always reaches itself; between two, nothing would pass`
    """
    workload = pod.reference if pod.reference.kind in WORKLOAD_KINDS else _workload(source, destination)
    if workload is None:
        return f"{pod} is one pod, and a pod always reaches itself"
    passing = traffic_between_two(state, pod) & asked
    between_two = "" if passing == asked else f"; between two, {passing or 'nothing'} would pass"
    return f"{workload} has one pod{_why_one(state, workload, pod)}, and a pod always reaches itself{between_two}"


def _workload(source: Endpoint, destination: Endpoint) -> Reference | None:
    """The workload that both endpoints are, if they are one."""
    workload = source.reference
    is_same = workload is not None and workload == destination.reference and workload.kind in WORKLOAD_KINDS
    return workload if is_same else None


def _why_one(state: State, reference: Reference, pod: Member) -> str:
    if pod.reference != reference:
        return f", {pod}"
    workload = state.workloads.get(reference)
    return f" ({state.workloads.limit(workload, reference).reason})" if workload else ""
