"""Servers and probes inside the laboratory's namespaces, and what each probe is expected to observe.

event_loop, datagrams, sctp  <-  servers  <-  prober
probes  <-  probe_selection, expectations
dns, servers, probes  <-  server_set
"""

from ringfence.lab.probing.dns import resolver_configuration
from ringfence.lab.probing.event_loop import READABLE, EventLoop
from ringfence.lab.probing.expectations import Expectations
from ringfence.lab.probing.probe_selection import EndpointResolver, select_probes
from ringfence.lab.probing.prober import SILENCE_TIMEOUT, Attempt, ProbeProgress, observe
from ringfence.lab.probing.probes import LabEndpoint, Probe, all_probes, endpoint_name, probes_between
from ringfence.lab.probing.server_set import ServerSet

__all__ = [
    "READABLE",
    "SILENCE_TIMEOUT",
    "Attempt",
    "EndpointResolver",
    "EventLoop",
    "Expectations",
    "LabEndpoint",
    "Probe",
    "ProbeProgress",
    "ServerSet",
    "all_probes",
    "endpoint_name",
    "observe",
    "probes_between",
    "resolver_configuration",
    "select_probes",
]
