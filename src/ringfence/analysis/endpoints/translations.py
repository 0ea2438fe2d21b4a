"""Translations: addresses and ports that are rewritten to those of a pod on the way of a connection.

A node rewrites the ClusterIPs, external IPs and load-balancer addresses of Services wherever a connection starts, and
node ports and host ports at its own addresses. A load balancer with the `ipMode` `Proxy` is not rewritten by nodes; it
opens connections of its own to the pods.

Sources: Kubernetes documentation, "Virtual IPs and Service Proxies" and "Service"; KEP-1860, "Make Kubernetes aware of
the LoadBalancer behaviour"; the CNI plugin `portmap`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from ringfence.analysis.endpoints.services import Backend, backends, is_headless, reference_of
from ringfence.engine.answers import node_addresses
from ringfence.engine.population import Member, addresses_of
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.services import Service, ServicePort
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family, address_text, parse_address


class Front(StrEnum):
    """The kind of address that a client connects to instead of a pod's. `SERVICE` is a Service by its name."""

    SERVICE = "Service"
    CLUSTER_IP = "ClusterIP"
    EXTERNAL_IP = "external IP"
    LOAD_BALANCER = "load-balancer address"
    NODE_PORT = "node port"
    HOST_PORT = "host port"


OF_NODES: Final = frozenset({Front.NODE_PORT, Front.HOST_PORT})
"""The fronts at node addresses, where the node itself answers, too. At other fronts only Services answer."""


class Translation(msgspec.Struct, frozen=True):
    """One port of a front that leads to `backends`; these are empty if nothing is behind it.

    `addresses` are those of the front, as far as they are known; `name` is the name of the port, `owner` the Service or
    the pod that it belongs to, `node` the node of the address if it is one's. `keeps_source` says that connections from
    outside arrive with the client's address, `is_proxied` that a load balancer opens connections of its own.
    """

    front: Front
    addresses: Addresses
    protocol: str
    port: int
    name: str
    owner: str
    backends: tuple[Backend, ...] = ()
    node: str = ""
    keeps_source: bool = False
    is_proxied: bool = False

    @property
    def is_at_node(self) -> bool:
        """Whether only the node of the address rewrites it."""
        return self.front in OF_NODES

    def __str__(self) -> str:
        if self.front is Front.SERVICE:
            return self.owner
        address = " and ".join(_texts(self.addresses))
        if self.is_at_node:
            return f"the {self.front} {self.port} of {self.owner} at {address}"
        return f"the {self.front} {address} of {self.owner}"


def translations_at(state: State, addresses: Addresses) -> Iterator[Translation]:
    """The translations at these addresses, one for each address and port. If a port has two, the first applies."""
    of_nodes = {name: addresses_of(node) & addresses for name, node in state.nodes.items()}
    # The order is that of precedence: if two translate the same port of an address, the first one applies.
    services = [service for service in state.services.values() if not is_headless(service)]
    for service in services:
        yield from _virtual(state, service, addresses)
    for service in services:
        for node, own in of_nodes.items():
            yield from _node_ports(state, service, node, own)
    for pod in state.host_port_members():
        yield from _host_ports(pod, node_addresses(state, pod) & addresses)


def by_name(service: Service, protocol: str, port: int) -> Translation:
    """The translation of a Service port for clients that use the Service's name: they connect to the ClusterIPs."""
    found = NO_ADDRESSES
    for text in service.spec.virtual_addresses():
        found |= _address(text)
    return Translation(
        Front.SERVICE, found, protocol, port, "", str(reference_of(service)), keeps_source=_keeps_source(service)
    )


def virtual_addresses(service: Service) -> Addresses:
    """The addresses of a Service that belong to no host: ClusterIPs, external IPs and load-balancer addresses."""
    found = NO_ADDRESSES
    for at in _fronts(service):
        found |= at.address
    return found


class _FrontAddress(NamedTuple):
    """One address of a front, with the fields of `Translation` that depend on it."""

    front: Front
    address: Addresses
    node: str = ""
    is_proxied: bool = False


def _fronts(service: Service) -> Iterator[_FrontAddress]:
    """The addresses of a Service that belong to no host."""
    for text in service.spec.virtual_addresses():
        yield _FrontAddress(Front.CLUSTER_IP, _address(text))
    for text in service.spec.external_ips or ():
        yield _FrontAddress(Front.EXTERNAL_IP, _address(text))
    for one in service.status.load_balancer.ingress or ():
        yield _FrontAddress(Front.LOAD_BALANCER, _address(one.ip), is_proxied=one.ip_mode == "Proxy")


def _virtual(state: State, service: Service, addresses: Addresses) -> Iterator[Translation]:
    for at in _fronts(service):
        if at.address & addresses:
            for port in service.spec.ports or ():
                yield _translation(state, service, port, at)


def _node_ports(state: State, service: Service, node: str, own: Addresses) -> Iterator[Translation]:
    for port in service.spec.ports or ():
        # One translation for each address, because its backends depend on the family of the address.
        for address in _each(own) if port.node_port else ():
            yield _translation(state, service, port, _FrontAddress(Front.NODE_PORT, address, node))


def _translation(state: State, service: Service, port: ServicePort, at: _FrontAddress) -> Translation:
    number = port.node_port if at.front is Front.NODE_PORT else port.port
    return Translation(
        at.front,
        at.address,
        port.protocol,
        number,
        port.name,
        str(reference_of(service)),
        _behind(state, service, port, at.address, number),
        at.node,
        _keeps_source(service),
        at.is_proxied,
    )


def _host_ports(pod: Member, own: Addresses) -> Iterator[Translation]:
    for port in pod.container_ports:
        for address in _each(own) if port.host_port else ():
            if port.host_ip in ("", "0.0.0.0", "::", *_texts(address)):  # the first three mean all addresses
                backend = Backend(pod, port.protocol, port.port, port.host_port)
                yield Translation(
                    Front.HOST_PORT,
                    address,
                    port.protocol,
                    port.host_port,
                    port.name,
                    str(pod),
                    (backend,),
                    pod.node,
                    keeps_source=True,
                )


def _behind(state: State, service: Service, port: ServicePort, address: Addresses, number: int) -> tuple[Backend, ...]:
    """The backends to which a port of an address leads: those that have an address of the same family."""
    try:
        found = backends(state, service, port.protocol, port.port)
    except EndpointError:  # nothing is behind it
        return ()
    # A node does not translate between IPv4 and IPv6.
    (family,) = address.families
    return tuple(msgspec.structs.replace(one, service_port=number) for one in found if _has_family(one, family))


def _has_family(backend: Backend, family: Family) -> bool:
    end = backend.end
    return family in end.families if isinstance(end, Member) else bool(end.ranges(family))


def _keeps_source(service: Service) -> bool:
    return service.spec.external_traffic_policy == "Local"


def _address(text: str) -> Addresses:
    """The address in `text`; none for an invalid one in a manifest, or a load balancer that only has a host name."""
    try:
        family, number = parse_address(text)
    except ValueError:
        return NO_ADDRESSES
    return Addresses.in_family(family, ((number, number),))


def _each(addresses: Addresses) -> Iterator[Addresses]:
    """Every single address of a small set."""
    for family in FAMILIES:
        for low, high in addresses.ranges(family):
            for number in range(low, high + 1):
                yield Addresses.in_family(family, ((number, number),))


def _texts(addresses: Addresses) -> list[str]:
    return [
        address_text(family, number)
        for family in FAMILIES
        for low, high in addresses.ranges(family)
        for number in range(low, high + 1)
    ]
