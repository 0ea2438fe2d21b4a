"""Placement: fills in what a cluster leaves open, so that its network can be built.

Every pod gets a node and an address of each family, a workload without known pods gets one pod, or two if it may have
several, nodes and Services get addresses, and a pod answers DNS queries. What the objects specify is kept. The
additions become ordinary objects in the state of the cluster, so that the engine judges exactly the network that is
built.
"""

from collections import Counter
from itertools import chain, count
from typing import Final

import msgspec
from msgspec.structs import replace

from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.lab.network.address_check import check_addresses
from ringfence.lab.network.addressing import ADDRESS_RANGES, AddressPool, blocks_of, choose_range
from ringfence.lab.network.object_addresses import (
    addresses_in_use,
    families_in_use,
    first_of_each_family,
    node_addresses,
    pod_addresses,
)
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork
from ringfence.lab.network.pod_ranges import PodRanges, check_pods_are_in_ranges, ranges_of
from ringfence.lab.network.topology import DNS_SERVICE, IPAddress, IPNetwork
from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import NodeMeta, ObjectMeta, OwnerReference, ServiceMeta
from ringfence.model.node_addresses import FLANNEL_BACKEND
from ringfence.model.objects import (
    Container,
    ContainerPort,
    Node,
    NodeAddress,
    NodeStatus,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
)
from ringfence.model.services import Service, ServicePort, ServiceSpec
from ringfence.sets.addresses import Family

_DNS_POD: Final = "dns"
_DNS_LABELS: Final = {"k8s-app": "kube-dns"}


class PlacementOptions(msgspec.Struct, frozen=True):
    """Choices for what the objects of a cluster leave open.

    At least `nodes` nodes are built, all with the same `network`. Pods without addresses get some of these `families`
    (None: those in use).
    """

    nodes: int = 1
    families: tuple[Family, ...] | None = None
    network: NodeNetwork = NodeNetwork()


class StandIns(msgspec.Struct, frozen=True):
    """The pods that stand for a workload, and the name that they have in common."""

    name: str
    pods: tuple[Reference, ...]


class Placement:
    """Fills in one state, again after each change. Pods keep their addresses and nodes unless an object conflicts."""

    def __init__(self, state: State, options: PlacementOptions) -> None:
        self._state = state
        self._options = options
        self._given_addresses: dict[Reference, tuple[IPAddress, ...]] = {}
        self._given_nodes: dict[Reference, str] = {}
        self._stand_ins: dict[Reference, StandIns] = {}
        """The pods that stand for workloads of which no pod is known."""
        self._taken: set[IPAddress] = set()
        self._pools: dict[str, list[AddressPool]] = {}
        """One pool for each family, by use: `pods`, `services` or `nodes`."""
        self._ranges: PodRanges | None = None
        """The ranges of the nodes, where the pod network needs them."""
        self.added_pods: tuple[str, ...] = ()
        """The pods that no manifest contains, by name."""

    def complete(self) -> None:
        """Fill in what is open. Raises LaboratoryError for addresses that cannot be built."""
        self._add_dns()
        self._taken |= addresses_in_use(self._state)
        # Chosen once: objects keep their addresses when policies change later.
        if not self._pools:
            self._choose_ranges()
        self._complete_nodes()
        if self._ranges:
            self._ranges.complete(self._state)
        if self._options.network.kind is PodNetwork.FLANNEL:
            self._annotate_nodes()
        self._complete_pods()
        self._complete_services()
        check_addresses(self._state)
        if self._options.network.kind.has_bridges:
            check_pods_are_in_ranges(self._state)

    @property
    def workloads(self) -> dict[Reference, str]:
        """The workloads for which more than one pod stands, as `NAMESPACE/NAME`, by pod."""
        return {
            pod: f"{workload.namespace}/{stand_ins.name}"
            for workload, stand_ins in self._stand_ins.items()
            for pod in stand_ins.pods
            if len(stand_ins.pods) > 1
        }

    def remove_stand_ins(self, workload: Reference) -> None:
        """Remove the pods that stand for a workload. Call it before its scale or template changes or is removed."""
        if stand_ins := self._stand_ins.pop(workload, None):
            for pod in stand_ins.pods:
                self._state.remove("Pod", pod.namespace, pod.name)

    def _choose_ranges(self) -> None:
        blocks = blocks_of(self._state)
        for_pods: list[IPNetwork] = []
        for family in self._options.families or families_in_use(self._state):
            chosen = {use: choose_range(candidates, blocks) for use, candidates in ADDRESS_RANGES[family].items()}
            for_pods.append(chosen["pods"])
            for use, network in chosen.items():
                self._pools.setdefault(use, []).append(AddressPool(network, self._taken))
        if self._options.network.kind.has_gateways:
            self._ranges = PodRanges(for_pods, self._taken)

    def _add_dns(self) -> None:
        """Add a DNS pod behind the usual Service, unless the cluster has that Service."""
        namespace, name = DNS_SERVICE.split("/")
        if (namespace, name) in self._state.services:
            return
        ports = tuple(ServicePort(53, protocol.lower(), protocol) for protocol in ("UDP", "TCP"))
        spec = ServiceSpec(ports=ports, selector=_DNS_LABELS)
        self._state.upsert(Service(ServiceMeta(name, namespace), spec))
        containers = (Container(tuple(ContainerPort(53, port.name, port.protocol) for port in ports)),)
        self._state.upsert(Pod(ObjectMeta(_DNS_POD, namespace, labels=_DNS_LABELS), PodSpec(containers)))
        self.added_pods = (f"{namespace}/{_DNS_POD}",)

    def _complete_nodes(self) -> None:
        for name in self._node_names():
            node = self._state.nodes.get(name, Node(NodeMeta(name)))
            given = self._give_addresses(Reference("", "Node", name), "nodes")
            # An address that a pod reports replaces the one that was given before.
            reported = [*node_addresses(node), *_reported_by_pods(self._state, name)]
            known = first_of_each_family([ip for ip in reported if ip not in given])
            families = {ip.version for ip in known}
            wanted = (*known, *(ip for ip in given if ip.version not in families))
            if node_addresses(node) != wanted:
                entries = tuple(NodeAddress(str(ip), "InternalIP") for ip in wanted)
                self._state.upsert(replace(node, status=NodeStatus(entries)))

    def _annotate_nodes(self) -> None:
        """Add to the Nodes the annotation by which Flannel says that they have tunnels."""
        for node in list(self._state.nodes.values()):
            annotations = node.metadata.annotations or {}
            if FLANNEL_BACKEND not in annotations:
                metadata = replace(node.metadata, annotations={**annotations, FLANNEL_BACKEND: "vxlan"})
                self._state.upsert(replace(node, metadata=metadata))

    def _node_names(self) -> list[str]:
        """The nodes that objects name, and as many more as the options ask for."""
        named = set(self._state.nodes)
        for member in self._state.members():
            if node := _reported_node(self._state, member):
                named.add(node)
        names = sorted(named)
        for number in count(1):
            if len(names) >= self._options.nodes:
                break
            if f"node-{number}" not in named:
                names.append(f"node-{number}")
        return names

    def _complete_pods(self) -> None:
        load = Counter(dict.fromkeys(sorted(self._state.nodes), 0))
        load.update(member.node for member in self._state.members() if member.node)
        self._release_addresses_that_others_report()
        for member in sorted(self._state.members(), key=lambda member: member.reference):
            is_complete = member.reference.kind == "Pod" and member.node and member.addresses
            if is_complete:
                continue
            for pod in self._pods_for(member):
                node = self._node_for(member, pod) or _least_loaded(load)
                load[node] += 1
                self._given_nodes[pod] = node
                addresses: tuple[IPAddress, ...] = ()  # on the host network the engine takes the node's
                if not member.host_network:
                    addresses = pod_addresses(member) or self._give_pod_addresses(pod, node)
                self._state.upsert(_pod_object(member, pod, node, addresses))

    def _complete_services(self) -> None:
        for service in list(self._state.services.values()):
            spec = service.spec
            if spec.type == "ExternalName" or spec.cluster_ip or spec.cluster_ips:
                continue
            reference = Reference(namespace_of(service), "Service", service.metadata.name)
            given = tuple(str(ip) for ip in self._give_addresses(reference, "services"))
            self._state.upsert(replace(service, spec=replace(spec, cluster_ip=given[0], cluster_ips=given)))

    def _pods_for(self, member: Member) -> tuple[Reference, ...]:
        """The pods that `member` becomes: itself, or for a workload's template a pod of the workload's name.

        Two pods stand for a template of which several are made, since no pod can be probed from itself. On the host
        network one is enough: policies do not apply to it, and two on the same node would be the same to everybody.
        """
        reference = member.reference
        if reference.kind == "Pod":
            return (reference,)
        number = 2 if member.is_several and not member.host_network else 1
        self._stand_ins[reference] = self._free_stand_ins(reference, number)
        return self._stand_ins[reference].pods

    def _free_stand_ins(self, workload: Reference, number: int) -> StandIns:
        """Pods named after a workload.

        Where something has one of the names already, the kind is added to it, and a number if that is taken, too.
        """
        with_kind = f"{workload.name}-{workload.kind.lower()}"
        for name in chain((workload.name, with_kind), (f"{with_kind}-{ordinal}" for ordinal in count(2))):
            names = [f"{name}-{ordinal}" for ordinal in range(number)] if number > 1 else [name]
            if not any(self._is_taken(workload.namespace, one) for one in (name, *names)):
                break
        return StandIns(name, tuple(Reference(workload.namespace, "Pod", one) for one in names))

    def _is_taken(self, namespace: str, name: str) -> bool:
        """Whether a pod has a name, or pods that stand for a workload are named after it."""
        of_others = (ins.name for other, ins in self._stand_ins.items() if other.namespace == namespace)
        return self._state.pod(namespace, name) is not None or name in of_others

    def _give_addresses(self, reference: Reference, use: str) -> tuple[IPAddress, ...]:
        """Addresses of every family for an object: the same ones each time."""
        if reference not in self._given_addresses:
            self._given_addresses[reference] = tuple(pool.take() for pool in self._pools[use])
        return self._given_addresses[reference]

    def _node_for(self, member: Member, pod: Reference) -> str:
        """The node of a pod: what it says itself, that of its addresses, or the one that it was given; else empty."""
        by_address = (self._ranges.node_of(ip) for ip in pod_addresses(member)) if self._ranges else ()
        return _reported_node(self._state, member) or next(filter(None, by_address), self._given_nodes.get(pod, ""))

    def _give_pod_addresses(self, pod: Reference, node: str) -> tuple[IPAddress, ...]:
        """Addresses of every family for a pod, of its node's ranges if nodes have ranges: the same ones each time."""
        if not self._ranges:
            return self._give_addresses(pod, "pods")
        given = self._given_addresses.get(pod, ())
        ranges = ranges_of(self._state.nodes[node])
        if not given or not all(any(ip in one for one in ranges) for ip in given):
            given = self._given_addresses[pod] = self._ranges.take(self._state.nodes[node])
        return given

    def _release_addresses_that_others_report(self) -> None:
        """Give other addresses to pods whose given address an object that was added later reports as its own."""
        members = [member for member in self._state.members() if not member.host_network]
        reported: set[IPAddress] = set()
        for member in members:
            given = self._given_addresses.get(member.reference, ())
            reported.update(ip for ip in pod_addresses(member) if ip not in given)
        for member in members:
            if reported & set(self._given_addresses.get(member.reference, ())):
                del self._given_addresses[member.reference]
                self._state.upsert(_pod_object(member, member.reference, member.node, ()))


def _least_loaded(load: Counter[str]) -> str:
    """The node with the fewest pods; of several, the first by name."""
    return min(load, key=lambda node: load[node])


def _pod_object(member: Member, reference: Reference, node: str, addresses: tuple[IPAddress, ...]) -> Pod:
    """A pod with all that policies can read about it."""
    owner = member.owner if member.reference.kind == "Pod" else member.reference
    ports = [
        ContainerPort(port.port, port.name, port.protocol, port.host_port, port.host_ip)
        for port in member.container_ports
    ]
    return Pod(
        ObjectMeta(
            reference.name,
            reference.namespace,
            labels=member.labels,
            owner_references=(OwnerReference(owner.kind, owner.name, True),) if owner else None,
        ),
        PodSpec((Container(tuple(ports)),), host_network=member.host_network, node_name=node),
        PodStatus(pod_ips=tuple(PodIP(str(ip)) for ip in addresses)),
    )


def _reported_node(state: State, member: Member) -> str:
    """The node on which a pod says that it is, by `spec.nodeName` or, on the host network, by its address.

    Empty if it says neither. A node of which only a pod's address is known is named after that address.
    """
    if member.node or not member.host_network or not member.addresses:
        return member.node
    (address, *_) = pod_addresses(member)
    for name, node in state.nodes.items():
        if address in node_addresses(node):
            return name
    return f"host-{address}"


def _reported_by_pods(state: State, node: str) -> list[IPAddress]:
    """The addresses of a node, as the pods on its network report them."""
    reported: list[IPAddress] = []
    for member in state.members():
        if member.host_network and _reported_node(state, member) == node:
            reported += pod_addresses(member)
    return reported
