"""Placement: what a cluster leaves open is settled, so that it can be built.

Every pod gets a node and an address of each family, a workload of which no pod is known gets one pod, nodes and
Services get addresses, and somebody answers DNS. What the objects say already is kept. All this goes into the cluster's
state as ordinary objects, so that the engine judges exactly the network that is built.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from itertools import islice
from typing import Final

import msgspec
from msgspec.structs import replace

from ringfence.analysis.services import is_headless
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import LaboratoryError
from ringfence.lab.network import addressing
from ringfence.lab.network.addressing import AddressPool
from ringfence.lab.network.topology import DNS_SERVICE, IPAddress
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import (
    Container,
    ContainerPort,
    Node,
    NodeAddress,
    NodeStatus,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from ringfence.sets.addresses import FAMILIES, Family, address_text

_DNS_POD: Final = "dns"
_DNS_LABELS: Final = {"k8s-app": "kube-dns"}


class PlacementOptions(msgspec.Struct, frozen=True):
    """What the laboratory should be like: at least so many nodes, and these families (None: those in use)."""

    nodes: int = 1
    families: tuple[Family, ...] | None = None


class Placement:
    """Settles one state, again after each change, and remembers what it gave: nobody moves without need."""

    def __init__(self, state: State, wishes: PlacementOptions) -> None:
        self._state = state
        self._wishes = wishes
        self._given: dict[Reference, tuple[IPAddress, ...]] = {}
        self._nodes: dict[Reference, str] = {}
        self._stand_ins: dict[Reference, Reference] = {}
        self._taken: set[IPAddress] = set()
        self._pools: dict[str, list[AddressPool]] = {}
        self.additions: tuple[str, ...] = ()
        """The pods that are in no manifest, by name."""

    def settle(self) -> None:
        """Settle what is open. Raises LaboratoryError for addresses that cannot be built."""
        self._provide_dns()
        self._taken |= addresses_in_use(self._state)
        if not self._pools:
            self._choose_ranges()
        self._settle_nodes()
        self._settle_pods()
        self._settle_services()
        _check(self._state)

    def withdraw(self, workload: Reference) -> None:
        """Take back the pod that stands for a workload, which is about to change or to go."""
        stand_in = self._stand_ins.pop(workload, None)
        if stand_in:
            self._state.remove("Pod", stand_in.namespace, stand_in.name)

    def _choose_ranges(self) -> None:
        blocks = addressing.blocks_of(self._state)
        for family in self._wishes.families or families_in_use(self._state):
            for use, candidates in addressing.RANGES[family].items():
                self._pools.setdefault(use, []).append(AddressPool(candidates, blocks, self._taken))

    def _provide_dns(self) -> None:
        """Have a DNS pod behind the usual Service, unless the cluster brings its own."""
        namespace, name = DNS_SERVICE.split("/")
        if (namespace, name) in self._state.services:
            return
        ports = tuple(ServicePort(53, protocol.lower(), protocol) for protocol in ("UDP", "TCP"))
        spec = ServiceSpec(ports=ports, selector=_DNS_LABELS)
        self._state.upsert(Service(ObjectMeta(name, namespace), spec))
        containers = (Container(tuple(ContainerPort(53, port.name, port.protocol) for port in ports)),)
        self._state.upsert(Pod(ObjectMeta(_DNS_POD, namespace, labels=_DNS_LABELS), PodSpec(containers)))
        self.additions = (f"{namespace}/{_DNS_POD}",)

    def _settle_nodes(self) -> None:
        named = {name for member in self._state.members() if (name := _home(self._state, member))}
        named |= self._state.nodes.keys()
        count = max(self._wishes.nodes, len(named))
        spare = (name for number in range(1, count + 1) if (name := f"node-{number}") not in named)
        for name in [*sorted(named), *islice(spare, count - len(named))]:
            node = self._state.nodes.get(name, Node(ObjectMeta(name)))
            known = _first_of_each_family([*node_addresses(node), *_reported_by_pods(self._state, name)])
            families = {ip.version for ip in known}
            missing = [ip for ip in self._give(Reference("", "Node", name), "nodes") if ip.version not in families]
            entries = tuple(NodeAddress(str(ip), "InternalIP") for ip in (*known, *missing))
            if node_addresses(node) != (*known, *missing):
                self._state.upsert(replace(node, status=NodeStatus(entries)))

    def _settle_pods(self) -> None:
        load = Counter(dict.fromkeys(sorted(self._state.nodes), 0))
        load.update(member.node for member in self._state.members() if member.node)
        self._take_back_what_others_carry()
        for member in sorted(self._state.members(), key=lambda member: member.reference):
            if member.reference.kind == "Pod" and member.node and member.addresses:
                continue
            reference = self._pod_reference(member)
            node = _home(self._state, member) or self._nodes.get(reference) or min(load, key=lambda name: load[name])
            load[node] += 1
            self._nodes[reference] = node
            addresses = () if member.host_network else carried(member) or self._give(reference, "pods")
            self._state.upsert(_pod(member, reference, node, addresses))

    def _settle_services(self) -> None:
        for service in list(self._state.services.values()):
            spec = service.spec
            if spec.type == "ExternalName" or spec.cluster_ip or spec.cluster_ips:
                continue
            reference = Reference(namespace_of(service), "Service", service.metadata.name)
            given = tuple(str(ip) for ip in self._give(reference, "services"))
            self._state.upsert(replace(service, spec=replace(spec, cluster_ip=given[0], cluster_ips=given)))

    def _pod_reference(self, member: Member) -> Reference:
        """The name of the pod that `member` is to be: for a template, the workload's own name if it is free."""
        reference = member.reference
        if reference.kind == "Pod":
            return reference
        pod = Reference(reference.namespace, "Pod", reference.name)
        if self._state.member(pod):
            pod = Reference(reference.namespace, "Pod", f"{reference.name}-{reference.kind.lower()}")
        self._stand_ins[reference] = pod
        return pod

    def _give(self, reference: Reference, use: str) -> tuple[IPAddress, ...]:
        """Addresses of every family for what `reference` names: the same ones each time."""
        if reference not in self._given:
            self._given[reference] = tuple(pool.take() for pool in self._pools[use])
        return self._given[reference]

    def _take_back_what_others_carry(self) -> None:
        """Objects that carry addresses may come later than pods to which these were given: those then move."""
        members = [member for member in self._state.members() if not member.host_network]
        kept = {ip for member in members for ip in carried(member) if ip not in self._given.get(member.reference, ())}
        for member in members:
            if kept & set(self._given.get(member.reference, ())):
                del self._given[member.reference]
                self._state.upsert(_pod(member, member.reference, member.node, ()))


def carried(member: Member) -> tuple[IPAddress, ...]:
    """The addresses of a pod."""
    return tuple(ip_address(address_text(family, number)) for family, number in member.addresses)


def node_addresses(node: Node) -> tuple[IPAddress, ...]:
    """The addresses of a node by which others reach it, the first of each family."""
    addresses = []
    for entry in node.status.addresses or ():
        if entry.type == "InternalIP":
            with suppress(ValueError):  # a host name
                addresses.append(ip_address(entry.address))
    return _first_of_each_family(addresses)


def cluster_addresses(service: Service) -> tuple[IPAddress, ...]:
    """The addresses of a Service that nodes translate: none if it is headless or a name for something else."""
    spec = service.spec
    if is_headless(service) or spec.type == "ExternalName":
        return ()
    return tuple(ip_address(text) for text in spec.cluster_ips or (spec.cluster_ip,) if text)


def addresses_in_use(state: State) -> set[IPAddress]:
    """Every address that a pod, a node or a Service has."""
    return {
        *(ip for member in state.members() for ip in carried(member)),
        *(ip for node in state.nodes.values() for ip in node_addresses(node)),
        *(ip for service in state.services.values() for ip in cluster_addresses(service)),
    }


def families_in_use(state: State) -> tuple[Family, ...]:
    """The families of the pods' and Services' addresses; where there are none, IPv4, and IPv6 if a policy has any."""
    used = {int(ip.version) for member in state.members() for ip in carried(member)}
    used |= {ip.version for service in state.services.values() for ip in cluster_addresses(service)}
    if not used:
        used = {4} | {6 for block in addressing.blocks_of(state) if block.addresses.v6}
    return tuple(family for family in FAMILIES if family in used)


def _pod(member: Member, reference: Reference, node: str, addresses: tuple[IPAddress, ...]) -> Pod:
    """The object of a pod, with all that policies can read about it."""
    owner = member.owner if member.reference.kind == "Pod" else member.reference
    named = [ContainerPort(port.port, port.name, port.protocol) for port in sorted(member.named_ports, key=str)]
    declared = [ContainerPort(number, protocol=protocol) for protocol, number in member.container_ports]
    return Pod(
        ObjectMeta(
            reference.name,
            reference.namespace,
            labels=member.labels,
            owner_references=(OwnerReference(owner.kind, owner.name, True),) if owner else None,
        ),
        PodSpec((Container((*named, *declared)),), host_network=member.host_network, node_name=node),
        PodStatus(pod_ips=tuple(PodIP(str(ip)) for ip in addresses)),
    )


def _home(state: State, member: Member) -> str:
    """The node that a pod says it is on, be it by its address; empty if it does not say.

    A node of which nothing is known but a pod's address is called after that.
    """
    if member.node or not member.host_network or not member.addresses:
        return member.node
    (address, *_) = carried(member)
    owners = (name for name, node in state.nodes.items() if address in node_addresses(node))
    return next(owners, f"host-{address}")


def _reported_by_pods(state: State, node: str) -> list[IPAddress]:
    """The addresses of a node, as the pods on its network report them."""
    on_it = (member for member in state.members() if member.host_network and _home(state, member) == node)
    return [ip for member in on_it for ip in carried(member)]


def _first_of_each_family(addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
    first: dict[int, IPAddress] = {}
    for ip in addresses:
        first.setdefault(ip.version, ip)
    return tuple(first.values())


def _check(state: State) -> None:
    """Whether everybody has addresses of his own that a host can have."""
    owners: dict[IPAddress, str] = {}
    nodes = [(f"node {name}", node_addresses(node)) for name, node in state.nodes.items()]
    pods = [(f"pod {member}", carried(member)) for member in state.members() if not member.host_network]
    for owner, addresses in [*nodes, *pods]:
        for ip in addresses:
            if not addressing.is_usable(ip):
                raise LaboratoryError(f"{owner} has the address {ip}, which no host can have: correct its status")
            if ip in owners:
                raise LaboratoryError(f"{owners[ip]} and {owner} both have the address {ip}: remove one of them")
            owners[ip] = owner
    for member in state.members():
        for ip in carried(member) if member.host_network else ():
            if ip not in node_addresses(state.nodes[member.node]):
                raise LaboratoryError(f"pod {member} reports {ip} as its host's address, which {member.node} has not")
