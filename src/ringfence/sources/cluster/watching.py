"""One kind of objects of a live cluster, listed and then watched, for as long as somebody listens.

The list is read in pages. The watch goes on from the version of the list; when it ends or breaks, the next one goes on
from the last version that was seen; when that is too old (410), when the server does not have it yet, or when nothing
but nonsense comes of it, everything is listed anew. Whatever happens is an event; nothing is raised.

A watch that tells nothing may have stalled, or there is nothing to tell. Mostly there are bookmarks, every minute; but
the server sends none while it has no news of its own store, which may be so for hours. So silence is not trusted, but
from the first time on the server is asked to end watches before patience does: then it is a fault.

Source: kubernetes.io, "Kubernetes API Concepts": "Efficient detection of changes", "Watch bookmarks", "Resource
versions" (decimal numbers that grow); `apiserver/pkg/storage/cacher/cache_watcher.go`.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx2 as httpx
import msgspec

from ringfence.errors import DecodingError, LiveClusterError
from ringfence.model.decoding import decode_json
from ringfence.model.objects import Object
from ringfence.sources.cluster import watch_events as wire
from ringfence.sources.cluster.client import ApiServer
from ringfence.sources.cluster.listing import PAGE, ApiStatusError, Resource, get_page

PATIENCE: Final = 150.0
"""Seconds without a word from the server after which a watch is opened anew; bookmarks come every minute, if at all."""

_LONGEST_WATCH: Final = (300, 600)
"""Between how many seconds the server is asked to end a watch by itself: then credentials are looked at again."""

_FIRST_WAIT: Final = 0.1
_LAST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 60.0
"""Seconds for which a server can ask to be left alone."""

_SHORTEST_WATCH: Final = 1.0
"""Seconds: a watch that ends sooner without an event was refused, whatever the server calls it."""


# --- events -----------------------------------------------------------------------------------------------------------


class Page(msgspec.Struct, frozen=True):
    """A part of a list: these objects are there now."""

    kind: str
    objects: list[Object]


class Listed(msgspec.Struct, frozen=True):
    """The list is complete: no object but those of these names (namespace, name) is there any more."""

    kind: str
    names: frozenset[tuple[str, str]]


class Upserted(msgspec.Struct, frozen=True):
    """An object is new, or has changed."""

    object: Object


class Removed(msgspec.Struct, frozen=True):
    """An object is gone; `namespace` is empty for kinds that live in none."""

    kind: str
    namespace: str
    name: str


class Unreadable(msgspec.Struct, frozen=True):
    """An object is there that cannot be decoded."""

    kind: str
    namespace: str
    name: str
    reason: str


class WatchInterrupted(msgspec.Struct, frozen=True):
    """The server cannot be heard: what is known may be out of date until the next event; it is tried again."""

    kind: str
    reason: str
    retry_in: float


class Alive(msgspec.Struct, frozen=True):
    """The watch is open, and everything up to now has been told."""

    kind: str


Event = Page | Listed | Upserted | Removed | Unreadable | WatchInterrupted | Alive
Deliver = Callable[[Event], None]


# --- following --------------------------------------------------------------------------------------------------------


def follow(
    resource: Resource,
    connections: ApiServer,
    deliver: Deliver,
    ended: threading.Event,
    patience: float = PATIENCE,
) -> None:
    """List, then watch, and deliver events until `ended`; never raises for what a server or a network can do.

    It notices the end between two watches: `connections.close()` ends the one that is open.
    """
    following = _Following(resource, connections, deliver, patience)
    waits = _waits()
    while not ended.is_set():
        try:
            following.go_on()
        except Exception as error:  # a thread that ends by mistake would leave a view that is out of date for ever
            if ended.is_set():
                return
            waits = _waits() if following.was_told else waits
            wait = max(next(waits), min(error.wait, _LONGEST_WAIT) if isinstance(error, ApiStatusError) else 0)
            deliver(WatchInterrupted(resource.kind, _reason(connections.server, resource, error, patience), wait))
        else:
            waits = _waits()
            wait = next(waits)
        ended.wait(wait)


class _Following:
    """How far the following of one kind has come."""

    def __init__(self, resource: Resource, connections: ApiServer, deliver: Deliver, patience: float) -> None:
        self._resource = resource
        self._kind = resource.kind
        self._connections = connections
        self._deliver = deliver
        self._patience = patience
        self._lasting = _LONGEST_WATCH
        self._version = ""
        self._was_silent = False
        self.was_told = False
        """Whether anything was told by a watch since the last attempt began."""

    def go_on(self) -> None:
        """List if the version is not known, and watch until the server ends it."""
        self.was_told = False
        try:
            with self._connections.client() as client:
                if self._version and self._was_silent and self._has_gone_back(client):
                    self._version = ""
                if not self._version:
                    self._list(client)
                self._watch(client)
        except ApiStatusError as refusal:
            if refusal.code == httpx.codes.GONE:
                self._version = ""  # what happened since is in no memory any more
            raise

    def _list(self, client: httpx.Client) -> None:
        names: set[tuple[str, str]] = set()
        position = ""
        while True:
            page = get_page(client, self._resource.path, {"limit": str(PAGE), "continue": position})
            if not page.metadata.resource_version:
                raise ApiStatusError(httpx.codes.OK, "a list without a version: is this an API server?")
            items = page.items or ()
            self._deliver(Page(self._kind, [obj for item in items if (obj := self._read(item))]))
            names.update(wire.key_of(item)[:2] for item in items)
            position = page.metadata.continue_
            if not position:
                self._deliver(Listed(self._kind, frozenset(names)))
                self._version = page.metadata.resource_version
                return

    def _has_gone_back(self, client: httpx.Client) -> bool:
        """Whether the server has not come as far as we have, as after its data were restored from a backup.

        It would not say so, but tell nothing until it has.
        """
        latest = get_page(client, self._resource.path, {"limit": "1"}).metadata.resource_version
        return latest.isdecimal() and self._version.isdecimal() and int(latest) < int(self._version)

    def _watch(self, client: httpx.Client) -> None:
        began = time.monotonic()
        with client.stream("GET", self._resource.path, **self._question()) as answer:
            _check(answer)
            with self._connections.streaming(answer):
                self._deliver(Alive(self._kind))
                self._listen(answer)
        if time.monotonic() - began < _SHORTEST_WATCH and not self.was_told:
            raise ApiStatusError(answer.status_code, "the watch ended at once")

    def _question(self) -> dict[str, Any]:
        return {
            "params": {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": self._version,
                "timeoutSeconds": str(random.randint(*self._lasting)),
            },
            "headers": {"Accept-Encoding": "identity"},  # an event that waits for its block to be full comes late
            "timeout": httpx.Timeout(10, read=self._patience),
        }

    def _listen(self, answer: httpx.Response) -> None:
        self._was_silent = True
        try:
            for line in wire.lines(answer.iter_bytes()):
                event = wire.event_of(line)
                self._was_silent = False
                self._take(event)
                self.was_told = True
        except httpx.ReadTimeout:
            self._lasting = (max(1, int(self._patience / 2)), max(1, int(self._patience * 0.8)))
            raise
        except (wire.LineError, ApiStatusError):
            if not self.was_told:
                self._version = ""  # it would come again and again
            raise

    def _take(self, event: wire.WatchEvent) -> None:
        """Deliver what an event tells. Raises ApiStatusError if it tells that there will be no other."""
        if event.type == "ERROR":
            status = wire.status_of(event.object)
            raise ApiStatusError(status.code, status.message or status.reason)
        namespace, name, version = wire.key_of(event.object)
        match event.type:
            case "ADDED" | "MODIFIED":
                if obj := self._read(event.object):
                    self._deliver(Upserted(obj))
            case "DELETED":
                self._deliver(Removed(self._kind, namespace, name))
            case "BOOKMARK":
                self._deliver(Alive(self._kind))
            case unknown:
                self._deliver(Unreadable(self._kind, namespace, name, f"the watch says {unknown!r} of it"))
        self._version = version or self._version

    def _read(self, item: msgspec.Raw) -> Object | None:
        """The object; None if it cannot be decoded, which is delivered."""
        try:
            obj = decode_json(item, self._resource.row)
            reason = "" if obj else f"it is no {self._kind} at all: {bytes(item)[:80]!r}"
        except (DecodingError, *wire.UNREADABLE) as error:
            obj, reason = None, str(error)
        if obj is None:
            self._deliver(Unreadable(self._kind, *wire.key_of(item)[:2], reason))
        return obj


def _check(answer: httpx.Response) -> None:
    """Raises ApiStatusError unless this is the beginning of a watch."""
    if not answer.is_success:
        answer.read()
        raise ApiStatusError.of(answer)
    content = answer.headers.get("Content-Type", "")
    if not content.startswith("application/json"):
        raise ApiStatusError(
            answer.status_code, f"the watch is answered with {content or 'nothing'}: is this an API server?"
        )


# --- waiting ----------------------------------------------------------------------------------------------------------


def _waits() -> Iterator[float]:
    """Seconds to wait after one failure, after another one, and so on: no two agents wait for the same time."""
    wait = _FIRST_WAIT
    while True:
        yield wait * random.uniform(0.5, 1)
        wait = min(2 * wait, _LAST_WAIT)


def _reason(server: str, resource: Resource, error: Exception, patience: float) -> str:
    """What to tell of an error, and what to do about it."""
    match error:
        case LiveClusterError():
            return str(error)
        case ApiStatusError(code=httpx.codes.UNAUTHORIZED):
            return f"{server}: the credentials are not accepted ({error}): they are looked for again"
        case ApiStatusError(code=httpx.codes.FORBIDDEN):
            return f"{server}: {error}: the verbs list and watch on {resource.plural} are needed"
        case httpx.ReadTimeout():
            return f"{server}: not a word for {patience:g} s"
        case _:
            return f"{server}: {str(error) or type(error).__name__}"
