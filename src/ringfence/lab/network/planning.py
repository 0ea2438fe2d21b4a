"""From a settled cluster to the plan of its network."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from ringfence.analysis.services import backends, selected_members
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.lab.network import addressing, placement
from ringfence.lab.network.topology import (
    DNS_SERVICE,
    IPAddress,
    LabBackend,
    LabNode,
    LabPod,
    LabPort,
    LabService,
    LabServicePort,
    Topology,
)
from ringfence.model import objects
from ringfence.model.kinds import namespace_of
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses, address_text
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, PROTOCOLS

WEB: Final = LabPort(80)
"""Where hosts outside are reached if no rule says which of their ports count."""


def plan_topology(state: State, guests: Iterable[IPAddress] = ()) -> Topology:
    """The network of a cluster in which nothing is open any more (`placement`).

    `guests` are hosts outside that nobody mentions but somebody wants to probe.
    """
    members = sorted(state.members(), key=lambda member: member.reference)
    namespace, dns = DNS_SERVICE.split("/")
    families = [family for family in FAMILIES if any(family in member.families for member in members)]
    services = [(service, _ports(state, service)) for _, service in sorted(state.services.items())]
    targets = _targets(ports for _, ports in services)
    inhabited = placement.addresses_in_use(state)
    mentioned = addressing.outside_hosts(addressing.blocks_of(state), inhabited, families)
    return Topology(
        tuple(LabNode(name, placement.node_addresses(node)) for name, node in sorted(state.nodes.items())),
        tuple(_pod(member, targets) for member in members),
        tuple(_service(state, service, ports) for service, ports in services),
        tuple(dict.fromkeys([*mentioned, *(guest for guest in guests if guest not in inhabited)])),
        tuple(sorted(set(_outside_ports(state)))) or (WEB,),
        tuple(map(str, selected_members(state, state.services[namespace, dns]))),
    )


def _pod(member: Member, targets: dict[IPAddress, set[LabPort]]) -> LabPod:
    """A pod answers on the ports that it declares, and on those to which Services lead."""
    addresses = placement.carried(member)
    declared = {LabPort(number, protocol) for protocol, number in member.container_ports}
    led_to = (targets.get(ip, set()) for ip in addresses if not member.host_network)
    ports = declared.union(*led_to)
    return LabPod(str(member), member.node, addresses, tuple(sorted(ports)), member.host_network)


def _service(state: State, service: objects.Service, ports: tuple[LabServicePort, ...]) -> LabService:
    return LabService(
        f"{namespace_of(service)}/{service.metadata.name}",
        placement.cluster_addresses(service),
        ports,
        tuple(map(str, selected_members(state, service))),
        service.spec.external_name if service.spec.type == "ExternalName" else "",
    )


def _ports(state: State, service: objects.Service) -> tuple[LabServicePort, ...]:
    if not placement.cluster_addresses(service):
        return ()
    return tuple(
        LabServicePort(port.name, LabPort(port.port, port.protocol), tuple(_backends(state, service, port)))
        for port in service.spec.ports or ()
    )


def _backends(state: State, service: objects.Service, port: objects.ServicePort) -> Iterator[LabBackend]:
    try:
        found = backends(state, service, port.protocol, port.port)
    except EndpointError:  # nothing stands behind it: connections to it fail, as they do in a cluster
        return
    for backend in found:
        for ip in _addresses(backend.end):
            yield LabBackend(ip, backend.port or port.port)


def _addresses(end: Member | Addresses) -> Iterator[IPAddress]:
    """The addresses of a pod; of an end outside the cluster, which a slice always names by single addresses."""
    if isinstance(end, Member):
        yield from placement.carried(end)
        return
    for family in FAMILIES:
        for low, _ in end.ranges(family):
            yield ip_address(address_text(family, low))


def _targets(services: Iterable[tuple[LabServicePort, ...]]) -> dict[IPAddress, set[LabPort]]:
    """The ports of each address to which some Service leads."""
    targets: defaultdict[IPAddress, set[LabPort]] = defaultdict(set)
    for ports in services:
        for service_port in ports:
            for backend in service_port.backends:
                targets[backend.address].add(LabPort(backend.port, service_port.port.protocol))
    return targets


def _outside_ports(state: State) -> Iterator[LabPort]:
    """The ports that egress rules with ipBlocks name: what they are about at hosts outside."""
    for policy in state.network_policies.all_policies():
        for rule in policy.rules.get(Direction.EGRESS, ()):
            if rule.peers.block and rule.traffic != ALL_TRAFFIC:
                for protocol in PROTOCOLS:
                    for low, high in rule.traffic.ports(protocol):
                        if (low, high) not in ALL_PORTS:
                            yield LabPort(low, protocol)
