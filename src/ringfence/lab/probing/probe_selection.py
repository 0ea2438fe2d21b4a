"""From what somebody writes on a command line to questions: endpoints and ports, as every command understands them."""

from ipaddress import ip_address

from ringfence.analysis.endpoints import Endpoint, resolve
from ringfence.analysis.services import Backend
from ringfence.engine.answers import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.lab.network import IPAddress, LabPod, LabPort, Topology, node_addresses
from ringfence.lab.probing.probes import LabEndpoint, Probe, probes_between, undeclared_port
from ringfence.sets.addresses import FAMILIES, Addresses, address_text


def select_probes(
    state: State, topology: Topology, namespace: str, source: str, destination: str, ports: tuple[LabPort, ...]
) -> list[Probe]:
    """Every pod that `source` names to every pod that `destination` names, or addresses outside the cluster.

    A Service means the pods and target ports behind it. Without `ports`, those are asked on which the destination
    answers, and one port more. Raises EndpointError for what names nothing, or nothing that can be probed.
    """
    sources = [_party(state, topology, end, source) for end in resolve(state, source, namespace).ends]
    endpoint = resolve(state, destination, namespace)
    found = (
        question
        for backend in _backends(state, endpoint, ports)
        for party in [_party(state, topology, backend.end, destination)]
        for one in sources
        if one != party
        for question in probes_between(one, party, _ports(topology, party, backend))
    )
    return list(dict.fromkeys(found))


def single_pod(state: State, topology: Topology, namespace: str, text: str) -> LabPod:
    """The one pod that `text` names. Raises EndpointError if it names several, or something else."""
    parties = [_party(state, topology, end, text) for end in resolve(state, text, namespace).ends]
    if len(parties) != 1 or not isinstance(parties[0], LabPod):
        raise EndpointError(f"{text} does not name exactly one pod")
    return parties[0]


def _backends(state: State, endpoint: Endpoint, ports: tuple[LabPort, ...]) -> list[Backend]:
    if not ports:
        return endpoint.backends(state, "TCP", None)
    return [backend for port in ports for backend in endpoint.backends(state, port.protocol, port.number)]


def _ports(topology: Topology, party: LabEndpoint, backend: Backend) -> tuple[LabPort, ...]:
    if backend.port is not None:
        return (LabPort(backend.port, backend.protocol),)
    usual = party.ports if isinstance(party, LabPod) else topology.outside_ports
    return (*usual, undeclared_port(topology))


def _party(state: State, topology: Topology, end: End, text: str) -> LabEndpoint:
    if isinstance(end, Member):
        return topology.pod_by_name[str(end)]
    address = _single(end)
    if address is None:
        raise EndpointError(f"{text} is more than one address: a probe needs a single one")
    for name, node in state.nodes.items():
        if address in node_addresses(node):
            raise EndpointError(f"{text} is node {name}: name a pod, or an address outside the cluster")
    return address


def _single(addresses: Addresses) -> IPAddress | None:
    spans = [(family, low, high) for family in FAMILIES for low, high in addresses.ranges(family)]
    if len(spans) != 1 or spans[0][1] != spans[0][2]:
        return None
    family, number, _ = spans[0]
    return ip_address(address_text(family, number))
