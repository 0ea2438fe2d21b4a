"""Following 12,000 pods of a real API server, and a storm of events.

    python -m benchmarks watching

The pods have the 4 kB that they have in a real cluster. The share of the server and of the transfer is measured, too,
with plain and with compressed answers.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
from tests.e2e import bulk, parts
from tests.e2e.control_plane import ControlPlane, running

from benchmarks.clusters import Plan, objects
from benchmarks.loading import as_listed
from benchmarks.measuring import Figure, Peak, seconds
from benchmarks.policies import policies
from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.events import Alive, Event, Listed, Upserted
from ringfence.sources.cluster.listing import RESOURCES, Resource
from ringfence.sources.cluster.responses import get_page
from ringfence.sources.cluster.watching import Watch

PLAN: Final = Plan(12_000, 10_000, 100)
PAGE: Final = "500"
PATIENCE: Final = 120.0


def measure() -> Iterator[Figure]:
    """All figures; nothing else may measure memory in this process."""
    absent = parts.missing(*parts.SERVERS)
    if absent:
        raise SystemExit(f"{' and '.join(absent)} not found: `make parts` makes them first")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as control_plane:
        pods = (as_listed(one) for one in objects(PLAN) if one["kind"] == "Pod")
        for transaction in bulk.transactions(pods):
            control_plane.ask_etcd("/v3/kv/txn", transaction)
        connections = ApiServer(kubeconfig=str(control_plane.kubeconfig))
        yield from _listing(connections)
        yield from _reading(connections)
        yield from _storm(control_plane, connections)


class _Told:
    """The events of one kind, kept as an agent keeps them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.listed, self.alive, self.enough = threading.Event(), threading.Event(), threading.Event()
        self.expected = 0

    def deliver(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case Listed():
                self.listed.set()
            case Alive():
                self.alive.set()
            case Upserted():
                self.expected -= 1
                if self.expected == 0:
                    self.enough.set()


def _resource(kind: str) -> Resource:
    return next(one for one in RESOURCES if one.kind == kind)


def _follow(kind: str, connections: ApiServer, told: _Told) -> None:
    watch = Watch(_resource(kind), connections, told.deliver)
    threading.Thread(target=watch.follow, args=(threading.Event(),), daemon=True).start()


def _listing(connections: ApiServer) -> Iterator[Figure]:
    told, peak = _Told(), Peak()
    _follow("Pod", connections, told)
    yield Figure(f"{PLAN.pods:,} pods listed", seconds(lambda: told.listed.wait(PATIENCE)), "s")
    yield Figure("  the most memory that it took, all of them included", peak.megabytes(), "MB")


def _reading(connections: ApiServer) -> Iterator[Figure]:
    """Without decoding anything but where to go on."""
    with connections.client() as client:
        for coding in ("identity", "gzip"):
            client.headers["Accept-Encoding"] = coding
            yield Figure(f"  its pages read, encoding {coding}", seconds(lambda: _read_pages(client)), "s")


def _read_pages(client: httpx2.Client) -> None:
    position = ""
    while True:
        page = get_page(client, _resource("Pod").path, {"limit": PAGE, "continue": position})
        position = page.metadata.continue_
        if not position:
            return


def _storm(control_plane: ControlPlane, connections: ApiServer) -> Iterator[Figure]:
    told = _Told()
    told.expected = PLAN.policies
    _follow("NetworkPolicy", connections, told)
    told.alive.wait(PATIENCE)
    began = time.perf_counter()
    for transaction in bulk.transactions(policies(PLAN), at_once=1):
        control_plane.ask_etcd("/v3/kv/txn", transaction)
    written = time.perf_counter()
    if not told.enough.wait(PATIENCE):
        raise SystemExit(f"{told.expected} of {PLAN.policies} policies were never told of")
    yield Figure(f"{PLAN.policies:,} policies written one by one", written - began, "s")
    yield Figure("  until the last is reported", time.perf_counter() - written, "s")
