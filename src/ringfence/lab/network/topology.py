"""The plan of a laboratory's network, as plain data: nodes, pods, hosts outside the cluster, Services and DNS.

Everything that builds, serves, translates or probes reads this and nothing else of the cluster.
"""

from collections.abc import Iterator
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import msgspec

IPAddress = IPv4Address | IPv6Address

CLUSTER_DOMAIN: Final = "cluster.local"
DNS_SERVICE: Final = "kube-system/kube-dns"


class LabPort(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A port of a protocol (`TCP`, `UDP` or `SCTP`)."""

    number: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


class LabNode(msgspec.Struct, frozen=True):
    """A node: a router in front of its pods."""

    name: str
    addresses: tuple[IPAddress, ...]


class LabPod(msgspec.Struct, frozen=True):
    """A pod: a network stack of its own behind a node, or the node's own if it is on the host network.

    `name` is `NAMESPACE/NAME`; `ports` are those on which something answers.
    """

    name: str
    node: str
    addresses: tuple[IPAddress, ...]
    ports: tuple[LabPort, ...] = ()
    host_network: bool = False

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace it lives in."""
        return self.name.partition("/")[0]


class LabBackend(msgspec.Struct, frozen=True, order=True):
    """Where a Service sends connections: an address and a port there."""

    address: IPAddress
    port: int


class LabServicePort(msgspec.Struct, frozen=True):
    """A port of a Service and what stands behind it; `name` is empty for the only port of a Service."""

    name: str
    port: LabPort
    backends: tuple[LabBackend, ...]


class LabService(msgspec.Struct, frozen=True):
    """A Service: cluster addresses (none if headless) that nodes translate, and a name that DNS knows.

    `pods` are the pods that it selects; `external_name` is what an ExternalName Service stands for.
    """

    name: str
    addresses: tuple[IPAddress, ...]
    ports: tuple[LabServicePort, ...]
    pods: tuple[str, ...] = ()
    external_name: str = ""


class Topology(msgspec.Struct, frozen=True, dict=True):
    """A whole laboratory.

    `outside` are hosts outside the cluster, and `outside_ports` the ports on which they answer; `dns` are the pods that
    answer names.
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

    def dns_address(self) -> IPAddress:
        """Where pods ask for names: the first address of the DNS Service, or of a pod that answers them."""
        service = self.service_by_name[DNS_SERVICE]
        return (*service.addresses, *(ip for name in self.dns for ip in self.pod_by_name[name].addresses))[0]

    def networked_pods(self) -> Iterator[LabPod]:
        """The pods with a network stack of their own: all but those on the host network."""
        return (pod for pod in self.pods if not pod.host_network)
