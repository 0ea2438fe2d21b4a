"""Kubernetes Events: one object for each node, object and reason, whose count grows.

Source: kubernetes.io, "Event v1 core" and "Object Names and IDs"; `pkg/apis/core/validation/events.go`.
"""

from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from ringfence.agent.log import printable
from ringfence.agent.troubles import Trouble
from ringfence.agent.view import FOLLOWED

COMPONENT: Final = "ringfence-agent"

_LONGEST_NAME: Final = 200
"""Characters of the object's name that begin the name of the event, which may have 253."""

_LONGEST_MESSAGE: Final = 1_000
"""Characters: events.k8s.io/v1 allows 1 kB."""

_KINDS: Final = {resource.kind: resource.row for resource in FOLLOWED}

_OF_THE_CLUSTER: Final = "default"
"""The namespace of the events about objects that are in none: the API server takes them there only."""

CHANGING: Final = ("count", "lastTimestamp", "message")
"""The fields that differ each time that an event is written. Events that an earlier process wrote are counted anew."""


def event_document(trouble: Trouble, node: str, count: int, now: datetime) -> dict[str, Any]:
    """The event as an object of core/v1, which `kubectl describe` looks for."""
    kind, namespace, name = trouble.about
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": event_name(trouble, node), "namespace": namespace or _OF_THE_CLUSTER},
        "involvedObject": {
            "apiVersion": _KINDS[kind].api_versions[0],
            "kind": _KINDS[kind].name,
            "namespace": namespace,
            "name": name,
            "uid": trouble.uid,
        },
        "type": "Warning",
        "reason": trouble.reason,
        "message": _shortened(printable(trouble.message)),
        "source": {"component": COMPONENT, "host": node},
        "reportingComponent": COMPONENT,
        "reportingInstance": node,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": count,
    }


def event_name(trouble: Trouble, node: str) -> str:
    """The name of the event: the same for the same object and reason on the same node, also of the next process."""
    told_apart_by = "\0".join((node, *trouble.about, trouble.uid, trouble.reason))
    digest = blake2b(told_apart_by.encode(), digest_size=8).hexdigest()
    return f"{trouble.about[2][:_LONGEST_NAME].rstrip('.-')}.{digest}"


def _shortened(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= _LONGEST_MESSAGE:
        return message
    return encoded[: _LONGEST_MESSAGE - 3].decode(errors="ignore") + "..."
