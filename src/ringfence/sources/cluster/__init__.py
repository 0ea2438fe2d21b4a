"""Objects from a live cluster: kubeconfig, credentials, the HTTP client, lists and watches.

kubeconfig_entries <- kubeconfig <- credentials, tls, proxies <- client <- responses <- api_server, listing <- watching
<- freshness
"""

from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.delivered import ALL, Delivered
from ringfence.sources.cluster.events import (
    Alive,
    CaughtUp,
    Deliver,
    Event,
    Listed,
    Page,
    Removed,
    Unchecked,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)
from ringfence.sources.cluster.freshness import FreshnessChecks
from ringfence.sources.cluster.kubeconfig import context_names
from ringfence.sources.cluster.listing import RESOURCES, Resource, current_namespace, read
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.sources.cluster.watching import Watch

__all__ = [
    "ALL",
    "RESOURCES",
    "Alive",
    "ApiServer",
    "CaughtUp",
    "Deliver",
    "Delivered",
    "Event",
    "FreshnessChecks",
    "Listed",
    "Page",
    "Removed",
    "Resource",
    "Unchecked",
    "Undecoded",
    "Unreadable",
    "Upserted",
    "Watch",
    "WatchFailed",
    "WatchInterrupted",
    "context_names",
    "current_namespace",
    "read",
]
