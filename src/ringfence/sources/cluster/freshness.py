"""Checks whether watches have caught up: on request, the versions of the objects are listed, and `delivered` compares.

Only metadata are listed, page by page. Of several checks, the one that has read the least continues, so that one
namespace with many or large objects does not delay the others. A watch that does not deliver within `LAG_TIMEOUT` what
a list contains is opened again; if that does not help, its kind is listed again.

Source: kubernetes.io, "Kubernetes API Concepts: Metadata-only fetches".
"""

import queue
import threading
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import httpx2

from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.delivered import ALL, Delivered, Snapshot
from ringfence.sources.cluster.events import Deliver, Unchecked, WatchFailed
from ringfence.sources.cluster.responses import FIRST_PAGE, ApiStatusError, get_page, next_limit, size_of
from ringfence.sources.cluster.retries import EXPECTED, wait_after, waits
from ringfence.sources.cluster.served_kind import NotServed, ServedKind
from ringfence.sources.cluster.watch_events import ObjectKey, key_of
from ringfence.sources.cluster.watching import Watch

LAG_TIMEOUT: Final = 1.0
"""Seconds after which a watch is opened again that has not delivered what a list contains. Usually it takes some ms."""

_LONGEST_LAG_TIMEOUT: Final = 60.0
_LISTED_FROM: Final = 3
"""After this number of times in a row, a watch that is opened again lists first."""

_CLIENT_LIFETIME: Final = 60.0
"""Seconds for which a client is used: then the credentials are read again."""

_BYTES_PER_SECOND: Final = 1 << 22
"""The same objects are not listed more often than this allows: every second, if there are some 5,000 namespaces."""

_METADATA_ONLY: Final = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"}


class Scope(NamedTuple):
    """What is checked: the objects of a kind in one namespace, or in all."""

    kind: str
    namespace: str


class _Check:
    """A list of metadata that is being read."""

    def __init__(self, served: ServedKind, namespace: str, delivered: Delivered) -> None:
        self._served = served
        self._namespace = namespace
        self._delivered = delivered
        self._asked = time.monotonic()
        self._before = delivered.latest
        self._keys: list[ObjectKey] = []
        self._position = ""
        self._limit = FIRST_PAGE
        self.read = 0
        """How many bytes were read."""

    def read_page(self, client: httpx2.Client) -> bool:
        """Read the next page. Returns whether it was the last one, after which the versions are compared."""
        parameters = {"limit": str(self._limit), "continue": self._position}
        try:
            with self._served.asking(client):
                page = get_page(client, self._served.path(self._namespace), parameters, _METADATA_ONLY)
        except NotServed as error:
            self._keys, self._position = [], ""
            if not error.elsewhere:
                self._compare("")
            return not error.elsewhere
        version = page.metadata.resource_version
        if not version:
            raise ApiStatusError(httpx2.codes.OK, "a list without a resourceVersion: is this an API server?")
        items = page.items or ()
        self._keys += map(key_of, items)
        self._limit = next_limit(items)
        self._position = page.metadata.continue_
        self.read += size_of(items)
        if not self._position:
            self._compare(version)
        return not self._position

    def _compare(self, version: str) -> None:
        objects = {(key.namespace, key.name): key.version for key in self._keys}
        self._delivered.expect(Snapshot(self._namespace, self._asked, self._before, version, objects))


class _Checked:
    """A watch that is checked, and how often it was opened again because it is behind."""

    def __init__(self, watch: Watch, delivered: Delivered) -> None:
        self.resource = watch.resource
        self.served = watch.served
        self.delivered = delivered
        self._watch = watch
        self._times = 0
        self._last = 0.0

    def reopen_if_behind(self) -> None:
        """Open the watch again if it has been behind for too long: less often each time, and finally with a list."""
        since = self.delivered.expected_since
        if since is None:
            self._times = 0
            return
        timeout = min(LAG_TIMEOUT * 2**self._times, _LONGEST_LAG_TIMEOUT)
        if time.monotonic() > max(since, self._last) + timeout:
            # A watch that was not open does not count: it is being opened anyway.
            self._times += self._watch.reopen(must_list=self._times + 1 >= _LISTED_FROM)
            self._last = time.monotonic()


class FreshnessChecks:
    """Checks of some watches. The results are events of their kinds: `CaughtUp`, or why it is not known."""

    def __init__(self, watches: Sequence[Watch], api_server: ApiServer, deliver: Deliver) -> None:
        """The watches must remember what they have delivered."""
        self._api_server = api_server
        self._deliver = deliver
        self._checked = {one.resource.kind: _Checked(one, one.delivered) for one in watches if one.delivered}
        self._requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._wanted: dict[Scope, float] = {}
        """What is to be checked, and when at the earliest."""
        self._running: dict[Scope, _Check] = {}
        self._next_time: dict[Scope, float] = {}
        """When what was checked may be checked again."""

    def request(self, namespace: str = ALL) -> None:
        """Request a check: whether all that the server has stored by now was delivered, in one or all namespaces.

        For other threads. CaughtUp is delivered for each kind when that is so. A kind without namespaces is checked as
        a whole.
        """
        self._requests.put(namespace)

    def run(self, stopped: threading.Event) -> None:
        """Check what is requested until `stopped`; faults and defects are events."""
        patience = waits()
        while not stopped.is_set():
            try:
                self._receive()
                if not self._is_idle:
                    self._work(stopped)
            except Exception as error:  # without this thread, no new pod would ever be released
                stopped.wait(self._give_up(error, next(patience)))
            else:
                patience = waits()

    def _work(self, stopped: threading.Event) -> None:
        """Check with one client until there is nothing left to do, or the client is old."""
        with self._api_server.client() as client:
            expires = time.monotonic() + _CLIENT_LIFETIME
            while not stopped.is_set() and not self._is_idle and time.monotonic() < expires:
                self._receive()
                self._start_due()
                self._read_page(client)
                for checked in self._checked.values():
                    checked.reopen_if_behind()

    @property
    def _is_idle(self) -> bool:
        return not self._wanted and not self._running and not self._is_behind

    @property
    def _is_behind(self) -> bool:
        return any(one.delivered.expected_since is not None for one in self._checked.values())

    def _start_due(self) -> None:
        now = time.monotonic()
        for scope in [scope for scope, due in self._wanted.items() if due <= now and scope not in self._running]:
            del self._wanted[scope]
            checked = self._checked[scope.kind]
            self._running[scope] = _Check(checked.served, scope.namespace, checked.delivered)

    def _read_page(self, client: httpx2.Client) -> None:
        if not self._running:
            return
        scope = min(self._running, key=lambda one: self._running[one].read)
        check = self._running[scope]
        if check.read_page(client):
            del self._running[scope]
            now = time.monotonic()
            self._next_time = {one: due for one, due in self._next_time.items() if due > now}
            self._next_time[scope] = now + check.read / _BYTES_PER_SECOND

    def _give_up(self, error: Exception, usual: float) -> float:
        """Prepare to start all checks again after an error. Returns the seconds to wait before."""
        wait = wait_after(error, usual)
        for scope in self._running:
            self._wanted.setdefault(scope, 0.0)
        self._running.clear()
        for kind in sorted({scope.kind for scope in self._wanted}):
            if isinstance(error, EXPECTED):
                self._deliver(Unchecked(kind, f"{self._api_server.server}: {str(error) or type(error).__name__}", wait))
            else:
                self._deliver(WatchFailed(kind, error, wait))
        return wait

    def _receive(self) -> None:
        """Take all requests, and wait for one if there is nothing else to do."""
        try:
            # Only the first request is waited for. queue.Empty ends the loop when all are taken.
            namespace = self._requests.get(timeout=self._waiting_seconds())
            while True:
                self._want(namespace)
                namespace = self._requests.get_nowait()
        except queue.Empty:
            pass

    def _want(self, namespace: str) -> None:
        for kind, checked in self._checked.items():
            scope = Scope(kind, namespace if checked.resource.row.is_namespaced else ALL)
            self._wanted.setdefault(scope, self._next_time.get(scope, 0.0))

    def _waiting_seconds(self) -> float | None:
        if self._is_idle:
            return None
        if self._running:
            return 0.0
        now = time.monotonic()
        due = [max(0.0, due - now) for due in self._wanted.values()]
        return min([*due, *([LAG_TIMEOUT / 4] if self._is_behind else [])])
