"""A watch: one kind of objects of a live cluster, listed and then followed.

The list is read in pages, which are small where objects are large. Policies are delivered undecoded (`undecoded`). The
watch starts at the resource version of the list; when it ends or breaks, the next one starts at the last version that
was received. Everything is listed again when that version is too old (410), when the server does not have it yet, or
when no event can be read from it. Whatever happens is reported as an event.

A silent watch may have stalled, or nothing may have happened. The API server sends a bookmark every minute, but only
while its own store has news, which a quiet cluster may not have for hours. So a silent watch is opened again after
`SILENCE_TIMEOUT`, and from then on the server is asked to end watches before that: silence is then a fault.

A server need not have a kind of custom resources. Then there are no objects of it, which is delivered as an empty list,
and the watch waits until it is asked to look again (`definition_checks`).

Source: kubernetes.io, "Kubernetes API Concepts": "Efficient detection of changes", "Watch bookmarks", "Resource
versions" (decimal numbers that grow); `apiserver/pkg/storage/cacher/cache_watcher.go`.
"""

import random
import threading
import time
from typing import Any, Final

import httpx2
import msgspec

from ringfence.errors import DecodingError, LiveClusterError
from ringfence.model.decoding import decode_json, prepare
from ringfence.model.objects import Object
from ringfence.sources.cluster.api_server import ApiServer, Stream
from ringfence.sources.cluster.delivered import Delivered
from ringfence.sources.cluster.events import (
    Alive,
    Deliver,
    Listed,
    Page,
    Removed,
    Served,
    Unreadable,
    Upserted,
    WatchFailed,
    WatchInterrupted,
)
from ringfence.sources.cluster.listing import Resource
from ringfence.sources.cluster.responses import FIRST_PAGE, PAGE, UNREADABLE, ApiStatusError, get_page, next_limit
from ringfence.sources.cluster.retries import EXPECTED, wait_after, waits
from ringfence.sources.cluster.served_kind import NotServed, ServedKind
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.sources.cluster.watch_events import LineError, ObjectKey, WatchEvent, event_of, key_of, lines, status_of

SILENCE_TIMEOUT: Final = 150.0
"""Seconds of silence after which a watch is opened again: more than two of the bookmarks that come every minute."""

_WATCH_DURATION: Final = (300, 600)
"""The server is asked to end a watch after so many seconds, at least and at most: then credentials are read again."""

_SHORTEST_WATCH: Final = 1.0
"""Seconds: a watch that ends sooner and without an event was refused, whatever status the server sent."""


class Watch:
    """One kind's list and watch, and how far they have come.

    `delivered`, if it is given, remembers the versions of the objects that are delivered. With a `namespace`, only its
    objects are followed; of a kind without namespaces, all.
    """

    def __init__(
        self,
        resource: Resource,
        api_server: ApiServer,
        deliver: Deliver,
        delivered: Delivered | None = None,
        namespace: str = "",
    ) -> None:
        prepare(resource.row)
        self.resource = resource
        self.served = ServedKind(resource.row)
        self.delivered = delivered
        self.silence_timeout = SILENCE_TIMEOUT
        self._kind = resource.kind
        self._namespace = namespace
        self._api_server = api_server
        self._deliver = deliver
        self._duration = _WATCH_DURATION
        self._version = ""
        self._was_silent = False
        self._has_received = False
        """Whether the watch has received an event since the last attempt began."""
        self._stream: Stream | None = None
        self._reopened_because = ""
        """Why the open watch was ended from here, until that is reported."""
        self._must_list = False
        self.is_absent = False
        """Whether the server did not have the kind when it was last asked. The watch then waits for `look_again`."""
        self._look_again = threading.Event()

    def follow(self, stopped: threading.Event) -> None:
        """List, then watch, and deliver events until `stopped`; faults and defects are events, too.

        `stopped` is checked between two watches: `api_server.close()` ends the one that is open, and `look_again` ends
        the wait for a kind that the server does not have.
        """
        patience = waits()
        while not stopped.is_set():
            try:
                self._run_once()
            except Exception as error:  # if this thread ended, the view would stay out of date silently
                if stopped.is_set():
                    return
                # After a watch that has worked, the waits begin short again.
                patience = waits() if self._has_received else patience
                wait = wait_after(error, next(patience))
                if isinstance(error, EXPECTED):
                    self._deliver(WatchInterrupted(self._kind, self._explain(error), wait))
                else:
                    self._deliver(WatchFailed(self._kind, error, wait))
            else:
                patience = waits()
                wait = next(patience)
                if self.is_absent:
                    self._look_again.wait()
            stopped.wait(wait)

    def look_again(self) -> None:
        """Request a check whether the server has the kind now, if it did not have it. For other threads."""
        self._look_again.set()

    def reopen(self, *, must_list: bool) -> bool:
        """End the watch that is open, since it is behind the server, and open another one, which may list first.

        For other threads. Returns whether one is open; if not, another one is opened anyway.
        """
        self.look_again()
        stream = self._stream
        if stream is None:
            return False
        self._must_list |= must_list
        self._end(stream, "the watch is behind the data of the server: it is opened again")
        return True

    def relist(self) -> None:
        """Request that everything is listed again. For other threads."""
        self._must_list = True
        self.look_again()
        stream = self._stream
        if stream is not None:
            self._end(stream, "everything is listed once more")

    def _end(self, stream: Stream, reason: str) -> None:
        self._reopened_because = reason
        stream.end()

    def _run_once(self) -> None:
        """List if no version is known, and watch until the server ends it."""
        self._has_received = False
        self._look_again.clear()  # before the request, so that a call of `look_again` during it is not lost
        asked = time.monotonic()
        try:
            with self._api_server.client() as client, self.served.asking(client):
                if self._must_list or (self._version and self._was_silent and self._server_is_behind(client)):
                    self._version = ""
                if not self._version:
                    self._list(client)
                self._watch(client)
        except NotServed as error:
            self._version = ""
            self.is_absent = not error.elsewhere
            if self.is_absent:
                self._note_absence(asked)
        except ApiStatusError as error:
            # The server no longer has the events since then, no longer has the kind, or has it by another definition.
            if error.code in (httpx2.codes.GONE, httpx2.codes.NOT_FOUND):
                self._version = ""
            raise

    def _note_absence(self, asked: float) -> None:
        """Deliver that there are no objects, because the server does not have the kind."""
        self._must_list = False
        self._deliver(Served(self._kind, ""))
        self._deliver(Listed(self._kind, frozenset()))
        if self.delivered:
            self.delivered.record_list("", (), asked)
        self._deliver(Alive(self._kind))

    def _explain(self, error: Exception) -> str:
        """The message for a fault: where, what, and what to do about it."""
        server = self._api_server.server
        if self._reopened_because:
            reason, self._reopened_because = self._reopened_because, ""
            return f"{server}: {reason}"
        match error:
            case LiveClusterError():
                return str(error)
            case ApiStatusError(code=httpx2.codes.UNAUTHORIZED):
                return f"{server}: the credentials are not accepted ({error}): they are read again"
            case ApiStatusError(code=httpx2.codes.FORBIDDEN):
                return f"{server}: {error}: the verbs list and watch on {_named(self.resource)} are needed"
            case httpx2.ReadTimeout():
                return f"{server}: no data for {self.silence_timeout:g} s"
            case _:
                return f"{server}: {str(error) or type(error).__name__}"

    def _list(self, client: httpx2.Client) -> None:
        asked = time.monotonic()
        self._must_list = False  # before the request, so that a call of `relist` during it is not lost
        keys: list[ObjectKey] = []
        position = ""
        limit = FIRST_PAGE if self.resource.row.is_policy else PAGE
        while True:
            page = get_page(client, self.served.path(self._namespace), {"limit": str(limit), "continue": position})
            if not position:
                self._note_presence()
            if not page.metadata.resource_version:
                raise ApiStatusError(httpx2.codes.OK, "a list without a resourceVersion: is this an API server?")
            items = page.items or ()
            self._deliver(Page(self._kind, [obj for item in items if (obj := self._decode(item))]))
            keys += map(key_of, items)
            limit = next_limit(items)
            position = page.metadata.continue_
            if not position:
                self._deliver(Listed(self._kind, frozenset((key.namespace, key.name) for key in keys)))
                self._version = page.metadata.resource_version
                if self.delivered:
                    self.delivered.record_list(self._version, keys, asked)
                return

    def _note_presence(self) -> None:
        self.is_absent = False
        if self.resource.row.is_custom:
            self._deliver(Served(self._kind, self.served.api_version))

    def _server_is_behind(self, client: httpx2.Client) -> bool:
        """Whether the server's version is older than ours, as after its data were restored from a backup.

        Such a server does not refuse the watch: it sends nothing until it has reached the version.
        """
        latest = get_page(client, self.served.path(self._namespace), {"limit": "1"}).metadata.resource_version
        return latest.isdecimal() and self._version.isdecimal() and int(latest) < int(self._version)

    def _watch(self, client: httpx2.Client) -> None:
        began = time.monotonic()
        with client.stream("GET", self.served.path(self._namespace), **self._request()) as response:
            _check(response)
            with self._api_server.streaming(response) as self._stream:
                self._deliver(Alive(self._kind))
                try:
                    if self._must_list:
                        return  # wanted after the list, and before this watch could be ended
                    self._receive(response)
                finally:
                    self._stream = None
        if time.monotonic() - began < _SHORTEST_WATCH and not self._has_received:
            raise ApiStatusError(response.status_code, "the watch ended at once")

    def _request(self) -> dict[str, Any]:
        return {
            "params": {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": self._version,
                # Random, as in client-go's reflector, so that the watches of all nodes do not end at the same moment.
                "timeoutSeconds": str(random.randint(*self._duration)),
            },
            # A compressed event is late: the server sends it when its block is full.
            "headers": {"Accept-Encoding": "identity"},
            "timeout": httpx2.Timeout(10, read=self.silence_timeout),
        }

    def _receive(self, response: httpx2.Response) -> None:
        self._was_silent = True
        try:
            for line in lines(response.iter_bytes()):
                event = event_of(line)
                self._was_silent = False
                self._report(event)
                self._has_received = True
                if self._must_list:
                    return  # a stream that has no socket of its own could not be ended
        except httpx2.ReadTimeout:
            self._duration = (max(1, int(self.silence_timeout / 2)), max(1, int(self.silence_timeout * 0.8)))
            raise
        except (LineError, ApiStatusError):
            if not self._has_received:
                self._version = ""  # the next watch from this version would fail in the same way
            raise

    def _report(self, event: WatchEvent) -> None:
        """Deliver what an event says. Raises ApiStatusError for an ERROR event, after which no other comes."""
        if event.type == "ERROR":
            status = status_of(event.object)
            raise ApiStatusError(status.code, status.message or status.reason)
        key = namespace, name, version = key_of(event.object)
        match event.type:
            case "ADDED" | "MODIFIED":
                if obj := self._decode(event.object):
                    self._deliver(Upserted(obj))
            case "DELETED":
                self._deliver(Removed(self._kind, namespace, name))
            case "BOOKMARK":
                self._deliver(Alive(self._kind))
            case unknown:
                self._deliver(Unreadable(self._kind, namespace, name, f"the watch event has the type {unknown!r}"))
        # After the event is delivered: if that fails, the next watch begins before it, and the event comes again.
        self._version = version or self._version
        if self.delivered and name:
            self.delivered.record(key, exists=event.type != "DELETED")
        elif self.delivered:
            self.delivered.advance(version)

    def _decode(self, item: msgspec.Raw) -> Object | Undecoded | None:
        """The object; None if it cannot be decoded, which is reported."""
        row = self.resource.row
        if row.is_policy and (key := key_of(item)).name:
            return Undecoded.of(row, key.namespace, key.name, bytes(item))
        try:
            obj = decode_json(item, row)
            reason = "" if obj else f"not a {self._kind}: {bytes(item)[:80]!r}"
        except (DecodingError, *UNREADABLE) as error:
            obj, reason = None, str(error)
        if obj is None:
            self._deliver(Unreadable(self._kind, *key_of(item)[:2], reason))
        return obj


def _named(resource: Resource) -> str:
    """The resource as kubectl names it, with the group of a custom one: two groups may have resources of one name."""
    row = resource.row
    return f"{row.plural}.{row.group}" if row.is_custom else row.plural


def _check(response: httpx2.Response) -> None:
    """Raises ApiStatusError unless this is the beginning of a watch."""
    if not response.is_success:
        response.read()
        raise ApiStatusError.of(response)
    content_type = response.headers.get("Content-Type", "")
    if not content_type.startswith("application/json"):
        message = f"the watch is answered with {content_type or 'no content type'}: is this an API server?"
        raise ApiStatusError(response.status_code, message)
