"""Who answers where: servers on the ports of a topology's pods and outside hosts, and the cluster's DNS."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import msgspec

from ringfence.lab.network import IPAddress, LabPod, LabPort, Network, Topology, linux
from ringfence.lab.probing import dns
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.probes import LabEndpoint, Probe
from ringfence.lab.probing.servers import GREETING, PortTakenError, Responder, Server, name_responder, open_server


class _Place(msgspec.Struct, frozen=True, cache_hash=True):
    """Where something answers: a port of an address, which belongs to a party on a node."""

    owner: str
    node: str
    address: IPAddress
    port: LabPort


class ServerSet:
    """All servers of a laboratory. Without `serve`, only DNS answers, until probes need more."""

    def __init__(self, loop: EventLoop, network: Network, *, serve: bool) -> None:
        self._loop = loop
        self._network = network
        self._serve = serve
        self._servers: dict[_Place, Server] = {}
        self._names: dns.Zone = {}

    def leave(self, topology: Topology) -> None:
        """Close what has no place in a topology: it has to be done before the network changes."""
        wanted = self._wanted(topology)
        for place in self._servers.keys() - wanted.keys():
            self._servers.pop(place).close()

    def become(self, topology: Topology) -> None:
        """Answer on all ports of a topology, and for all its names. The network has to be there already."""
        self._names = dns.build_zone(topology)
        for place, (party, answer) in self._wanted(topology).items():
            if place not in self._servers:
                self._servers[place] = self._open(party, place, answer)

    @contextmanager
    def answering(self, questions: Iterable[Probe]) -> Iterator[None]:
        """Have somebody answer every question, for a while: what nobody answers cannot be told from what is denied.

        A program that was started in a pod's network may answer itself, over TCP. Over UDP nobody knows what it would
        say, so then PortTakenError is raised.
        """
        asked = {
            _place(question.destination, question.destination_address, question.port): question.destination
            for question in questions
        }
        taken = {(place.address, place.port) for place in self._servers}
        opened: list[Server] = []
        try:
            for place, party in asked.items():
                if (place.address, place.port) not in taken:
                    with suppress(*[PortTakenError] * (place.port.protocol == "TCP")):
                        opened.append(self._open(party, place, name_responder(place.owner)))
                    taken.add((place.address, place.port))
            yield
        finally:
            for server in opened:
                server.close()

    def close(self) -> None:
        """Answer nothing any more."""
        for server in self._servers.values():
            server.close()

    def _wanted(self, topology: Topology) -> dict[_Place, tuple[LabEndpoint, Responder]]:
        wanted: dict[tuple[IPAddress, LabPort], tuple[_Place, LabEndpoint, Responder]] = {}
        for party, ip, port, answer in (*self._dns(topology), *(self._usual(topology) if self._serve else ())):
            wanted.setdefault((ip, port), (_place(party, ip, port), party, answer))
        return {place: (party, answer) for place, party, answer in wanted.values()}

    def _usual(self, topology: Topology) -> Iterator[tuple[LabEndpoint, IPAddress, LabPort, Responder]]:
        for pod in topology.pods:
            answer = name_responder(pod.name)
            for port in pod.ports:
                yield from ((pod, ip, port, answer) for ip in pod.addresses)
        for host in topology.outside:
            yield from ((host, host, port, name_responder(str(host))) for port in topology.outside_ports)

    def _dns(self, topology: Topology) -> Iterator[tuple[LabEndpoint, IPAddress, LabPort, Responder]]:
        for name in topology.dns:
            pod = topology.pod_by_name[name]
            for ip in pod.addresses:
                yield pod, ip, LabPort(dns.DNS_PORT, "UDP"), partial(self._answer_datagram, name_responder(name))
                yield pod, ip, LabPort(dns.DNS_PORT, "TCP"), lambda query: dns.answer_stream(self._names, query)

    def _answer_datagram(self, otherwise: Responder, request: bytes) -> bytes | None:
        return otherwise(request) if request.startswith(GREETING) else dns.answer_datagram(self._names, request)

    def _open(self, party: LabEndpoint, place: _Place, answer: Responder) -> Server:
        namespace = self._network.pod(party) if isinstance(party, LabPod) else self._network.outside
        with linux.in_network_namespace(namespace):
            return open_server(self._loop, place.address, place.port, answer)


def _place(party: LabEndpoint, address: IPAddress, port: LabPort) -> _Place:
    if isinstance(party, LabPod):
        return _Place(party.name, party.node, address, port)
    return _Place(str(party), "", address, port)
