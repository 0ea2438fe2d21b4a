"""Probes: which connections to open, from whom to whom, on which port and over which family."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, permutations
from typing import Final

import msgspec

from ringfence.lab.network import IPAddress, LabPod, LabPort, Topology

LabEndpoint = LabPod | IPAddress
"""The source or destination of a connection: a pod, or a host outside the cluster."""

_UNDECLARED_PORTS: Final = (9999, 9998, 9997, 19999, 29999, 39999)
"""Port numbers that few programs use."""


class Probe(msgspec.Struct, frozen=True):
    """One connection to open: from `source` to a port of `destination`, over the family of the two addresses.

    With `by_workload`, reports name the workload in place of a pod that stands for it together with others.
    """

    source: LabEndpoint
    destination: LabEndpoint
    port: LabPort
    source_address: IPAddress
    destination_address: IPAddress
    by_workload: bool = False

    @property
    def source_name(self) -> str:
        """What reports call the source."""
        return self._name(self.source)

    @property
    def destination_name(self) -> str:
        """What reports call the destination."""
        return self._name(self.destination)

    def _name(self, endpoint: LabEndpoint) -> str:
        workload = endpoint.workload if self.by_workload and isinstance(endpoint, LabPod) else ""
        return workload or endpoint_name(endpoint)


def endpoint_name(endpoint: LabEndpoint) -> str:
    """The name of an endpoint in reports: `NAMESPACE/NAME`, or the address of a host outside the cluster."""
    return endpoint.name if isinstance(endpoint, LabPod) else str(endpoint)


def all_probes(topology: Topology, ports: tuple[LabPort, ...] = (), leave_out: Iterable[str] = ()) -> list[Probe]:
    """Every pod to every other pod, to every host outside the cluster and from it.

    `ports` are probed at every destination. By default those are probed on which the destination answers, and one port
    more, which is the same for all. The pods that `leave_out` names take no part. Of the pods that stand for a workload
    together, which no policy can tell apart, the first is probed with all others, and all with one another.
    """
    left_out = set(leave_out)
    together: defaultdict[str, list[LabPod]] = defaultdict(list)
    for pod in topology.pods:
        if pod.name not in left_out:
            together[pod.workload or pod.name].append(pod)
    pods = [first for first, *_ in together.values()]
    undeclared = undeclared_port(topology)
    ports_of_pod = {pod.name: ports or (*pod.ports, undeclared) for pod in chain(*together.values())}
    ports_outside = ports or (*topology.outside_ports, undeclared)
    probes: list[Probe] = []
    for source, destination in chain(permutations(pods, 2), *(permutations(group, 2) for group in together.values())):
        probes += probes_between(source, destination, ports_of_pod[destination.name])
    for pod in pods:
        for host in topology.outside:
            probes += probes_between(pod, host, ports_outside)
    for host in topology.outside:
        for pod in pods:
            probes += probes_between(host, pod, ports_of_pod[pod.name])
    return [msgspec.structs.replace(probe, by_workload=True) for probe in probes]


def probes_between(source: LabEndpoint, destination: LabEndpoint, ports: Iterable[LabPort]) -> Iterator[Probe]:
    """Each port, over each family that both endpoints have."""
    pairs = [
        (source_address, destination_address)
        for source_address in addresses_of(source)
        for destination_address in addresses_of(destination)
        if source_address.version == destination_address.version
    ]
    for port in ports:
        for source_address, destination_address in pairs:
            yield Probe(source, destination, port, source_address, destination_address)


def addresses_of(endpoint: LabEndpoint) -> tuple[IPAddress, ...]:
    """The addresses of an endpoint: one of each family that it has."""
    return endpoint.addresses if isinstance(endpoint, LabPod) else (endpoint,)


def undeclared_port(topology: Topology) -> LabPort:
    """A TCP port that no pod declares: it shows whether a policy allows more than the declared ports."""
    declared = {port.number for pod in topology.pods for port in pod.ports}
    declared |= {port.number for port in topology.outside_ports}
    return LabPort(next(number for number in (*_UNDECLARED_PORTS, *range(1, 65536)) if number not in declared))
