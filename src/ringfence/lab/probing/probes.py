"""Questions: what there is to probe, who asks whom, on which port and over which family."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ringfence.lab.network import IPAddress, LabPod, LabPort, Topology

LabEndpoint = LabPod | IPAddress
"""Who opens a connection, or to whom: a pod, or a host outside the cluster."""

_UNDECLARED: Final = (9999, 9998, 9997, 19999, 29999, 39999)
"""Port numbers that hardly anybody uses."""


class Probe(msgspec.Struct, frozen=True):
    """May `source` open a connection to a port of `destination`, over the family of the two addresses?"""

    source: LabEndpoint
    destination: LabEndpoint
    port: LabPort
    source_address: IPAddress
    destination_address: IPAddress


def endpoint_name(party: LabEndpoint) -> str:
    """How reports name a party: `NAMESPACE/NAME`, or the address of what is outside."""
    return party.name if isinstance(party, LabPod) else str(party)


def all_probes(topology: Topology, ports: tuple[LabPort, ...] = (), leave_out: Iterable[str] = ()) -> list[Probe]:
    """Every pod to every other one, and to and from every host outside.

    `ports` are asked of every destination; by default it is the ports on which each answers and one port more, the same
    for all. The pods of `leave_out` are not asked.
    """
    left_out = set(leave_out)
    pods = [pod for pod in topology.pods if pod.name not in left_out]
    more = undeclared_port(topology)
    asked = {pod.name: ports or (*pod.ports, more) for pod in pods}
    outside_asked = ports or (*topology.outside_ports, more)
    among = (
        question
        for source in pods
        for destination in pods
        if source is not destination
        for question in probes_between(source, destination, asked[destination.name])
    )
    outward = (q for source in pods for host in topology.outside for q in probes_between(source, host, outside_asked))
    inward = (q for host in topology.outside for pod in pods for q in probes_between(host, pod, asked[pod.name]))
    return [*among, *outward, *inward]


def probes_between(source: LabEndpoint, destination: LabEndpoint, ports: Iterable[LabPort]) -> Iterator[Probe]:
    """Each port, over each family that both parties have."""
    pairs = [
        (mine, theirs)
        for mine in addresses_of(source)
        for theirs in addresses_of(destination)
        if mine.version == theirs.version
    ]
    for port in ports:
        for mine, theirs in pairs:
            yield Probe(source, destination, port, mine, theirs)


def addresses_of(party: LabEndpoint) -> tuple[IPAddress, ...]:
    """The addresses of a party: one of each family that it has."""
    return party.addresses if isinstance(party, LabPod) else (party,)


def undeclared_port(topology: Topology) -> LabPort:
    """A TCP port on which no pod declares to answer."""
    declared = {port.number for pod in topology.pods for port in pod.ports}
    declared |= {port.number for port in topology.outside_ports}
    return LabPort(next(number for number in (*_UNDECLARED, *range(1, 65536)) if number not in declared))
