"""The kinds of objects that ringfence reads: one row for each, with everything that differs from other kinds.

All code that depends on the kind (reading, decoding, defaults, validation, listing and watching, printing) uses this
table. To add a kind of policy, write its structs and a row here, and a file in `engine.policies`.

Source: Kubernetes API v1.36, and its deprecation guide for the older versions.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
)
from ringfence.model.cluster_policy_subjects import WrittenSubject, policy_of_written_subject
from ringfence.model.field_errors import FieldError
from ringfence.model.kind_table import Kind, KindTable, SubjectReading, unchanged
from ringfence.model.objects import (
    DEFAULT_NAMESPACE,
    HorizontalPodAutoscaler,
    Namespace,
    NetworkPolicy,
    Node,
    Object,
    Pod,
    Workload,
)
from ringfence.model.policies import PolicySubject, defaulted, policy_of_subject
from ringfence.model.server_versions import ServerVersion
from ringfence.model.service_users import (
    ROUTING_KINDS,
    AggregatedApi,
    HTTPRouteFields,
    IngressFields,
    RouteFields,
    ServiceUser,
    WebhookConfiguration,
    aggregated_api,
    http_route,
    ingress,
    route,
    webhook_configuration,
)
from ringfence.model.services import Endpoints, EndpointSlice, Service
from ringfence.model.validation import (
    CLUSTER_POLICY_SCHEMAS,
    autoscaler_errors,
    cluster_policy_errors,
    cluster_policy_warnings,
    endpoint_slice_errors,
    namespace_errors,
    network_policy_errors,
    network_policy_warnings,
    node_errors,
    object_errors,
    pod_errors,
    remaining_cluster_policy,
    remaining_network_policy,
    service_errors,
    stored_cluster_policy_errors,
    stored_network_policy_errors,
    workload_errors,
)
from ringfence.model.workloads import (
    CronJob,
    Job,
    ReplicationControllerFields,
    Rollout,
    WorkloadFields,
    cron_job,
    job,
    replication_controller,
    rollout,
    with_default_selector,
    workload,
)

__all__ = [
    "CLUSTER_POLICY_KINDS",
    "KINDS",
    "Kind",
    "KindTable",
    "SubjectReading",
    "in_namespace",
    "kind_of",
    "namespace_of",
    "object_name",
]

_EXTENSIONS: Final = "extensions/v1beta1"
"""The group in which most kinds began. No server of a known version has it."""


_Validation = Callable[[Any, ServerVersion], list[FieldError]]


def _plain(
    model: type[Any], plural: str, api_version: str, validate: _Validation, *, is_namespaced: bool = True
) -> Kind:
    """A kind that is read as it is written."""
    return Kind(
        name=model.__name__,
        plural=plural,
        api_versions=(api_version,),
        shape=model,
        model=model,
        is_namespaced=is_namespaced,
        validate=validate,
    )


def _since_1_16(*api_versions: str) -> dict[str, ServerVersion]:
    """Versions that servers have no longer had since that release."""
    return dict.fromkeys(api_versions, ServerVersion(16))


class _ApiVersions(NamedTuple):
    """The `apiVersion`s of a kind: those that servers have, and since (`added`) or until (`removed`) which release."""

    current: tuple[str, ...]
    removed: Mapping[str, ServerVersion] = {}
    added: Mapping[str, ServerVersion] = {}

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, the preferred one first."""
        return (*self.current, *self.removed)


def _workload(
    name: str,
    versions: _ApiVersions,
    shape: type[Any] = WorkloadFields,
    build: Callable[[str, Any], Any] = workload,
) -> Kind:
    return Kind(
        name=name,
        plural=f"{name.lower()}s",
        api_versions=versions.all,
        shape=shape,
        model=Workload,
        build=build,
        added=versions.added,
        removed=versions.removed,
        # The first versions (`extensions/v1beta1`, `apps/v1beta1`) took the labels of the template for an absent
        # selector.
        former_defaults=with_default_selector if shape is WorkloadFields else unchanged,
        validate=workload_errors,
    )


def _service_user(name: str, versions: _ApiVersions, shape: type[Any], build: Callable[[str, Any], Any]) -> Kind:
    """A kind of which only the names of Services are read; in a live cluster, only `lint` lists it."""
    return Kind(
        name=name,
        plural=f"{name.lower()}{'es' if name.endswith('s') else 's'}",
        api_versions=versions.all,
        shape=shape,
        model=ServiceUser,
        build=build,
        is_namespaced=name in ROUTING_KINDS,
        only_in_manifests=True,
        removed=versions.removed,
        validate=object_errors,
    )


def _since_1_22(*api_versions: str) -> dict[str, ServerVersion]:
    """Versions that servers have no longer had since that release. Fields with other names in them are not read."""
    return dict.fromkeys(api_versions, ServerVersion(22))


def _cluster_policy(model: type[Any], plural: str, short_name: str, api_version: str) -> Kind:
    """A kind of the administrators' policies; of AWS's, the struct has another name than the kind."""
    return Kind(
        name=model.__name__.removeprefix("Aws"),
        plural=plural,
        short_name=short_name,
        api_versions=(api_version,),
        shape=model,
        model=model,
        is_namespaced=False,
        is_policy=True,
        is_custom=True,
        schema=CLUSTER_POLICY_SCHEMAS[model],
        # Its next version is to have the same fields; the older kinds have no next one.
        reads_later=model in (ClusterNetworkPolicy, AwsClusterNetworkPolicy),
        validate=cluster_policy_errors,
        warnings=cluster_policy_warnings,
        validate_stored=stored_cluster_policy_errors,
        remaining=remaining_cluster_policy,
        subject=SubjectReading(WrittenSubject, partial(policy_of_written_subject, model)),
    )


KINDS: Final = KindTable(
    (
        _plain(Namespace, "namespaces", "v1", namespace_errors, is_namespaced=False),
        _plain(Pod, "pods", "v1", pod_errors),
        Kind(
            name="NetworkPolicy",
            plural="networkpolicies",
            short_name="netpol",
            api_versions=("networking.k8s.io/v1", _EXTENSIONS),
            shape=NetworkPolicy,
            model=NetworkPolicy,
            is_policy=True,
            removed=_since_1_16(_EXTENSIONS),
            former_fields={
                "status": "Kubernetes 1.24 to 1.27 had this field; it has no effect",
                "metadata.clusterName": "Kubernetes had this field before 1.25; it has no effect",
                "metadata.initializers": "Kubernetes had this field before 1.16; it has no effect",
            },
            default=defaulted,
            validate=network_policy_errors,
            warnings=network_policy_warnings,
            validate_stored=stored_network_policy_errors,
            remaining=remaining_network_policy,
            subject=SubjectReading(PolicySubject, policy_of_subject),
        ),
        _workload("Deployment", _ApiVersions(("apps/v1",), _since_1_16("apps/v1beta2", "apps/v1beta1", _EXTENSIONS))),
        _workload("StatefulSet", _ApiVersions(("apps/v1",), _since_1_16("apps/v1beta2", "apps/v1beta1"))),
        _workload("DaemonSet", _ApiVersions(("apps/v1",), _since_1_16("apps/v1beta2", _EXTENSIONS))),
        _workload("ReplicaSet", _ApiVersions(("apps/v1",), _since_1_16("apps/v1beta2", _EXTENSIONS))),
        _workload("ReplicationController", _ApiVersions(("v1",)), ReplicationControllerFields, replication_controller),
        _workload("Job", _ApiVersions(("batch/v1",)), Job, job),
        _workload(
            "CronJob",
            _ApiVersions(
                ("batch/v1",),
                removed={"batch/v1beta1": ServerVersion(25)},
                added={"batch/v1": ServerVersion(21)},
            ),
            CronJob,
            cron_job,
        ),
        _plain(Service, "services", "v1", service_errors),
        Kind(
            name="EndpointSlice",
            plural="endpointslices",
            api_versions=("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"),
            shape=EndpointSlice,
            model=EndpointSlice,
            added={"discovery.k8s.io/v1": ServerVersion(21)},
            removed={"discovery.k8s.io/v1beta1": ServerVersion(25)},
            validate=endpoint_slice_errors,
        ),
        Kind(
            name="Rollout",
            plural="rollouts",
            api_versions=("argoproj.io/v1alpha1",),
            shape=Rollout,
            model=Workload,
            build=rollout,
            only_in_manifests=True,
            validate=object_errors,
        ),
        Kind(
            name="DeploymentConfig",
            plural="deploymentconfigs",
            api_versions=("apps.openshift.io/v1",),
            shape=ReplicationControllerFields,
            model=Workload,
            build=replication_controller,
            only_in_manifests=True,
            validate=object_errors,
        ),
        Kind(
            name="HorizontalPodAutoscaler",
            plural="horizontalpodautoscalers",
            api_versions=("autoscaling/v2", "autoscaling/v1", "autoscaling/v2beta2", "autoscaling/v2beta1"),
            shape=HorizontalPodAutoscaler,
            model=HorizontalPodAutoscaler,
            only_in_manifests=True,
            validate=autoscaler_errors,
            added={"autoscaling/v2": ServerVersion(23)},
            removed={"autoscaling/v2beta1": ServerVersion(25), "autoscaling/v2beta2": ServerVersion(26)},
        ),
        msgspec.structs.replace(_plain(Endpoints, "endpoints", "v1", object_errors), only_in_manifests=True),
        _plain(Node, "nodes", "v1", node_errors, is_namespaced=False),
        *(
            _service_user(
                name,
                _ApiVersions(("admissionregistration.k8s.io/v1",), _since_1_22("admissionregistration.k8s.io/v1beta1")),
                WebhookConfiguration,
                webhook_configuration,
            )
            for name in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
        ),
        _service_user(
            "APIService",
            _ApiVersions(("apiregistration.k8s.io/v1",), _since_1_22("apiregistration.k8s.io/v1beta1")),
            AggregatedApi,
            aggregated_api,
        ),
        _service_user(
            "Ingress",
            _ApiVersions(("networking.k8s.io/v1",), _since_1_22("networking.k8s.io/v1beta1", _EXTENSIONS)),
            IngressFields,
            ingress,
        ),
        _service_user(
            "HTTPRoute",
            _ApiVersions(tuple(f"gateway.networking.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha2"))),
            HTTPRouteFields,
            http_route,
        ),
        _service_user("Route", _ApiVersions(("route.openshift.io/v1",)), RouteFields, route),
        _cluster_policy(ClusterNetworkPolicy, "clusternetworkpolicies", "cnp", "policy.networking.k8s.io/v1alpha2"),
        _cluster_policy(AdminNetworkPolicy, "adminnetworkpolicies", "anp", "policy.networking.k8s.io/v1alpha1"),
        _cluster_policy(
            BaselineAdminNetworkPolicy, "baselineadminnetworkpolicies", "banp", "policy.networking.k8s.io/v1alpha1"
        ),
        _cluster_policy(AwsClusterNetworkPolicy, "clusternetworkpolicies", "cnp", "networking.k8s.aws/v1alpha1"),
    )
)
"""The table. It is complete when the program starts; only tests add rows of their own."""


CLUSTER_POLICY_KINDS: Final = frozenset(kind.key for kind in KINDS if kind.is_policy and not kind.is_namespaced)
"""The keys of the kinds of the administrators' policies."""


def kind_of(obj: Object) -> str:
    """The key of the object's kind, which no other kind has."""
    return KINDS.of(obj).key


def namespace_of(obj: Object) -> str:
    """The namespace that an object is in; empty for an object of the whole cluster (Namespace, Node)."""
    return obj.metadata.namespace or DEFAULT_NAMESPACE if KINDS.of(obj).is_namespaced else ""


def object_name(obj: Object) -> str:
    """The kind, namespace and name of an object, as messages have them: `NetworkPolicy prod/db-policy`."""
    path = "/".join(filter(None, (namespace_of(obj), obj.metadata.name or obj.metadata.generate_name)))
    return f"{kind_of(obj)} {path}"


def in_namespace(obj: Object, namespace: str) -> Object:
    """The object in `namespace`, if it has a namespace and does not name it."""
    if obj.metadata.namespace or namespace == DEFAULT_NAMESPACE or not KINDS.of(obj).is_namespaced:
        return obj
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, namespace=namespace))
