"""The addresses that the objects of a cluster have: pods, nodes and Services."""

from collections.abc import Iterable
from ipaddress import ip_address

from ringfence.analysis.endpoints import is_headless
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.lab.network.addressing import blocks_of
from ringfence.lab.network.topology import IPAddress
from ringfence.model.node_addresses import plugin_addresses
from ringfence.model.objects import Node
from ringfence.model.services import Service
from ringfence.sets.addresses import FAMILIES, Family, address_text


def pod_addresses(member: Member) -> tuple[IPAddress, ...]:
    """The addresses of a pod."""
    return tuple(ip_address(address_text(family, number)) for family, number in member.addresses)


def node_addresses(node: Node) -> tuple[IPAddress, ...]:
    """The addresses of a node by which others reach it, the first of each family."""
    addresses: list[IPAddress] = []
    for entry in node.status.addresses or ():
        address = _parsed(entry.address) if entry.type == "InternalIP" else None
        if address:
            addresses.append(address)
    return first_of_each_family(addresses)


def cluster_addresses(service: Service) -> tuple[IPAddress, ...]:
    """The addresses of a Service that nodes translate: none if it is headless or of type ExternalName."""
    spec = service.spec
    if is_headless(service) or spec.type == "ExternalName":
        return ()
    return tuple(ip_address(text) for text in spec.cluster_ips or (spec.cluster_ip,) if text)


def first_of_each_family(addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
    """The first IPv4 and the first IPv6 address, in the order in which they come."""
    first: dict[int, IPAddress] = {}
    for ip in addresses:
        first.setdefault(ip.version, ip)
    return tuple(first.values())


def addresses_in_use(state: State) -> set[IPAddress]:
    """Every address that a pod, a node or a Service has."""
    used: set[IPAddress] = set()
    for member in state.members():
        used.update(pod_addresses(member))
    for node in state.nodes.values():
        used.update(node_addresses(node))
        used.update(ip_address(address_text(*address)) for address in plugin_addresses(node))
    for service in state.services.values():
        used.update(cluster_addresses(service))
    return used


def families_in_use(state: State) -> tuple[Family, ...]:
    """The families of the pods' and Services' addresses; where there are none, IPv4, and IPv6 if a policy names any."""
    used = {int(ip.version) for member in state.members() for ip in pod_addresses(member)}
    used |= {ip.version for service in state.services.values() for ip in cluster_addresses(service)}
    if not used:
        used = {4} | {6 for block in blocks_of(state) if block.addresses.v6}
    return tuple(family for family in FAMILIES if family in used)


def _parsed(text: str) -> IPAddress | None:
    """The address that `text` writes; None for a host name, which some cloud providers report as an InternalIP."""
    try:
        return ip_address(text)
    except ValueError:
        return None
