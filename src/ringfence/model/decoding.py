"""From the API's JSON to model objects, with the API server's own words for what does not fit.

What is read are trees of dicts, lists and scalars, or JSON text. `msgspec` does nearly all of it; only what it refuses
goes the slower way through `go_json`, which is more lenient, or says what is wrong.

Sources: `apiserver/pkg/endpoints/handlers`; the types of the API, v1.36.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.inspect import StructType, Type, VarTupleType

from ringfence.errors import DecodingError
from ringfence.model.go_json import conform, member, shape_of
from ringfence.model.objects import (
    EndpointSlice,
    Namespace,
    NetworkPolicy,
    NetworkPolicySpec,
    Node,
    Object,
    ObjectMeta,
    Pod,
    PodTemplate,
    Service,
    Workload,
)


def versions_of(kind: object) -> tuple[str, ...]:
    """The `apiVersion`s under which a kind is read, the current one first; none for a kind without a meaning here."""
    known = _KINDS.get(kind) if isinstance(kind, str) else None
    return known.versions if known else ()


def is_read(api_version: object, kind: object) -> bool:
    """Whether objects of this `apiVersion` and `kind` have a meaning here."""
    return api_version in versions_of(kind)


def decode(tree: object) -> Object | None:
    """The object that `tree` writes down, or None if its `apiVersion` and `kind` have no meaning here.

    Raises DecodingError for the first value of a wrong type. Fields that do not matter here are not looked at.
    """
    if not isinstance(tree, Mapping) or not is_read(tree.get("apiVersion"), tree.get("kind")):
        return None
    kind = str(tree["kind"])
    shape = _KINDS[kind].shape
    try:
        written = msgspec.convert(tree, shape)
    except msgspec.ValidationError:
        written = msgspec.convert(_conformed(tree, kind), shape)
    return _KINDS[kind].build(kind, written)


def decode_json(text: bytes | msgspec.Raw, api_version: str, kind: str) -> Object | None:
    """The object of this `apiVersion` and `kind` that the JSON `text` writes down; otherwise as `decode`.

    Many times faster than `decode`, because what does not matter is never built. Raises `msgspec.DecodeError` for text
    that is not JSON.
    """
    if not is_read(api_version, kind):
        return None
    try:
        return _KINDS[kind].build(kind, _decoder(kind).decode(text))
    except msgspec.ValidationError:
        tree = msgspec.json.decode(text)
        return decode({**tree, "apiVersion": api_version, "kind": kind}) if isinstance(tree, dict) else None


def unknown_fields(tree: object) -> list[str]:
    """The paths, in order, of the fields that no NetworkPolicy has: `spec.ingress[0].form`.

    The API server refuses them when it is strict. When it is not, it drops them, and a policy that lost a misspelt
    field allows more than it says. Only policies have unknown fields; other objects have fields that do not matter.
    """
    if not isinstance(tree, Mapping) or tree.get("kind") != "NetworkPolicy":
        return []
    if not is_read(tree.get("apiVersion"), "NetworkPolicy"):
        return []
    return sorted(_unknown(tree, shape_of(_PolicyFields), ""))


def _conformed(tree: Mapping[str, object], kind: str) -> object:
    try:
        return conform(tree, _KINDS[kind].shape, kind)
    except DecodingError as error:
        version = str(tree["apiVersion"]).rpartition("/")[2]
        message = f'{kind} in version "{version}" cannot be handled as a {kind}: {error}'
        raise DecodingError(message, error.path) from None


# --- kinds ------------------------------------------------------------------------------------------------------------


class WorkloadSpec(msgspec.Struct, frozen=True):
    """What matters of the spec of most workloads."""

    template: PodTemplate = PodTemplate()


class WorkloadFields(msgspec.Struct, frozen=True):
    """How most workloads are written."""

    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()


class JobSpec(msgspec.Struct, frozen=True):
    """The spec of the Jobs that a CronJob makes."""

    template: PodTemplate = PodTemplate()


class JobTemplateSpec(msgspec.Struct, frozen=True):
    """The Jobs that a CronJob makes."""

    spec: JobSpec = JobSpec()


class CronJobSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What matters of the spec of a CronJob."""

    job_template: JobTemplateSpec = JobTemplateSpec()


class CronJob(msgspec.Struct, frozen=True):
    """How a CronJob is written: its pods are a level deeper."""

    metadata: ObjectMeta = ObjectMeta()
    spec: CronJobSpec = CronJobSpec()


def _as_written(kind: str, written: Any) -> Object:
    return written  # type: ignore[no-any-return]


def _workload(kind: str, written: WorkloadFields) -> Object:
    return Workload(kind, written.metadata, written.spec.template)


def _cron_job(kind: str, written: CronJob) -> Object:
    return Workload(kind, written.metadata, written.spec.job_template.spec.template)


class _Kind(msgspec.Struct, frozen=True):
    """How a kind is written, and what makes an object of what was read."""

    versions: tuple[str, ...]
    shape: type[msgspec.Struct]
    build: Callable[[str, Any], Object] = _as_written


_KINDS: Final = {
    "Namespace": _Kind(("v1",), Namespace),
    "Pod": _Kind(("v1",), Pod),
    "Deployment": _Kind(("apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1"), WorkloadFields, _workload),
    "StatefulSet": _Kind(("apps/v1", "apps/v1beta2", "apps/v1beta1"), WorkloadFields, _workload),
    "DaemonSet": _Kind(("apps/v1", "apps/v1beta2", "extensions/v1beta1"), WorkloadFields, _workload),
    "ReplicaSet": _Kind(("apps/v1", "apps/v1beta2", "extensions/v1beta1"), WorkloadFields, _workload),
    "ReplicationController": _Kind(("v1",), WorkloadFields, _workload),
    "Job": _Kind(("batch/v1",), WorkloadFields, _workload),
    "CronJob": _Kind(("batch/v1", "batch/v1beta1"), CronJob, _cron_job),
    "Service": _Kind(("v1",), Service),
    "EndpointSlice": _Kind(("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"), EndpointSlice),
    "Node": _Kind(("v1",), Node),
    "NetworkPolicy": _Kind(("networking.k8s.io/v1", "extensions/v1beta1"), NetworkPolicy),
}


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_KINDS[kind].shape)


# --- fields that a policy does not have -------------------------------------------------------------------------------


class _OwnerFields(msgspec.Struct, rename="camel"):
    api_version: Any = None
    kind: Any = None
    name: Any = None
    uid: Any = None
    controller: Any = None
    block_owner_deletion: Any = None


class _ManagedFields(msgspec.Struct, rename="camel"):
    manager: Any = None
    operation: Any = None
    api_version: Any = None
    time: Any = None
    fields_type: Any = None
    fields_v1: Any = None
    subresource: Any = None


class _MetadataFields(msgspec.Struct, rename="camel"):
    name: Any = None
    generate_name: Any = None
    namespace: Any = None
    self_link: Any = None
    uid: Any = None
    resource_version: Any = None
    generation: Any = None
    creation_timestamp: Any = None
    deletion_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    labels: Any = None
    annotations: Any = None
    owner_references: tuple[_OwnerFields, ...] = ()
    finalizers: Any = None
    managed_fields: tuple[_ManagedFields, ...] = ()


class _PolicyFields(msgspec.Struct, rename="camel"):
    """Every field of a policy, also those that are not read."""

    api_version: Any = None
    kind: Any = None
    metadata: _MetadataFields = msgspec.field(default_factory=_MetadataFields)
    spec: NetworkPolicySpec = NetworkPolicySpec()


def _unknown(value: object, shape: Type, path: str) -> Iterator[str]:
    shape = member(shape, value)
    match shape, value:
        case StructType(), Mapping():
            types = {field.encode_name: field.type for field in shape.fields}
            for name, child in value.items():
                place = f"{path}.{name}" if path else str(name)
                if name in types:
                    yield from _unknown(child, types[name], place)
                else:
                    yield place
        case VarTupleType(), list() | tuple():
            for index, item in enumerate(value):
                yield from _unknown(item, shape.item_type, f"{path}[{index}]")
