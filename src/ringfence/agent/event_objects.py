"""Kubernetes Events: one object for each node, object and reason. Its count grows with each repetition.

Source: kubernetes.io, "Event v1 core" and "Object Names and IDs"; `pkg/apis/core/validation/events.go`.
"""

from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from ringfence.agent.event_causes import EventCause
from ringfence.agent.log import printable
from ringfence.agent.view import FOLLOWED

COMPONENT: Final = "ringfence-agent"

_LONGEST_NAME: Final = 200
"""Characters of the object's name that the name of the event begins with; a name may have 253 in total."""

_LONGEST_MESSAGE: Final = 1_000
"""Bytes of UTF-8: events.k8s.io/v1 allows 1 kB."""

_KINDS: Final = {resource.kind: resource.row for resource in FOLLOWED}

_OF_THE_CLUSTER: Final = "default"
"""The namespace of events about objects without a namespace: the API server accepts them only there."""

CHANGING: Final = ("count", "lastTimestamp", "message")
"""The fields that are patched when an event is repeated. The count starts again at 1 in each process."""


def event_document(cause: EventCause, node: str, count: int, now: datetime) -> dict[str, Any]:
    """The event as an object of core/v1, which `kubectl describe` looks for."""
    kind, namespace, name = cause.about
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": event_name(cause, node), "namespace": namespace or _OF_THE_CLUSTER},
        "involvedObject": {
            "apiVersion": _KINDS[kind].api_versions[0],
            "kind": _KINDS[kind].name,
            "namespace": namespace,
            "name": name,
            "uid": cause.uid,
        },
        "type": "Warning",
        "reason": cause.reason,
        "message": _shortened(printable(cause.message)),
        "source": {"component": COMPONENT, "host": node},
        "reportingComponent": COMPONENT,
        "reportingInstance": node,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": count,
    }


def event_name(cause: EventCause, node: str) -> str:
    """The name of the event. It depends only on the object, the reason and the node, so it outlives the process."""
    # No name contains NUL, so different causes have different texts.
    identity = "\0".join((node, *cause.about, cause.uid, cause.reason))
    digest = blake2b(identity.encode(), digest_size=8).hexdigest()
    return f"{cause.about[2][:_LONGEST_NAME].rstrip('.-')}.{digest}"


def _shortened(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= _LONGEST_MESSAGE:
        return message
    return encoded[: _LONGEST_MESSAGE - 3].decode(errors="ignore") + "..."
