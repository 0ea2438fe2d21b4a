"""Objects from a live cluster: kubeconfig, credentials, the HTTP client, lists and watches.

kubeconfig_entries <- kubeconfig <- credentials, tls, proxies <- client <- responses <- writing, api_server, listing
<- watching <- freshness, watch_threads
"""

from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.definition_checks import DefinitionChecks
from ringfence.sources.cluster.delivered import ALL, Delivered
from ringfence.sources.cluster.events import (
    Alive,
    CaughtUp,
    Deliver,
    Event,
    Listed,
    Page,
    Removed,
    Served,
    Unchecked,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)
from ringfence.sources.cluster.freshness import FreshnessChecks
from ringfence.sources.cluster.kubeconfig import context_names
from ringfence.sources.cluster.listing import RESOURCES, Resource, current_namespace, read
from ringfence.sources.cluster.responses import ApiStatusError, get_document, list_items
from ringfence.sources.cluster.retries import EXPECTED
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.sources.cluster.watch_threads import running_watches
from ringfence.sources.cluster.watching import Watch
from ringfence.sources.cluster.writing import create_object, create_or_patch, delete_object, patch_object

__all__ = [
    "ALL",
    "EXPECTED",
    "RESOURCES",
    "Alive",
    "ApiServer",
    "ApiStatusError",
    "CaughtUp",
    "DefinitionChecks",
    "Deliver",
    "Delivered",
    "Event",
    "FreshnessChecks",
    "Listed",
    "Page",
    "Removed",
    "Resource",
    "Served",
    "Unchecked",
    "Undecoded",
    "Unreadable",
    "Upserted",
    "Watch",
    "WatchFailed",
    "WatchInterrupted",
    "context_names",
    "create_object",
    "create_or_patch",
    "current_namespace",
    "delete_object",
    "get_document",
    "list_items",
    "patch_object",
    "read",
    "running_watches",
]
