"""A kind of policy that exists in tests only: of the whole cluster, and of the same name as one of another group."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ringfence.model.field_errors import FieldError, invalid
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.metadata import Int32, LabelSelector, PolicyMeta
from ringfence.model.server_versions import ServerVersion
from ringfence.model.validation import FieldWarning


class ClusterPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    subject: LabelSelector = LabelSelector()
    priority: Int32 | None = None


class ClusterPolicy(msgspec.Struct, frozen=True, rename="camel"):
    metadata: PolicyMeta = PolicyMeta()
    spec: ClusterPolicySpec = ClusterPolicySpec()


def defaulted(policy: ClusterPolicy) -> ClusterPolicy:
    if policy.spec.priority is not None:
        return policy
    return msgspec.structs.replace(policy, spec=msgspec.structs.replace(policy.spec, priority=500))


def validate(policy: ClusterPolicy, server: ServerVersion) -> list[FieldError]:
    priority = policy.spec.priority or 0
    return [invalid("spec.priority", priority, "must be at most 1000")] if priority > 1000 else []


def warnings(policy: ClusterPolicy) -> list[FieldWarning]:
    return [FieldWarning("spec.priority", "is the highest")] if policy.spec.priority == 1000 else []


CLUSTER_POLICY = Kind(
    name="NetworkPolicy",
    plural="networkpolicies",
    api_versions=("policy.example.com/v1", "policy.example.com/v1alpha1"),
    shape=ClusterPolicy,
    model=ClusterPolicy,
    is_namespaced=False,
    is_policy=True,
    removed={"policy.example.com/v1alpha1": ServerVersion(40)},
    default=defaulted,
    validate=validate,
    warnings=warnings,
)


@contextmanager
def registered(kind: Kind = CLUSTER_POLICY) -> Iterator[Kind]:
    """The kind is in the table inside the block."""
    KINDS.add(kind)
    try:
        yield kind
    finally:
        KINDS.discard(kind)
