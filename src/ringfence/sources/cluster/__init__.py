"""Objects from a live cluster: credentials, connections, lists and watches."""

from ringfence.sources.cluster.client import Connections
from ringfence.sources.cluster.listing import RESOURCES, Resource, current_namespace, read
from ringfence.sources.cluster.watching import (
    Alive,
    Event,
    Interrupted,
    Listed,
    Page,
    Removed,
    Unreadable,
    Upserted,
    follow,
)

__all__ = [
    "RESOURCES",
    "Alive",
    "Connections",
    "Event",
    "Interrupted",
    "Listed",
    "Page",
    "Removed",
    "Resource",
    "Unreadable",
    "Upserted",
    "current_namespace",
    "follow",
    "read",
]
