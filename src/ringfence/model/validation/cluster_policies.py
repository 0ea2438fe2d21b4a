"""What the API server refuses in the administrators' policies, and what it accepts although nobody can evaluate it."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from msgspec.structs import replace

from ringfence.model.cidrs import cidr_range
from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    ClusterPolicy,
    ClusterPolicyRule,
    ClusterPolicySubject,
    NamespacedPods,
)
from ringfence.model.cluster_policy_schemas import (
    ADMIN_NETWORK_POLICY,
    AWS_CLUSTER_NETWORK_POLICY,
    BASELINE_ADMIN_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NAMED_PORTS_ARE_OF_PODS,
)
from ringfence.model.cluster_policy_trees import written_tree, written_tree_in_steps
from ringfence.model.cluster_rules import cluster_rules_of, networks_of, nodes_of
from ringfence.model.field_errors import ErrorsInSteps, FieldError, each_once, invalid, without_pauses
from ringfence.model.metadata import LabelSelector
from ringfence.model.policies import Direction
from ringfence.model.problems import ProblemCode
from ringfence.model.server_versions import ServerVersion
from ringfence.model.structural_schemas import (
    Schema,
    schema_errors,
    schema_errors_in_steps,
    without_limits,
)
from ringfence.model.validation.custom_resources import custom_resource_errors
from ringfence.model.validation.labels import selector_errors_in_steps
from ringfence.model.validation.network_policies import FieldWarning
from ringfence.steps import Pace


def cluster_policy_errors(policy: ClusterPolicy, server: ServerVersion) -> list[FieldError]:
    """Everything for which an API server with the definition would refuse to create `policy`.

    Beyond that, selectors that nobody can evaluate are errors here: the definitions do not look into them.
    """
    refused = custom_resource_errors(written_tree(policy), policy.metadata, CLUSTER_POLICY_SCHEMAS[type(policy)])
    # A server reports errors of the schema only; the selectors of a policy that it refuses are nobody's concern.
    return refused or each_once(without_pauses(_selector_errors(policy)))


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
# They are found in steps: a server without the definition's limits stores policies of 1.5 MB.


def tier_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    """What is wrong with the tier, which two of the kinds name."""
    schema = _spec_schema(type(policy))
    if "tier" in schema.properties:
        tier = getattr(policy.spec, "tier", "")  # two of the kinds have one, and rules may be long
        tier_of_spec = {"tier": tier} if tier else {}
        only = replace(schema, properties={"tier": schema.properties["tier"]}, required=("tier",))
        yield from schema_errors(tier_of_spec, only, "spec")


def subject_errors(policy: ClusterPolicy, pace: Pace) -> ErrorsInSteps:
    """What is wrong with the subject of a policy."""
    subject = policy.spec.subject
    schema = _spec_schema(type(policy)).properties["subject"]
    yield from _part_errors(subject, schema, "spec.subject", pace)
    yield from _in_selectors(subject.namespaces, subject.pods, "spec.subject", pace)


def rule_errors(
    policy: ClusterPolicy, rule: ClusterPolicyRule, direction: Direction, path: str, pace: Pace
) -> ErrorsInSteps:
    """What is wrong with a rule, however many peers and ports it has."""
    schema = _spec_schema(type(policy)).properties[direction.field].items
    assert schema, "a list"
    yield from _part_errors(rule, schema, path, pace)
    yield from _network_errors(rule, f"{path}.{direction.peers_field}", pace)
    yield from _peer_selector_errors(rule, f"{path}.{direction.peers_field}", pace)


@cache
def _spec_schema(kind: type) -> Schema:
    """The schema of the spec without limits of size."""
    return without_limits(CLUSTER_POLICY_SCHEMAS[kind].properties["spec"])


def _part_errors(
    part: ClusterPolicySubject | ClusterPolicyRule, schema: Schema, path: str, pace: Pace
) -> ErrorsInSteps:
    tree = yield from written_tree_in_steps(part, pace)
    yield from schema_errors_in_steps(tree, schema, path, pace)


def _network_errors(rule: ClusterPolicyRule, path: str, pace: Pace) -> ErrorsInSteps:
    """The networks that cannot be read, even leniently."""
    for i, peer in enumerate(rule.peers):
        for j, network in enumerate(networks_of(peer)):
            if pace.is_pause_due():
                yield None
            try:
                cidr_range(network)
            except ValueError:
                yield invalid(f"{path}[{i}].networks[{j}]", network, "Invalid CIDR format provided")


# --- selectors --------------------------------------------------------------------------------------------------------


def _selector_errors(policy: ClusterPolicy) -> ErrorsInSteps:
    subject, pace = policy.spec.subject, Pace()
    yield from _in_selectors(subject.namespaces, subject.pods, "spec.subject", pace)
    for direction in Direction:
        for i, rule in enumerate(cluster_rules_of(policy, direction)):
            yield from _peer_selector_errors(rule, f"spec.{direction.field}[{i}].{direction.peers_field}", pace)


def _peer_selector_errors(rule: ClusterPolicyRule, path: str, pace: Pace) -> ErrorsInSteps:
    for i, peer in enumerate(rule.peers):
        if pace.is_pause_due():
            yield None
        yield from _in_selectors(peer.namespaces, peer.pods, f"{path}[{i}]", pace)
        if (nodes := nodes_of(peer)) is not None:
            yield from _unclear(selector_errors_in_steps(nodes, f"{path}[{i}].nodes", pace))


def _in_selectors(
    namespaces: LabelSelector | None, pods: NamespacedPods | None, path: str, pace: Pace
) -> ErrorsInSteps:
    if namespaces is not None:
        yield from _unclear(selector_errors_in_steps(namespaces, f"{path}.namespaces", pace))
    if pods is not None:
        within = f"{path}.pods.namespaceSelector"
        yield from _unclear(selector_errors_in_steps(pods.namespace_selector, within, pace))
        if pods.pod_selector is not None:
            yield from _unclear(selector_errors_in_steps(pods.pod_selector, f"{path}.pods.podSelector", pace))


def _unclear(errors: ErrorsInSteps) -> ErrorsInSteps:
    """Errors that a server does not find."""
    for error in errors:
        yield error and replace(error, detail=f"{error.detail} (API servers accept this, but nobody can evaluate it)")
