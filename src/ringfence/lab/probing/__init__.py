"""Servers and probes inside the laboratory's namespaces, and what each probe is expected to observe."""

from ringfence.lab.probing.event_loop import READABLE, EventLoop
from ringfence.lab.probing.expectations import Expectations
from ringfence.lab.probing.probe_selection import select_probes, single_pod
from ringfence.lab.probing.prober import SILENCE_TIMEOUT, Attempt, ProbeProgress, observe
from ringfence.lab.probing.probes import Probe, all_probes, endpoint_name
from ringfence.lab.probing.server_set import ServerSet

__all__ = [
    "READABLE",
    "SILENCE_TIMEOUT",
    "Attempt",
    "EventLoop",
    "Expectations",
    "Probe",
    "ProbeProgress",
    "ServerSet",
    "all_probes",
    "endpoint_name",
    "observe",
    "select_probes",
    "single_pod",
]
