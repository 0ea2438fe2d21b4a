"""What the API server refuses in the administrators' policies, and what it accepts although nobody can evaluate it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from msgspec.structs import replace

from ringfence.model.cidrs import parse_cidr
from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    ClusterPolicy,
    ClusterPolicyRule,
    NamespacedPods,
)
from ringfence.model.cluster_policy_schemas import (
    ADMIN_NETWORK_POLICY,
    AWS_CLUSTER_NETWORK_POLICY,
    BASELINE_ADMIN_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NAMED_PORTS_ARE_OF_PODS,
)
from ringfence.model.cluster_policy_trees import written_tree
from ringfence.model.cluster_rules import cluster_rules_of, networks_of, nodes_of
from ringfence.model.field_errors import FieldError, each_once, invalid
from ringfence.model.metadata import LabelSelector
from ringfence.model.policies import Direction
from ringfence.model.problems import ProblemCode
from ringfence.model.server_versions import ServerVersion
from ringfence.model.structural_schemas import Schema, schema_errors, without_limits
from ringfence.model.validation.custom_resources import custom_resource_errors
from ringfence.model.validation.labels import selector_errors
from ringfence.model.validation.network_policies import FieldWarning


def cluster_policy_errors(policy: ClusterPolicy, server: ServerVersion) -> list[FieldError]:
    """Everything for which an API server with the definition would refuse to create `policy`.

    Beyond that, selectors that nobody can evaluate are errors here: the definitions do not look into them.
    """
    refused = custom_resource_errors(written_tree(policy), policy.metadata, CLUSTER_POLICY_SCHEMAS[type(policy)])
    # A server reports errors of the schema only; the selectors of a policy that it refuses are nobody's concern.
    return refused or each_once(_selector_errors(policy))


def cluster_policy_warnings(policy: ClusterPolicy) -> list[FieldWarning]:
    """What only servers with the experimental channel of the definitions refuse."""
    if not isinstance(policy, ClusterNetworkPolicy):
        return []
    return [
        FieldWarning(
            f"spec.egress[{i}]",
            f"{NAMED_PORTS_ARE_OF_PODS} (only the experimental channel refuses this)",
            ProblemCode.INVALID_VALUE,
        )
        for i, rule in enumerate(policy.spec.egress)
        if any(peer.networks for peer in rule.peers)
        and any(entry.destination_named_port is not None for entry in rule.protocols)
    ]


CLUSTER_POLICY_SCHEMAS: Final[Mapping[type, Schema]] = {
    ClusterNetworkPolicy: CLUSTER_NETWORK_POLICY,
    AdminNetworkPolicy: ADMIN_NETWORK_POLICY,
    BaselineAdminNetworkPolicy: BASELINE_ADMIN_NETWORK_POLICY,
    AwsClusterNetworkPolicy: AWS_CLUSTER_NETWORK_POLICY,
}
"""The schema of each kind."""


# --- parts, as servers of other versions may have stored them ---------------------------------------------------------


def tier_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    """What is wrong with the tier, which two of the kinds name."""
    schema = _spec_schema(type(policy))
    if "tier" in schema.properties:
        tier = getattr(policy.spec, "tier", "")  # two of the kinds have one, and rules may be long
        tier_of_spec = {"tier": tier} if tier else {}
        only = replace(schema, properties={"tier": schema.properties["tier"]}, required=("tier",))
        yield from schema_errors(tier_of_spec, only, "spec")


def subject_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    """What is wrong with the subject of a policy."""
    subject = policy.spec.subject
    yield from schema_errors(written_tree(subject), _spec_schema(type(policy)).properties["subject"], "spec.subject")
    yield from _in_selectors(subject.namespaces, subject.pods, "spec.subject")


def rule_errors(
    policy: ClusterPolicy, rule: ClusterPolicyRule, direction: Direction, path: str
) -> Iterator[FieldError]:
    """What is wrong with a rule, however many peers and ports it has."""
    schema = _spec_schema(type(policy)).properties[direction.field].items
    assert schema, "a list"
    yield from schema_errors(written_tree(rule), schema, path)
    yield from _network_errors(rule, f"{path}.{direction.peers_field}")
    yield from _peer_selector_errors(rule, f"{path}.{direction.peers_field}")


@cache
def _spec_schema(kind: type) -> Schema:
    """The schema of the spec without limits of size."""
    return without_limits(CLUSTER_POLICY_SCHEMAS[kind].properties["spec"])


def _network_errors(rule: ClusterPolicyRule, path: str) -> Iterator[FieldError]:
    """The networks that cannot be read, even leniently."""
    for i, peer in enumerate(rule.peers):
        for j, network in enumerate(networks_of(peer)):
            try:
                parse_cidr(network)
            except ValueError:
                yield invalid(f"{path}[{i}].networks[{j}]", network, "Invalid CIDR format provided")


# --- selectors --------------------------------------------------------------------------------------------------------


def _selector_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    subject = policy.spec.subject
    yield from _in_selectors(subject.namespaces, subject.pods, "spec.subject")
    for direction in Direction:
        for i, rule in enumerate(cluster_rules_of(policy, direction)):
            yield from _peer_selector_errors(rule, f"spec.{direction.field}[{i}].{direction.peers_field}")


def _peer_selector_errors(rule: ClusterPolicyRule, path: str) -> Iterator[FieldError]:
    for i, peer in enumerate(rule.peers):
        yield from _in_selectors(peer.namespaces, peer.pods, f"{path}[{i}]")
        if (nodes := nodes_of(peer)) is not None:
            yield from _unclear(selector_errors(nodes, f"{path}[{i}].nodes"))


def _in_selectors(namespaces: LabelSelector | None, pods: NamespacedPods | None, path: str) -> Iterator[FieldError]:
    if namespaces is not None:
        yield from _unclear(selector_errors(namespaces, f"{path}.namespaces"))
    if pods is not None:
        yield from _unclear(selector_errors(pods.namespace_selector, f"{path}.pods.namespaceSelector"))
        if pods.pod_selector is not None:
            yield from _unclear(selector_errors(pods.pod_selector, f"{path}.pods.podSelector"))


def _unclear(errors: Iterable[FieldError]) -> Iterator[FieldError]:
    """Errors that a server does not find."""
    for error in errors:
        yield replace(error, detail=f"{error.detail} (API servers accept this, but nobody can evaluate it)")
