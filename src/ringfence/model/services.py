"""Services and their endpoints, in the shape of the API, as in `model.objects`.

Source: Kubernetes API v1.36, `core/v1`, `discovery/v1`.
"""

from typing import Final

import msgspec

from ringfence.model.metadata import Int32, Labels, ObjectMeta, ServiceMeta


class ServicePort(msgspec.Struct, frozen=True, rename="camel"):
    """A port of a Service; without `target_port` the pods are reached on `port`.

    `node_port` is the port of every node that also leads to it, 0 if there is none.
    """

    port: Int32 = 0
    name: str = ""
    protocol: str = "TCP"
    target_port: Int32 | str | None = None
    node_port: Int32 = 0


HEADLESS: Final = "None"
"""The ClusterIP of a Service whose clients reach its pods by their own addresses and ports."""


class ServiceSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of a Service; without a selector, its endpoints are written by users or controllers."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    cluster_ips: tuple[str, ...] | None = msgspec.field(name="clusterIPs", default=None)
    ports: tuple[ServicePort, ...] | None = None
    selector: Labels | None = None
    external_name: str = ""
    external_ips: tuple[str, ...] | None = msgspec.field(name="externalIPs", default=None)
    external_traffic_policy: str = ""
    ip_families: tuple[str, ...] | None = None

    def virtual_addresses(self) -> tuple[str, ...]:
        """The addresses that lead to its endpoints; none if it is headless or has not been given any."""
        return tuple(text for text in self.cluster_ips or (self.cluster_ip,) if text not in ("", HEADLESS))


class LoadBalancerIngress(msgspec.Struct, frozen=True, rename="camel"):
    """An address of a load balancer. With `ip_mode` `Proxy`, nodes do not rewrite it: connections go through it."""

    ip: str = ""
    ip_mode: str = "VIP"


class LoadBalancerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The addresses of a load balancer."""

    ingress: tuple[LoadBalancerIngress, ...] | None = None


class ServiceStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The status of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(msgspec.Struct, frozen=True, rename="camel"):
    """A Service; policies never name one."""

    metadata: ServiceMeta = ServiceMeta()
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()

    def rewritten_addresses(self) -> tuple[str, ...]:
        """The addresses that every node rewrites to those of its endpoints.

        The address of a load balancer is one of them, unless connections go through the load balancer itself.
        """
        balanced = (one.ip for one in self.status.load_balancer.ingress or () if one.ip and one.ip_mode != "Proxy")
        return (*self.spec.virtual_addresses(), *(self.spec.external_ips or ()), *balanced)


class ObjectReference(msgspec.Struct, frozen=True, rename="camel"):
    """The object behind an endpoint."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class EndpointConditions(msgspec.Struct, frozen=True, rename="camel"):
    """Whether an endpoint takes traffic; unknown counts as ready."""

    ready: bool | None = None


class SliceEndpoint(msgspec.Struct, frozen=True, rename="camel"):
    """One endpoint of a slice."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions | None = None
    target_ref: ObjectReference | None = None


class SlicePort(msgspec.Struct, frozen=True, rename="camel"):
    """A port of a slice; without a number it means all ports."""

    name: str | None = None
    protocol: str | None = None
    port: Int32 | None = None


SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""The label of an EndpointSlice that names its Service."""


class EndpointSlice(msgspec.Struct, frozen=True, rename="camel"):
    """Endpoints of the Service that the label `kubernetes.io/service-name` names."""

    metadata: ObjectMeta = ObjectMeta()
    endpoints: tuple[SliceEndpoint, ...] | None = None
    ports: tuple[SlicePort, ...] | None = None
    address_type: str = ""


class EndpointAddress(msgspec.Struct, frozen=True, rename="camel"):
    """One address of v1 Endpoints."""

    ip: str = ""
    target_ref: ObjectReference | None = None


class EndpointSubset(msgspec.Struct, frozen=True, rename="camel"):
    """Addresses that have the same ports; those that are not ready take no traffic."""

    addresses: tuple[EndpointAddress, ...] | None = None
    not_ready_addresses: tuple[EndpointAddress, ...] | None = None
    ports: tuple[SlicePort, ...] | None = None


class Endpoints(msgspec.Struct, frozen=True, rename="camel"):
    """The v1 Endpoints of the Service of the same name, the older form of its EndpointSlices."""

    metadata: ObjectMeta = ObjectMeta()
    subsets: tuple[EndpointSubset, ...] | None = None
