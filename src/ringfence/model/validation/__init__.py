"""Validation: the errors of the API server for each kind of object, in its words, and its warnings."""

from ringfence.model.validation.autoscalers import autoscaler_errors
from ringfence.model.validation.cluster_policies import (
    CLUSTER_POLICY_SCHEMAS,
    cluster_policy_errors,
    cluster_policy_warnings,
)
from ringfence.model.validation.custom_resources import custom_resource_errors
from ringfence.model.validation.endpoint_slices import endpoint_slice_errors
from ringfence.model.validation.labels import selector_errors
from ringfence.model.validation.metadata import name_errors, object_errors
from ringfence.model.validation.namespaces import namespace_errors
from ringfence.model.validation.network_policies import (
    FieldWarning,
    network_policy_errors,
    network_policy_warnings,
    stored_network_policy_errors,
)
from ringfence.model.validation.nodes import node_errors
from ringfence.model.validation.pods import pod_errors
from ringfence.model.validation.services import service_errors
from ringfence.model.validation.stored_policies import (
    evaluable_cluster_policy,
    remaining_cluster_policy,
    remaining_network_policy,
    stored_cluster_policy_errors,
)
from ringfence.model.validation.workloads import workload_errors

__all__ = [
    "CLUSTER_POLICY_SCHEMAS",
    "FieldWarning",
    "autoscaler_errors",
    "cluster_policy_errors",
    "cluster_policy_warnings",
    "custom_resource_errors",
    "endpoint_slice_errors",
    "evaluable_cluster_policy",
    "name_errors",
    "namespace_errors",
    "network_policy_errors",
    "network_policy_warnings",
    "node_errors",
    "object_errors",
    "pod_errors",
    "remaining_cluster_policy",
    "remaining_network_policy",
    "selector_errors",
    "service_errors",
    "stored_cluster_policy_errors",
    "stored_network_policy_errors",
    "workload_errors",
]
