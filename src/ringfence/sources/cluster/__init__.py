"""Objects from a live cluster: kubeconfig, credentials, the HTTP client, lists and watches.

kubeconfig_entries <- kubeconfig <- credentials, tls, proxies <- client <- responses <- api_server, listing <- watching
"""

from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.events import (
    Alive,
    Deliver,
    Event,
    Listed,
    Page,
    Removed,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)
from ringfence.sources.cluster.kubeconfig import context_names
from ringfence.sources.cluster.listing import RESOURCES, Resource, current_namespace, read
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.sources.cluster.watching import follow

__all__ = [
    "RESOURCES",
    "Alive",
    "ApiServer",
    "Deliver",
    "Event",
    "Listed",
    "Page",
    "Removed",
    "Resource",
    "Undecoded",
    "Unreadable",
    "Upserted",
    "WatchFailed",
    "WatchInterrupted",
    "context_names",
    "current_namespace",
    "follow",
    "read",
]
