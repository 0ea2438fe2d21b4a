"""Policies of a whole cluster: ClusterNetworkPolicy, and the two kinds that it replaces, in the shape of the API.

AWS has a kind of its own that is also called ClusterNetworkPolicy, with the tiers of the one and the ports of the
others.

Sources: network-policy-api v0.2.0 (`policy.networking.k8s.io/v1alpha2`) and v0.1.8 (`v1alpha1`); the AWS network policy
controller 1.1.7 (`networking.k8s.aws/v1alpha1`).
"""

from enum import StrEnum

import msgspec

from ringfence.model.metadata import Int32, LabelSelector, PolicyMeta


class PolicyTier(StrEnum):
    """When the policies of a cluster are evaluated: before NetworkPolicies or after them."""

    ADMIN = "Admin"
    BASELINE = "Baseline"


class RuleAction(StrEnum):
    """What a rule does with what it matches. AdminNetworkPolicies call the first one `Allow`."""

    ACCEPT = "Accept"
    ALLOW = "Allow"
    DENY = "Deny"
    PASS = "Pass"


# --- subjects, peers and ports ----------------------------------------------------------------------------------------


class NamespacedPods(msgspec.Struct, frozen=True, rename="camel"):
    """Pods, by their labels and those of their namespaces; an absent `namespaceSelector` means all namespaces."""

    namespace_selector: LabelSelector = LabelSelector()
    pod_selector: LabelSelector | None = None


class ClusterPolicySubject(msgspec.Struct, frozen=True, rename="camel"):
    """The subject of a policy: all pods of some namespaces, or some of their pods; exactly one field is given."""

    namespaces: LabelSelector | None = None
    pods: NamespacedPods | None = None


class WorkloadPeer(msgspec.Struct, frozen=True, rename="camel"):
    """A peer of an ingress rule: exactly one field is given."""

    namespaces: LabelSelector | None = None
    pods: NamespacedPods | None = None


class BaselineDestination(WorkloadPeer, frozen=True, rename="camel"):
    """A peer of an egress rule of a BaselineAdminNetworkPolicy: exactly one field is given."""

    networks: tuple[str, ...] = ()
    nodes: LabelSelector | None = None


class Destination(BaselineDestination, frozen=True, rename="camel"):
    """A peer of an egress rule: exactly one field is given."""

    domain_names: tuple[str, ...] = ()


class AwsDestination(WorkloadPeer, frozen=True, rename="camel"):
    """A peer of an egress rule of AWS's kind, which has no nodes: exactly one field is given."""

    networks: tuple[str, ...] = ()
    domain_names: tuple[str, ...] = ()


class PortInterval(msgspec.Struct, frozen=True, rename="camel"):
    """Ports from `start` to `end`, both included."""

    start: Int32 = 0
    end: Int32 = 0


class DestinationPort(msgspec.Struct, frozen=True, rename="camel"):
    """One port or several; exactly one field is given."""

    number: Int32 | None = None
    range: PortInterval | None = None


class DestinationPorts(msgspec.Struct, frozen=True, rename="camel"):
    """The ports of one protocol."""

    destination_port: DestinationPort | None = None


class RuleProtocol(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of `protocols`; exactly one field is given. A named port may have any protocol."""

    tcp: DestinationPorts | None = None
    udp: DestinationPorts | None = None
    sctp: DestinationPorts | None = None
    destination_named_port: str | None = None


class PortNumber(msgspec.Struct, frozen=True, rename="camel"):
    """One port of one protocol."""

    protocol: str = "TCP"
    port: Int32 = 0


class PortRange(msgspec.Struct, frozen=True, rename="camel"):
    """Ports of one protocol from `start` to `end`, both included."""

    protocol: str = "TCP"
    start: Int32 = 0
    end: Int32 = 0


class RulePort(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of `ports`; exactly one field is given. A named port may have any protocol."""

    port_number: PortNumber | None = None
    port_range: PortRange | None = None
    named_port: str | None = None


# --- rules ------------------------------------------------------------------------------------------------------------


class ClusterIngressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `ingress`; no protocols means all traffic."""

    name: str = ""
    action: str = ""
    peers: tuple[WorkloadPeer, ...] = msgspec.field(name="from", default=())
    protocols: tuple[RuleProtocol, ...] = ()


class ClusterEgressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `egress`; no protocols means all traffic."""

    name: str = ""
    action: str = ""
    peers: tuple[Destination, ...] = msgspec.field(name="to", default=())
    protocols: tuple[RuleProtocol, ...] = ()


class AdminIngressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `ingress`; no ports means all traffic."""

    name: str = ""
    action: str = ""
    peers: tuple[WorkloadPeer, ...] = msgspec.field(name="from", default=())
    ports: tuple[RulePort, ...] = ()


class AdminEgressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `egress`; no ports means all traffic."""

    name: str = ""
    action: str = ""
    peers: tuple[Destination, ...] = msgspec.field(name="to", default=())
    ports: tuple[RulePort, ...] = ()


class BaselineEgressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `egress`; no ports means all traffic."""

    name: str = ""
    action: str = ""
    peers: tuple[BaselineDestination, ...] = msgspec.field(name="to", default=())
    ports: tuple[RulePort, ...] = ()


class AwsEgressRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of `egress`; no ports means all traffic."""

    name: str = ""
    action: str = ""
    peers: tuple[AwsDestination, ...] = msgspec.field(name="to", default=())
    ports: tuple[RulePort, ...] = ()


ClusterPolicyRule = (
    ClusterIngressRule | ClusterEgressRule | AdminIngressRule | AdminEgressRule | BaselineEgressRule | AwsEgressRule
)
ClusterPolicyPeer = WorkloadPeer
"""A peer of any rule; those of egress rules have more fields."""


# --- policies ---------------------------------------------------------------------------------------------------------


class ClusterNetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of a ClusterNetworkPolicy."""

    tier: str = ""
    priority: Int32 | None = None
    subject: ClusterPolicySubject = ClusterPolicySubject()
    ingress: tuple[ClusterIngressRule, ...] = ()
    egress: tuple[ClusterEgressRule, ...] = ()


class ClusterNetworkPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """A policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy."""

    metadata: PolicyMeta = PolicyMeta()
    spec: ClusterNetworkPolicySpec = ClusterNetworkPolicySpec()


class AdminNetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of an AdminNetworkPolicy."""

    priority: Int32 | None = None
    subject: ClusterPolicySubject = ClusterPolicySubject()
    ingress: tuple[AdminIngressRule, ...] = ()
    egress: tuple[AdminEgressRule, ...] = ()


class AdminNetworkPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """A policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy."""

    metadata: PolicyMeta = PolicyMeta()
    spec: AdminNetworkPolicySpec = AdminNetworkPolicySpec()


class BaselineAdminNetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of a BaselineAdminNetworkPolicy."""

    subject: ClusterPolicySubject = ClusterPolicySubject()
    ingress: tuple[AdminIngressRule, ...] = ()
    egress: tuple[BaselineEgressRule, ...] = ()


class BaselineAdminNetworkPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """A policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy, of which a cluster has at most one."""

    metadata: PolicyMeta = PolicyMeta()
    spec: BaselineAdminNetworkPolicySpec = BaselineAdminNetworkPolicySpec()


class AwsClusterNetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of AWS's ClusterNetworkPolicy."""

    tier: str = ""
    priority: Int32 | None = None
    subject: ClusterPolicySubject = ClusterPolicySubject()
    ingress: tuple[AdminIngressRule, ...] = ()
    egress: tuple[AwsEgressRule, ...] = ()


class AwsClusterNetworkPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """A networking.k8s.aws/v1alpha1 ClusterNetworkPolicy."""

    metadata: PolicyMeta = PolicyMeta()
    spec: AwsClusterNetworkPolicySpec = AwsClusterNetworkPolicySpec()


ClusterPolicy = ClusterNetworkPolicy | AdminNetworkPolicy | BaselineAdminNetworkPolicy | AwsClusterNetworkPolicy
