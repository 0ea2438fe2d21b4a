"""Who answers where: servers on the ports of a topology's pods and outside hosts, and the cluster's DNS."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import msgspec

from ringfence.lab.network import IPAddress, Network, Pod, Port, Topology, linux
from ringfence.lab.probing import dns
from ringfence.lab.probing.event_loop import Loop
from ringfence.lab.probing.questions import Party, Question
from ringfence.lab.probing.servers import GREETING, Answer, PortTakenError, Server, open_server, tell_name


class _Place(msgspec.Struct, frozen=True, cache_hash=True):
    """Where something answers: a port of an address, which belongs to a party on a node."""

    owner: str
    node: str
    address: IPAddress
    port: Port


class Serving:
    """All servers of a laboratory. Without `serve`, only DNS answers, until probes need more."""

    def __init__(self, loop: Loop, network: Network, *, serve: bool) -> None:
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
        self._names = dns.zone(topology)
        for place, (party, answer) in self._wanted(topology).items():
            if place not in self._servers:
                self._servers[place] = self._open(party, place, answer)

    @contextmanager
    def answering(self, questions: Iterable[Question]) -> Iterator[None]:
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
                        opened.append(self._open(party, place, tell_name(place.owner)))
                    taken.add((place.address, place.port))
            yield
        finally:
            for server in opened:
                server.close()

    def close(self) -> None:
        """Answer nothing any more."""
        for server in self._servers.values():
            server.close()

    def _wanted(self, topology: Topology) -> dict[_Place, tuple[Party, Answer]]:
        wanted: dict[tuple[IPAddress, Port], tuple[_Place, Party, Answer]] = {}
        for party, ip, port, answer in (*self._dns(topology), *(self._usual(topology) if self._serve else ())):
            wanted.setdefault((ip, port), (_place(party, ip, port), party, answer))
        return {place: (party, answer) for place, party, answer in wanted.values()}

    def _usual(self, topology: Topology) -> Iterator[tuple[Party, IPAddress, Port, Answer]]:
        for pod in topology.pods:
            answer = tell_name(pod.name)
            for port in pod.ports:
                yield from ((pod, ip, port, answer) for ip in pod.addresses)
        for host in topology.outside:
            yield from ((host, host, port, tell_name(str(host))) for port in topology.outside_ports)

    def _dns(self, topology: Topology) -> Iterator[tuple[Party, IPAddress, Port, Answer]]:
        for name in topology.dns:
            pod = topology.pod_by_name[name]
            for ip in pod.addresses:
                yield pod, ip, Port(dns.PORT, "UDP"), partial(self._answer_datagram, tell_name(name))
                yield pod, ip, Port(dns.PORT, "TCP"), lambda query: dns.answer_stream(self._names, query)

    def _answer_datagram(self, otherwise: Answer, request: bytes) -> bytes | None:
        return otherwise(request) if request.startswith(GREETING) else dns.answer_datagram(self._names, request)

    def _open(self, party: Party, place: _Place, answer: Answer) -> Server:
        namespace = self._network.pod(party) if isinstance(party, Pod) else self._network.outside
        with linux.inside(namespace):
            return open_server(self._loop, place.address, place.port, answer)


def _place(party: Party, address: IPAddress, port: Port) -> _Place:
    if isinstance(party, Pod):
        return _Place(party.name, party.node, address, port)
    return _Place(str(party), "", address, port)
