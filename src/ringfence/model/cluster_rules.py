"""What the kinds of cluster policies have in common, whatever their fields are called."""

from collections.abc import Iterator

import msgspec

from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    AwsDestination,
    BaselineAdminNetworkPolicy,
    BaselineDestination,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterNetworkPolicy,
    ClusterPolicy,
    ClusterPolicyRule,
    Destination,
    DestinationPort,
    DestinationPorts,
    PolicyTier,
    PortInterval,
    PortNumber,
    PortRange,
    RulePort,
    RuleProtocol,
    WorkloadPeer,
)
from ringfence.model.metadata import LabelSelector
from ringfence.model.policies import Direction


class RulePorts(msgspec.Struct, frozen=True):
    """What one entry of a rule's `protocols` or `ports` matches: ports of one protocol, or ports that have a name.

    With neither a protocol nor a name, the entry has only fields of a later version of the API.
    """

    protocol: str = ""
    start: int = 0
    end: int = 0
    name: str = ""


def tier_of(policy: ClusterPolicy) -> PolicyTier:
    """The tier of a valid policy."""
    if isinstance(policy, ClusterNetworkPolicy | AwsClusterNetworkPolicy):
        return PolicyTier(policy.spec.tier)
    return PolicyTier.ADMIN if isinstance(policy, AdminNetworkPolicy) else PolicyTier.BASELINE


def priority_of(policy: ClusterPolicy) -> int:
    """The priority of a policy in its tier; the lowest is evaluated first."""
    # A cluster has at most one BaselineAdminNetworkPolicy, so its priority orders nothing.
    return 0 if isinstance(policy, BaselineAdminNetworkPolicy) else policy.spec.priority or 0


def cluster_rules_of(policy: ClusterPolicy, direction: Direction) -> tuple[ClusterPolicyRule, ...]:
    """The rules of a policy for one direction, in order."""
    return policy.spec.ingress if direction is Direction.INGRESS else policy.spec.egress


def networks_of(peer: WorkloadPeer) -> tuple[str, ...]:
    """The networks of a peer."""
    return peer.networks if isinstance(peer, BaselineDestination | AwsDestination) else ()


def nodes_of(peer: WorkloadPeer) -> LabelSelector | None:
    """The selector of a peer for nodes; None if the peer is not for nodes."""
    return peer.nodes if isinstance(peer, BaselineDestination) else None


def domain_names_of(peer: WorkloadPeer) -> tuple[str, ...]:
    """The domain names of a peer."""
    return peer.domain_names if isinstance(peer, Destination | AwsDestination) else ()


def is_known_peer(peer: WorkloadPeer) -> bool:
    """Whether a peer has a field that is known here; one of a later version of the API may have none."""
    selects = any(one is not None for one in (peer.namespaces, peer.pods, nodes_of(peer)))
    return selects or bool(networks_of(peer) or domain_names_of(peer))


def ports_of(rule: ClusterPolicyRule) -> Iterator[RulePorts]:
    """The entries of a rule's `protocols` or `ports`; a rule without any matches all traffic."""
    if isinstance(rule, ClusterIngressRule | ClusterEgressRule):
        return map(_of_protocol, rule.protocols)
    return map(_of_port, rule.ports)


def protocol_entry(protocol: str, first: int, last: int) -> RuleProtocol:
    """The entry of `protocols` for some ports of TCP, UDP or SCTP. A range of one port is refused: it is a number."""
    number = DestinationPort(number=first) if first == last else DestinationPort(range=PortInterval(first, last))
    ports = DestinationPorts(number)
    match protocol:
        case "TCP":
            return RuleProtocol(tcp=ports)
        case "UDP":
            return RuleProtocol(udp=ports)
    return RuleProtocol(sctp=ports)


def port_entry(protocol: str, first: int, last: int) -> RulePort:
    """The entry of `ports` for some ports of a protocol."""
    if first == last:
        return RulePort(port_number=PortNumber(protocol, first))
    return RulePort(port_range=PortRange(protocol, first, last))


def _of_protocol(entry: RuleProtocol) -> RulePorts:
    for protocol, written in (("TCP", entry.tcp), ("UDP", entry.udp), ("SCTP", entry.sctp)):
        port = written.destination_port if written else None
        if port is not None and port.range is not None:
            return RulePorts(protocol, port.range.start, port.range.end)
        if port is not None and port.number is not None:
            return RulePorts(protocol, port.number, port.number)
    return RulePorts(name=entry.destination_named_port or "")


def _of_port(entry: RulePort) -> RulePorts:
    if entry.port_number is not None:
        return RulePorts(entry.port_number.protocol, entry.port_number.port, entry.port_number.port)
    if entry.port_range is not None:
        return RulePorts(entry.port_range.protocol, entry.port_range.start, entry.port_range.end)
    return RulePorts(name=entry.named_port or "")
