"""What the API server refuses in a policy of the whole cluster, by the schemas of its custom resource definition.

Source: `config/crd/experimental` of network-policy-api v0.2.0 and v0.1.8; the definition of the AWS network policy
controller 1.1.7.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from ringfence.model.cidrs import parse_cidr
from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterNetworkPolicy,
    ClusterPolicy,
    ClusterPolicyPeer,
    ClusterPolicyRule,
    ClusterPolicySubject,
    NamespacedPods,
    PolicyTier,
    RulePort,
    RuleProtocol,
)
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of, networks_of, nodes_of
from ringfence.model.field_errors import FieldError, each_once, invalid, required, too_many, unsupported
from ringfence.model.metadata import LabelSelector
from ringfence.model.names import subdomain_errors
from ringfence.model.policies import Direction
from ringfence.model.server_versions import ServerVersion
from ringfence.model.validation.labels import selector_errors
from ringfence.model.validation.metadata import annotation_errors, metadata_errors

_MOST_NETWORKS: Final = 25
_LONGEST_NETWORK: Final = 43
_LONGEST_RULE_NAME: Final = 100
_HIGHEST_PRIORITY: Final = 1000

_DOMAIN_NAME: Final = re.compile(
    r"^(\*\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$"
)
"""As the definitions write it, with their `A-z`."""


def cluster_policy_errors(policy: ClusterPolicy, server: ServerVersion) -> list[FieldError]:
    """Everything for which an API server with the custom resource definition would refuse to create `policy`.

    Beyond that, selectors that no implementation can evaluate are errors here: the definitions do not look into them.
    """
    metadata = policy.metadata
    return each_once(
        chain(
            metadata_errors(metadata, subdomain_errors, is_namespaced=False),
            annotation_errors(metadata.annotations or {}, "metadata.annotations"),
            _name_errors(policy),
            _spec_errors(policy),
        )
    )


def _name_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    if isinstance(policy, BaselineAdminNetworkPolicy) and policy.metadata.name != "default":
        only = 'Only one baseline admin network policy with metadata.name="default" can be created in the cluster'
        yield invalid("", "object", only)


def _limit(policy: ClusterPolicy) -> int:
    """How many rules a direction, peers a rule and ports a rule may have."""
    return 25 if isinstance(policy, ClusterNetworkPolicy) else 100


def _actions(policy: ClusterPolicy) -> tuple[str, ...]:
    match policy:
        case AdminNetworkPolicy():
            return ("Allow", "Deny", "Pass")
        case BaselineAdminNetworkPolicy():
            return ("Allow", "Deny")
        case _:
            return ("Accept", "Deny", "Pass")


def _spec_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    yield from tier_errors(policy)
    if not isinstance(policy, BaselineAdminNetworkPolicy):
        yield from _priority_errors(policy.spec.priority)
    yield from subject_errors(policy.spec.subject)
    for direction in Direction:
        rules, path = cluster_rules_of(policy, direction), f"spec.{direction.field}"
        if len(rules) > _limit(policy):
            yield too_many(path, len(rules), _limit(policy))
        for i, rule in enumerate(rules):
            yield from _limit_errors(policy, rule, direction, f"{path}[{i}]")
            yield from rule_errors(policy, rule, direction, f"{path}[{i}]")


def tier_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    """What is wrong with the tier, which two of the kinds name."""
    if isinstance(policy, ClusterNetworkPolicy | AwsClusterNetworkPolicy):
        if not policy.spec.tier:
            yield required("spec.tier")
        elif policy.spec.tier not in tuple(PolicyTier):
            yield unsupported("spec.tier", policy.spec.tier, PolicyTier)


def _priority_errors(priority: int | None) -> Iterator[FieldError]:
    path = "spec.priority"
    if priority is None:
        yield required(path)
    elif priority < 0:
        yield invalid(path, priority, f"{path} in body should be greater than or equal to 0")
    elif priority > _HIGHEST_PRIORITY:
        yield invalid(path, priority, f"{path} in body should be less than or equal to {_HIGHEST_PRIORITY}")


def subject_errors(subject: ClusterPolicySubject) -> Iterator[FieldError]:
    """What is wrong with the subject of a policy."""
    path = "spec.subject"
    yield from _one_of([subject.namespaces, subject.pods], path)
    yield from _selection_errors(subject.namespaces, subject.pods, path)


def _one_of(values: Sequence[object], path: str) -> Iterator[FieldError]:
    """Exactly one of several fields must be given."""
    given = sum(value not in (None, (), "") for value in values)
    if not given:
        yield invalid(path, 0, f"{path} in body should have at least 1 properties")
    elif given > 1:
        yield invalid(path, given, f"{path} in body should have at most 1 properties")


def _selection_errors(namespaces: LabelSelector | None, pods: NamespacedPods | None, path: str) -> Iterator[FieldError]:
    if namespaces is not None:
        yield from selector_errors(namespaces, f"{path}.namespaces")
    if pods is not None:
        yield from selector_errors(pods.namespace_selector, f"{path}.pods.namespaceSelector")
        if pods.pod_selector is None:
            yield required(f"{path}.pods.podSelector")
        else:
            yield from selector_errors(pods.pod_selector, f"{path}.pods.podSelector")


def _limit_errors(
    policy: ClusterPolicy, rule: ClusterPolicyRule, direction: Direction, path: str
) -> Iterator[FieldError]:
    """The lists and texts of a rule that are longer than the definition allows."""
    if len(rule.name) > _LONGEST_RULE_NAME:
        yield too_many(f"{path}.name", len(rule.name), _LONGEST_RULE_NAME)
    field, entries = _entries(rule)
    for name, count in ((direction.peers_field, len(rule.peers)), (field, len(entries))):
        if count > _limit(policy):
            yield too_many(f"{path}.{name}", count, _limit(policy))
    for i, peer in enumerate(rule.peers):
        inside = f"{path}.{direction.peers_field}[{i}]"
        for name, texts in (("networks", networks_of(peer)), ("domainNames", domain_names_of(peer))):
            if len(texts) > _MOST_NETWORKS:
                yield too_many(f"{inside}.{name}", len(texts), _MOST_NETWORKS)
        for k, text in enumerate(networks_of(peer)):
            if len(text) > _LONGEST_NETWORK:
                yield too_many(f"{inside}.networks[{k}]", len(text), _LONGEST_NETWORK)


def rule_errors(
    policy: ClusterPolicy, rule: ClusterPolicyRule, direction: Direction, path: str
) -> Iterator[FieldError]:
    """What is wrong with a rule, however many peers and ports it has."""
    if not rule.action:
        yield required(f"{path}.action")
    elif rule.action not in _actions(policy):
        yield unsupported(f"{path}.action", rule.action, _actions(policy))
    peers = f"{path}.{direction.peers_field}"
    if not rule.peers:
        yield required(peers)
    for i, peer in enumerate(rule.peers):
        yield from _peer_errors(peer, f"{peers}[{i}]")
    if isinstance(rule, ClusterIngressRule | ClusterEgressRule):
        for i, protocol in enumerate(rule.protocols):
            yield from _protocol_errors(protocol, f"{path}.protocols[{i}]")
    else:
        for i, port in enumerate(rule.ports):
            yield from _port_errors(port, f"{path}.ports[{i}]")


def _entries(rule: ClusterPolicyRule) -> tuple[str, Sequence[RuleProtocol | RulePort]]:
    """The field that says which ports a rule is about, and its entries."""
    if isinstance(rule, ClusterIngressRule | ClusterEgressRule):
        return "protocols", rule.protocols
    return "ports", rule.ports


def _peer_errors(peer: ClusterPolicyPeer, path: str) -> Iterator[FieldError]:
    networks, names, nodes = networks_of(peer), domain_names_of(peer), nodes_of(peer)
    yield from _one_of([peer.namespaces, peer.pods, networks, nodes, names], path)
    yield from _selection_errors(peer.namespaces, peer.pods, path)
    if nodes is not None:
        yield from selector_errors(nodes, f"{path}.nodes")
    for i, network in enumerate(networks):
        yield from _network_errors(network, f"{path}.networks[{i}]")
    for i, name in enumerate(names):
        yield from _domain_name_errors(name, f"{path}.domainNames[{i}]")


def _network_errors(text: str, path: str) -> Iterator[FieldError]:
    try:
        parse_cidr(text)
    except ValueError:
        yield invalid(path, text, "Invalid CIDR format provided")


def _domain_name_errors(text: str, path: str) -> Iterator[FieldError]:
    if not _DOMAIN_NAME.fullmatch(text):
        yield invalid(path, text, f"{path} in body should match '{_DOMAIN_NAME.pattern}'")


def _protocol_errors(entry: RuleProtocol, path: str) -> Iterator[FieldError]:
    yield from _one_of([entry.tcp, entry.udp, entry.sctp, entry.destination_named_port], path)
    for name, ports in (("tcp", entry.tcp), ("udp", entry.udp), ("sctp", entry.sctp)):
        if ports is None:
            continue
        port, inside = ports.destination_port, f"{path}.{name}.destinationPort"
        if port is None:
            yield invalid(f"{path}.{name}", 0, f"{path}.{name} in body should have at least 1 properties")
            continue
        yield from _one_of([port.number, port.range], inside)
        if port.number is not None:
            yield from _port_number_errors(port.number, f"{inside}.number")
        if port.range is not None:
            yield from _range_errors(port.range.start, port.range.end, f"{inside}.range")
            if port.range.start >= port.range.end:
                yield invalid(f"{inside}.range", "object", "Start port must be less than End port")


def _port_errors(entry: RulePort, path: str) -> Iterator[FieldError]:
    yield from _one_of([entry.port_number, entry.port_range, entry.named_port], path)
    if entry.port_number is not None:
        yield from _port_number_errors(entry.port_number.port, f"{path}.portNumber.port")
    if entry.port_range is not None:
        yield from _range_errors(entry.port_range.start, entry.port_range.end, f"{path}.portRange")


def _range_errors(start: int, end: int, path: str) -> Iterator[FieldError]:
    yield from _port_number_errors(start, f"{path}.start")
    yield from _port_number_errors(end, f"{path}.end")


def _port_number_errors(number: int, path: str) -> Iterator[FieldError]:
    if number < 1:
        yield invalid(path, number, f"{path} in body should be greater than or equal to 1")
    elif number > 65535:
        yield invalid(path, number, f"{path} in body should be less than or equal to 65535")
