"""All servers of a laboratory: on the ports of its pods and of hosts outside the cluster, and its DNS."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from ringfence.lab.network import IPAddress, LabPod, LabPort, Network, Topology, in_network_namespace
from ringfence.lab.probing.dns import DNS_PORT, Zone, answer_datagram, answer_stream, build_zone
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.probes import LabEndpoint, Probe, endpoint_name
from ringfence.lab.probing.servers import (
    GREETING,
    PortTakenError,
    Responder,
    Server,
    name_responder,
    open_server,
)


class _ServerAddress(msgspec.Struct, frozen=True, cache_hash=True):
    """Where a server answers: on a port of an address, in the namespace of an endpoint, on a node."""

    owner: str
    node: str
    address: IPAddress
    port: LabPort


class _WantedServer(msgspec.Struct, frozen=True):
    """A server that a topology asks for."""

    endpoint: LabEndpoint
    address: IPAddress
    port: LabPort
    respond: Responder

    @property
    def at(self) -> _ServerAddress:
        """Where it answers. A server whose pod moves to another node is another server."""
        node = self.endpoint.node if isinstance(self.endpoint, LabPod) else ""
        return _ServerAddress(endpoint_name(self.endpoint), node, self.address, self.port)


class ServerSet:
    """All servers of a laboratory. Without `serve` there are only DNS and, while probes run, the servers for them."""

    def __init__(self, loop: EventLoop, network: Network, *, serve: bool) -> None:
        self._loop = loop
        self._network = network
        self._serve = serve
        self._servers: dict[_ServerAddress, Server] = {}
        self._names: Zone = {}

    def close_missing(self, topology: Topology) -> None:
        """Close the servers that a topology does not have, before the network changes to that topology."""
        wanted = self._wanted(topology)
        for at in self._servers.keys() - wanted.keys():
            self._servers.pop(at).close()

    def open_missing(self, topology: Topology) -> None:
        """Answer on all ports of a topology and for all its DNS names, after the network has changed."""
        # DNS servers read this at each query, so those that stay open answer with the new names.
        self._names = build_zone(topology)
        for at, wanted in self._wanted(topology).items():
            if at not in self._servers:
                self._servers[at] = self._open(wanted)

    @contextmanager
    def answering(self, probes: Iterable[Probe]) -> Iterator[None]:
        """Answer every probe in the context: a closed port could not be distinguished from a denied connection.

        A program that was started in the pod's network may have the port. Over TCP it answers itself. Over UDP its
        answer could not be recognised, so PortTakenError is raised.
        """
        taken = {(at.address, at.port) for at in self._servers}
        opened: list[Server] = []
        try:
            for probe in probes:
                key = (probe.destination_address, probe.port)
                if key in taken:
                    continue
                taken.add(key)
                try:
                    opened.append(self._open(_answering(probe)))
                except PortTakenError:
                    if probe.port.protocol != "TCP":
                        raise
            yield
        finally:
            for server in opened:
                server.close()

    def close(self) -> None:
        """Close all servers."""
        for server in self._servers.values():
            server.close()

    def _wanted(self, topology: Topology) -> dict[_ServerAddress, _WantedServer]:
        """The servers of a topology. Where pods share an address and a port, the first one answers; DNS comes first."""
        wanted = list(self._dns_servers(topology))
        if self._serve:
            wanted += _declared_servers(topology)
        first: dict[tuple[IPAddress, LabPort], _WantedServer] = {}
        for server in wanted:
            first.setdefault((server.address, server.port), server)
        return {server.at: server for server in first.values()}

    def _dns_servers(self, topology: Topology) -> Iterator[_WantedServer]:
        for name in topology.dns:
            pod = topology.pod_by_name[name]
            for ip in pod.addresses:
                yield _WantedServer(pod, ip, LabPort(DNS_PORT, "UDP"), self._answer_dns_datagram)
                yield _WantedServer(pod, ip, LabPort(DNS_PORT, "TCP"), self._answer_dns_stream)

    def _answer_dns_datagram(self, request: bytes) -> bytes | None:
        if request.startswith(GREETING):
            return request
        return answer_datagram(self._names, request)

    def _answer_dns_stream(self, request: bytes) -> bytes | None:
        return answer_stream(self._names, request)

    def _open(self, wanted: _WantedServer) -> Server:
        endpoint = wanted.endpoint
        namespace = self._network.pod(endpoint) if isinstance(endpoint, LabPod) else self._network.outside
        with in_network_namespace(namespace):
            return open_server(self._loop, wanted.address, wanted.port, wanted.respond)


def _answering(probe: Probe) -> _WantedServer:
    name = endpoint_name(probe.destination)
    return _WantedServer(probe.destination, probe.destination_address, probe.port, name_responder(name))


def _declared_servers(topology: Topology) -> Iterator[_WantedServer]:
    for pod in topology.pods:
        respond = name_responder(pod.name)
        for port in pod.ports:
            for ip in pod.addresses:
                yield _WantedServer(pod, ip, port, respond)
    for host in topology.outside:
        respond = name_responder(str(host))
        for port in topology.outside_ports:
            yield _WantedServer(host, host, port, respond)
