"""Objects from a live cluster: credentials, connections, lists and watches."""

from ringfence.sources.cluster.client import ApiServer
from ringfence.sources.cluster.listing import RESOURCES, Resource, current_namespace, read
from ringfence.sources.cluster.watching import (
    Alive,
    Event,
    Listed,
    Page,
    Removed,
    Unreadable,
    Upserted,
    WatchInterrupted,
    follow,
)

__all__ = [
    "RESOURCES",
    "Alive",
    "ApiServer",
    "Event",
    "Listed",
    "Page",
    "Removed",
    "Resource",
    "Unreadable",
    "Upserted",
    "WatchInterrupted",
    "current_namespace",
    "follow",
    "read",
]
