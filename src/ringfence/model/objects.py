"""Kubernetes objects in the shape of the API, with only the fields that matter here.

Field names are the API's own in snake case; `msgspec` renames them back when it reads or writes. A field that the API
treats alike whether absent, null or empty has its empty value as default. All objects are immutable.

Services and their endpoints are in `model.services`, the administrators' policies in `model.cluster_policies`.

Source: Kubernetes API v1.36, `core/v1`, `apps/v1`, `autoscaling/v2`, `batch/v1`, `networking/v1`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.metadata import Int32, Labels, LabelSelector, NodeMeta, ObjectMeta, PolicyMeta
from ringfence.model.origin import Origin
from ringfence.model.service_users import ServiceUser
from ringfence.model.services import Endpoints, EndpointSlice, Service

WORKLOAD_KINDS: Final = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "Rollout",
    "DeploymentConfig",
)
"""The kinds that own pods and have a pod template: those of Kubernetes, Argo Rollouts and OpenShift."""

DEFAULT_NAMESPACE: Final = "default"


class Namespace(msgspec.Struct, frozen=True, rename="camel"):
    """A namespace; the control plane gives each the label `kubernetes.io/metadata.name`."""

    metadata: ObjectMeta = ObjectMeta()


class ContainerPort(msgspec.Struct, frozen=True, rename="camel"):
    """A port that a container declares: its name has a meaning for policies; a port of the node may lead to it."""

    container_port: Int32 = 0
    name: str = ""
    protocol: str = "TCP"
    host_port: Int32 = 0
    host_ip: str = msgspec.field(name="hostIP", default="")


class ContainerProbePort(msgspec.Struct, frozen=True):
    """The port that a probe connects to: its number, or its name."""

    port: Int32 | str = 0


class ContainerProbe(msgspec.Struct, frozen=True, rename="camel"):
    """A probe; one that runs a program in the container connects to no port."""

    http_get: ContainerProbePort | None = None
    tcp_socket: ContainerProbePort | None = None
    grpc: ContainerProbePort | None = None

    @property
    def target(self) -> int | str:
        """The port that it connects to; 0 if there is none."""
        found = self.http_get or self.tcp_socket or self.grpc
        return found.port if found else 0


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """A container; `restart_policy` is `Always` for an init container that keeps running (a sidecar)."""

    ports: tuple[ContainerPort, ...] | None = None
    restart_policy: str | None = None
    liveness_probe: ContainerProbe | None = None
    readiness_probe: ContainerProbe | None = None
    startup_probe: ContainerProbe | None = None

    @property
    def probes(self) -> list[ContainerProbe]:
        """Its probes."""
        return [one for one in (self.liveness_probe, self.readiness_probe, self.startup_probe) if one]


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a pod runs and where."""

    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    host_network: bool | None = None
    node_name: str | None = None
    dns_policy: str | None = "ClusterFirst"  # the default of the API server, so that files and the server say the same


class PodIP(msgspec.Struct, frozen=True):
    """One of a pod's addresses."""

    ip: str = ""


class PodCondition(msgspec.Struct, frozen=True, rename="camel"):
    """One of a pod's conditions, and since when it has this status."""

    type: str = ""
    status: str = ""
    last_transition_time: str | None = None


class ContainerStateRunning(msgspec.Struct, frozen=True, rename="camel"):
    """A container that runs."""

    started_at: str | None = None


class ContainerStateTerminated(msgspec.Struct, frozen=True, rename="camel"):
    """A container that has ended."""

    finished_at: str | None = None


class ContainerState(msgspec.Struct, frozen=True):
    """The state of a container; one that neither runs nor has ended is waiting to start."""

    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True):
    """The status of a container."""

    state: ContainerState = ContainerState()


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The status of a pod. Only its kubelet writes it: the right to change a pod does not include its status."""

    phase: str | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)
    pod_ips: tuple[PodIP, ...] | None = msgspec.field(name="podIPs", default=None)
    host_ip: str | None = msgspec.field(name="hostIP", default=None)
    host_ips: tuple[PodIP, ...] | None = msgspec.field(name="hostIPs", default=None)
    conditions: tuple[PodCondition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(msgspec.Struct, frozen=True, rename="camel"):
    """A pod."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(msgspec.Struct, frozen=True, rename="camel"):
    """The pods that a workload makes."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None


class PodLimit(msgspec.Struct, frozen=True):
    """How many pods a workload may have at the same time: `most`, None without a limit, and the field that says so."""

    most: int | None = 1
    reason: str = "spec.replicas is not set, which means 1"

    @property
    def is_zero(self) -> bool:
        """Whether there are no pods."""
        return self.most is not None and self.most <= 0

    @property
    def is_several(self) -> bool:
        """Whether there may be more than one pod."""
        return self.most is None or self.most > 1


class Workload(msgspec.Struct, frozen=True, rename="camel"):
    """What owns pods: one of `WORKLOAD_KINDS`.

    The kinds differ in where the API keeps the template, and how many pods are made of it; `workloads` brings them all
    to this shape. A Rollout may have the template of another workload, which `workload_ref` names. Of a Job,
    `is_indexed` says that its pods are numbered, and `has_manual_selector` that the API server adds no labels to them.
    """

    kind: str
    metadata: ObjectMeta = ObjectMeta()
    template: PodTemplate = PodTemplate()
    limit: PodLimit = PodLimit()
    workload_ref: "ScaleTarget | None" = None
    is_indexed: bool = False
    has_manual_selector: bool = False
    selector: LabelSelector | None = None


class ScaleTarget(msgspec.Struct, frozen=True):
    """The workload that an autoscaler scales, in its own namespace."""

    kind: str = ""
    name: str = ""


class HorizontalPodAutoscalerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Between which numbers of replicas a workload is scaled."""

    scale_target_ref: ScaleTarget = ScaleTarget()
    min_replicas: Int32 | None = None
    max_replicas: Int32 = 1


class HorizontalPodAutoscaler(msgspec.Struct, frozen=True, rename="camel"):
    """A HorizontalPodAutoscaler: a workload that it scales may have several pods whatever its own `replicas` says."""

    metadata: ObjectMeta = ObjectMeta()
    spec: HorizontalPodAutoscalerSpec = HorizontalPodAutoscalerSpec()


class NodeAddress(msgspec.Struct, frozen=True):
    """One of a node's addresses."""

    address: str = ""
    type: str = ""


class Taint(msgspec.Struct, frozen=True):
    """A taint: pods that do not tolerate it are not scheduled on the node."""

    key: str = ""
    effect: str = ""


class NodeSpec(msgspec.Struct, frozen=True):
    """The addresses that a node gives to its pods, and its taints."""

    pod_cidrs: tuple[str, ...] | None = msgspec.field(name="podCIDRs", default=None)
    taints: tuple[Taint, ...] | None = None


class NodeSystemInfo(msgspec.Struct, frozen=True):
    """What the kubelet reports of its machine: the identifier of the present boot, and that of the hardware."""

    boot_id: str = msgspec.field(name="bootID", default="")
    system_uuid: str = msgspec.field(name="systemUUID", default="")


class NodeStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The status of a node."""

    addresses: tuple[NodeAddress, ...] | None = None
    node_info: NodeSystemInfo | None = None


class Node(msgspec.Struct, frozen=True, rename="camel"):
    """A node."""

    metadata: NodeMeta = NodeMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class IPBlock(msgspec.Struct, frozen=True, rename="camel"):
    """A range of addresses, less those in `excepts` (the API's `except`)."""

    cidr: str = ""
    excepts: tuple[str, ...] = msgspec.field(name="except", default=())


class NetworkPolicyPeer(msgspec.Struct, frozen=True, rename="camel"):
    """A peer: selectors that are ANDed, or an ipBlock. An absent selector is None, which is not an empty one."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(msgspec.Struct, frozen=True, rename="camel"):
    """A port entry: a number, a name, a range up to `end_port`, or, without `port`, all ports of the protocol."""

    protocol: str | None = None
    port: Int32 | str | None = None
    end_port: Int32 | None = None


class NetworkPolicyIngressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `ingress`; no peers means every source, no ports means all traffic."""

    ports: tuple[NetworkPolicyPort, ...] = ()
    peers: tuple[NetworkPolicyPeer, ...] = msgspec.field(name="from", default=())


class NetworkPolicyEgressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `egress`; no peers means every destination, no ports means all traffic."""

    ports: tuple[NetworkPolicyPort, ...] = ()
    peers: tuple[NetworkPolicyPeer, ...] = msgspec.field(name="to", default=())


Rule = NetworkPolicyIngressRule | NetworkPolicyEgressRule


class NetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of a policy as written; `policies.defaulted` sets the defaults of the API server."""

    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()


class NetworkPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """A networking.k8s.io/v1 NetworkPolicy."""

    metadata: PolicyMeta = PolicyMeta()
    spec: NetworkPolicySpec = NetworkPolicySpec()


Policy = NetworkPolicy | ClusterPolicy
"""A policy of any kind that is read."""

Object = (
    Namespace
    | Pod
    | Workload
    | HorizontalPodAutoscaler
    | Service
    | EndpointSlice
    | Endpoints
    | Node
    | NetworkPolicy
    | ClusterPolicy
    | ServiceUser
)


class Manifest(msgspec.Struct, frozen=True):
    """An object and where it was read.

    `is_stored` says that an API server has stored it, so that it is in force there even if a newer server would refuse
    it. `api_version` is the one under which it is written, or empty if that is not known. `tree` is an object of
    a custom resource as a server stores it: its definition may have more fields than the model. `suppressions` are the
    annotations that suppress findings, of objects that are not policies.
    """

    object: Object
    origin: Origin
    is_stored: bool = False
    api_version: str = ""
    tree: Mapping[str, Any] | None = None
    suppressions: Labels | None = None
