"""The subject of a policy of the whole cluster, read without its rules, which can be a thousand times as long."""

from typing import TypeVar

import msgspec

from ringfence.model.cluster_policies import ClusterPolicySubject
from ringfence.model.metadata import PolicyMeta

P = TypeVar("P", bound=msgspec.Struct)


class _WrittenSpec(msgspec.Struct, frozen=True, rename="camel"):
    subject: ClusterPolicySubject = ClusterPolicySubject()


class WrittenSubject(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of a written policy that are its subject: the same in every kind."""

    metadata: PolicyMeta = PolicyMeta()
    spec: _WrittenSpec = _WrittenSpec()


def policy_of_written_subject(model: type[P], written: WrittenSubject) -> P:
    """The policy of the type `model` with this subject, and nothing else of its spec."""
    empty = model()
    spec = msgspec.structs.replace(empty.spec, subject=written.spec.subject)  # type: ignore[attr-defined]
    return msgspec.structs.replace(empty, metadata=written.metadata, spec=spec)
