"""The topology of a laboratory as plain data: nodes, pods, hosts outside the cluster, Services and DNS.

Networks, servers, Service translation and probes are built from a topology alone; they do not read the cluster.
"""

from collections.abc import Iterator
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

import msgspec

from ringfence.lab.network.pod_network import NodeNetwork

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

CLUSTER_DOMAIN: Final = "cluster.local"
DNS_SERVICE: Final = "kube-system/kube-dns"


class LabPort(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A port of a protocol (`TCP`, `UDP` or `SCTP`)."""

    number: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


class LabNode(msgspec.Struct, frozen=True):
    """A node: a router between its pods and the rest of the network.

    `pod_ranges` are those from which its pods have their addresses, at most one of each family.
    """

    name: str
    addresses: tuple[IPAddress, ...]
    pod_ranges: tuple[IPNetwork, ...] = ()
    network: NodeNetwork = NodeNetwork()

    @property
    def gateways(self) -> dict[int, IPAddress]:
        """The node's address towards its pods, by version: the first of each range, as host-local chooses it."""
        return {network.version: network[1] for network in self.pod_ranges}


class LabPod(msgspec.Struct, frozen=True):
    """A pod: a network namespace of its own behind a node, or the node's if it is on the host network.

    `name` is `NAMESPACE/NAME`; `ports` are those on which a server answers. `workload` is what several pods that the
    laboratory has made stand for together, also as `NAMESPACE/NAME`; it is empty for all other pods.
    """

    name: str
    node: str
    addresses: tuple[IPAddress, ...]
    ports: tuple[LabPort, ...] = ()
    host_network: bool = False
    workload: str = ""

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace of the pod."""
        return self.name.partition("/")[0]


class LabBackend(msgspec.Struct, frozen=True, order=True):
    """An address and a port to which a Service sends connections."""

    address: IPAddress
    port: int


class LabServicePort(msgspec.Struct, frozen=True):
    """A port of a Service and its backends; `name` is empty for the only port of a Service."""

    name: str
    port: LabPort
    backends: tuple[LabBackend, ...]


class LabService(msgspec.Struct, frozen=True):
    """A Service: cluster addresses that nodes translate (none if it is headless), and a DNS name.

    `pods` are the names of the pods that it selects; `external_name` is the target of an ExternalName Service.
    """

    name: str
    addresses: tuple[IPAddress, ...]
    ports: tuple[LabServicePort, ...]
    pods: tuple[str, ...] = ()
    external_name: str = ""


class Topology(msgspec.Struct, frozen=True, dict=True):
    """A whole laboratory.

    `outside` are hosts outside the cluster and `outside_ports` the ports on which they answer; `dns` are the names of
    the pods that answer DNS queries.
    """

    nodes: tuple[LabNode, ...]
    pods: tuple[LabPod, ...]
    services: tuple[LabService, ...] = ()
    outside: tuple[IPAddress, ...] = ()
    outside_ports: tuple[LabPort, ...] = ()
    dns: tuple[str, ...] = ()

    @cached_property
    def pod_by_name(self) -> dict[str, LabPod]:
        """The pods by `NAMESPACE/NAME`."""
        return {pod.name: pod for pod in self.pods}

    @cached_property
    def node_by_name(self) -> dict[str, LabNode]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def service_by_name(self) -> dict[str, LabService]:
        """The Services by `NAMESPACE/NAME`."""
        return {service.name: service for service in self.services}

    def dns_address(self) -> IPAddress | None:
        """The address to which pods send DNS queries: the first of the DNS Service, else of a pod that answers them.

        None if the cluster brings a DNS Service of its own that has neither an address nor a pod.
        """
        of_service = self.service_by_name[DNS_SERVICE].addresses
        of_pods = [ip for name in self.dns for ip in self.pod_by_name[name].addresses]
        return next(iter((*of_service, *of_pods)), None)

    def networked_pods(self) -> Iterator[LabPod]:
        """The pods with a network namespace of their own: all but those on the host network."""
        return (pod for pod in self.pods if not pod.host_network)
