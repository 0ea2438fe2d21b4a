"""From a cluster in which placement has filled in everything to the topology of its network."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final

from ringfence.analysis.endpoints import backends, selected_members
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.lab.network.addressing import blocks_of, hosts_within, outside_hosts
from ringfence.lab.network.object_addresses import (
    addresses_in_use,
    cluster_addresses,
    node_addresses,
    pod_addresses,
)
from ringfence.lab.network.pod_network import NodeNetwork
from ringfence.lab.network.pod_ranges import ranges_of
from ringfence.lab.network.topology import (
    DNS_SERVICE,
    IPAddress,
    IPNetwork,
    LabBackend,
    LabNode,
    LabPod,
    LabPort,
    LabService,
    LabServicePort,
    Topology,
)
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import Node
from ringfence.model.policies import Direction
from ringfence.model.services import Service, ServicePort
from ringfence.sets.addresses import FAMILIES, Addresses, Family, address_text
from ringfence.sets.traffic import ALL_PORTS, PROTOCOLS

_ROUTED: Final = NodeNetwork()

_DEFAULT_OUTSIDE_PORT: Final = LabPort(80)
"""The port of hosts outside the cluster if no rule names one of theirs."""


def plan_topology(
    state: State,
    requested_hosts: Iterable[IPAddress] = (),
    workloads: Mapping[Reference, str] = MappingProxyType({}),
    network: NodeNetwork = _ROUTED,
) -> Topology:
    """The topology of a cluster after `Placement.complete`.

    `requested_hosts` are addresses outside the cluster that are built although no policy distinguishes them.
    `workloads` are those for which several pods stand, by pod (`Placement.workloads`). All nodes have the same
    `network`.
    """
    members = sorted(state.members(), key=lambda member: member.reference)
    services = [(service, _service_ports(state, service)) for _, service in sorted(state.services.items())]
    ports_by_address = _backend_ports(ports for _, ports in services)
    namespace, dns = DNS_SERVICE.split("/")
    nodes = tuple(_node(name, node, network) for name, node in sorted(state.nodes.items()))
    return Topology(
        nodes=nodes,
        pods=tuple(_pod(member, ports_by_address, workloads.get(member.reference, "")) for member in members),
        services=tuple(_service(state, service, ports) for service, ports in services),
        outside=_outside(state, members, nodes, requested_hosts),
        outside_ports=tuple(sorted(set(_outside_ports(state)))) or (_DEFAULT_OUTSIDE_PORT,),
        dns=tuple(map(str, selected_members(state, state.services[namespace, dns]))),
    )


def _node(name: str, node: Node, network: NodeNetwork) -> LabNode:
    ranges = ranges_of(node) if network.kind.has_gateways else ()
    return LabNode(name, node_addresses(node), ranges, network)


def _pod(member: Member, ports_by_address: dict[IPAddress, set[LabPort]], workload: str) -> LabPod:
    """A pod answers on the ports that it declares, and on those to which Services send connections."""
    addresses = pod_addresses(member)
    ports = {LabPort(port.port, port.protocol) for port in member.container_ports}
    # A pod on the host network shares its address with others of its node: the Service may mean one of those.
    if not member.host_network:
        for ip in addresses:
            ports |= ports_by_address.get(ip, set())
    return LabPod(str(member), member.node, addresses, tuple(sorted(ports)), member.host_network, workload)


def _service(state: State, service: Service, ports: tuple[LabServicePort, ...]) -> LabService:
    return LabService(
        f"{namespace_of(service)}/{service.metadata.name}",
        cluster_addresses(service),
        ports,
        tuple(map(str, selected_members(state, service))),
        service.spec.external_name if service.spec.type == "ExternalName" else "",
    )


def _service_ports(state: State, service: Service) -> tuple[LabServicePort, ...]:
    if not cluster_addresses(service):
        return ()
    return tuple(
        LabServicePort(port.name, LabPort(port.port, port.protocol), tuple(_backends(state, service, port)))
        for port in service.spec.ports or ()
    )


def _backends(state: State, service: Service, port: ServicePort) -> Iterator[LabBackend]:
    try:
        found = backends(state, service, port.protocol, port.port)
    except EndpointError:  # nothing stands behind it: connections to it fail, as they do in a cluster
        return
    for backend in found:
        for ip in _backend_addresses(backend.end):
            yield LabBackend(ip, backend.port or port.port)


def _backend_addresses(end: Member | Addresses) -> Iterator[IPAddress]:
    """The addresses of a pod, or the single addresses outside the cluster that an EndpointSlice names."""
    if isinstance(end, Member):
        yield from pod_addresses(end)
        return
    for family in FAMILIES:
        for low, _ in end.ranges(family):
            yield ip_address(address_text(family, low))


def _backend_ports(services: Iterable[tuple[LabServicePort, ...]]) -> dict[IPAddress, set[LabPort]]:
    """The ports of each address to which a Service sends connections."""
    ports_by_address: defaultdict[IPAddress, set[LabPort]] = defaultdict(set)
    for ports in services:
        for service_port in ports:
            for backend in service_port.backends:
                ports_by_address[backend.address].add(LabPort(backend.port, service_port.port.protocol))
    return ports_by_address


def _outside(
    state: State, members: list[Member], nodes: Iterable[LabNode], requested_hosts: Iterable[IPAddress]
) -> tuple[IPAddress, ...]:
    """The hosts outside the cluster: those that policies distinguish, and the requested ones.

    Packets to an address in the pod range of a node go to that node, so no host outside can have one.
    """
    inside = addresses_in_use(state)
    distinguished = outside_hosts(blocks_of(state), _taken(state, nodes), _families(members))
    requested = [host for host in requested_hosts if host not in inside]
    return tuple(dict.fromkeys([*distinguished, *requested]))


def hosts_for(state: State, topology: Topology, addresses: Addresses) -> list[IPAddress]:
    """One of some addresses outside the cluster for each way in which the policies distinguish them."""
    families = _families(state.members())
    return hosts_within(addresses, blocks_of(state), _taken(state, topology.nodes), families)


def _families(members: Iterable[Member]) -> list[Family]:
    """The families that pods have."""
    found = {family for member in members for family in member.families}
    return [family for family in FAMILIES if family in found]


def _taken(state: State, nodes: Iterable[LabNode]) -> list[IPAddress | IPNetwork]:
    """The addresses that no host outside the cluster can have."""
    return [*addresses_in_use(state), *(one for node in nodes for one in node.pod_ranges)]


def _outside_ports(state: State) -> Iterator[LabPort]:
    """The first port of each range that egress rules with ipBlocks name: these rules are about hosts outside."""
    for policy in state.tiers.policies():
        for rule in policy.rules.get(Direction.EGRESS, ()):
            if not rule.peers.block:
                continue
            for protocol in PROTOCOLS:
                for low, high in rule.traffic.ports(protocol):
                    if (low, high) not in ALL_PORTS:
                        yield LabPort(low, protocol)
