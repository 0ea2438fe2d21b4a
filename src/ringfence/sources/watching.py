"""One kind of objects of a live cluster, listed and then watched, for as long as somebody listens.

The list is read in pages. The watch goes on from the version of the list; when it ends or breaks, the next one goes on
from the last version that was seen; when that is too old (410), everything is listed anew. A server that says nothing,
not even the bookmarks that it sends every minute, is taken to be gone. Whatever happens is an event; nothing is raised.

Source: kubernetes.io, "Kubernetes API Concepts": "Efficient detection of changes", "Watch bookmarks".
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

import httpx2 as httpx
import msgspec
from lightkube.core.exceptions import ConfigError

from ringfence.errors import DecodingError, LiveClusterError
from ringfence.model.decoding import decode_json, versions_of
from ringfence.model.objects import Object
from ringfence.sources.connections import Connections
from ringfence.sources.live import PAGE, Refusal, Resource, get_page

PATIENCE: Final = 150.0
"""Seconds without a word from the server after which a watch is opened anew; bookmarks come every minute."""

_KEEP_ALIVE: Final = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
"""When a watch's connection is found to be dead, though nobody has closed it: after 25 seconds."""

_LONGEST_WATCH: Final = (300, 600)
"""Between how many seconds the server is asked to end a watch by itself: then credentials are looked at again."""

_FIRST_WAIT: Final = 0.1
_LAST_WAIT: Final = 5.0
_SHORTEST_WATCH: Final = 1.0
"""Seconds: a watch that ends sooner was refused, whatever the server calls it."""


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


class Interrupted(msgspec.Struct, frozen=True):
    """The server cannot be heard: what is known may be out of date until the next event; it is tried again."""

    kind: str
    reason: str
    retry_in: float


class Alive(msgspec.Struct, frozen=True):
    """The watch is open, and everything up to now has been told."""

    kind: str


Event = Page | Listed | Upserted | Removed | Unreadable | Interrupted | Alive
Deliver = Callable[[Event], None]


# --- following --------------------------------------------------------------------------------------------------------


def follow(
    resource: Resource,
    connections: Connections,
    deliver: Deliver,
    ended: threading.Event,
    patience: float = PATIENCE,
) -> None:
    """List, then watch, and deliver events until `ended`; never raises for what a server or a network can do."""
    following = _Following(resource, connections, deliver, patience)
    waits = _waits()
    while not ended.is_set():
        try:
            following.go_on()
        except (Refusal, LiveClusterError, ConfigError, httpx.HTTPError, httpx.StreamError, OSError) as error:
            if following.was_heard or _is_too_old(error):
                waits = _waits()
            wait = max(next(waits), error.wait if isinstance(error, Refusal) else 0)
            deliver(Interrupted(resource.kind, _reason(connections.server, error, patience), wait))
            ended.wait(wait)
        else:
            waits = _waits()


class _Following:
    """How far the following of one kind has come."""

    def __init__(self, resource: Resource, connections: Connections, deliver: Deliver, patience: float) -> None:
        self._resource = resource
        self._kind = resource.kind
        self._connections = connections
        self._deliver = deliver
        self._timeout = httpx.Timeout(10, read=patience)
        self._version = ""
        self.was_heard = False
        """Whether the server has said anything since the last attempt began."""

    def go_on(self) -> None:
        """List if the version is not known, and watch until the server ends it."""
        self.was_heard = False
        try:
            with self._connections.connect() as client:
                if not self._version:
                    self._list(client)
                self._watch(client)
        except Refusal as refusal:
            if _is_too_old(refusal):
                self._version = ""  # too old: what happened since is in no memory any more
            if refusal.code == httpx.codes.UNAUTHORIZED:
                self._connections.forget()
            raise

    def _list(self, client: httpx.Client) -> None:
        try:
            self._version = self._list_by(client, PAGE)
        except Refusal as refusal:
            if not _is_too_old(refusal):
                raise
            # The list changed too long ago for the rest of its pages to be kept: take it all at once.
            self._version = self._list_by(client, 0)

    def _list_by(self, client: httpx.Client, limit: int) -> str:
        names: set[tuple[str, str]] = set()
        position = ""
        while True:
            page = get_page(client, self._resource.path, {"limit": str(limit or ""), "continue": position})
            self.was_heard = True
            self._deliver(Page(self._kind, [obj for item in page.items or () if (obj := self._read(item))]))
            names.update(_identity(item) for item in page.items or ())
            position = page.metadata.continue_
            if not position:
                self._deliver(Listed(self._kind, frozenset(names)))
                return page.metadata.resource_version

    def _watch(self, client: httpx.Client) -> None:
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(*_LONGEST_WATCH)),
        }
        headers = {"Accept-Encoding": "identity"}  # an event that waits for its block to be full comes late
        began = time.monotonic()
        request = client.stream("GET", self._resource.path, params=parameters, headers=headers, timeout=self._timeout)
        with request as answer:
            if not answer.is_success:
                answer.read()
                raise Refusal.of(answer)
            _keep_alive(answer)
            self._deliver(Alive(self._kind))
            for line in _lines(answer.iter_bytes()):
                self._take(line)
                self.was_heard = True
        if time.monotonic() - began < _SHORTEST_WATCH and not self.was_heard:
            raise Refusal(answer.status_code, "the watch ended at once")

    def _take(self, line: bytes) -> None:
        """Deliver what one line of a watch tells."""
        try:
            event = _event_decoder.decode(line)
        except msgspec.DecodeError as error:
            raise Refusal(0, f"a line that is no event ({error}): {line[:80]!r}") from None
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=_Status)
            raise Refusal(status.code, status.message or status.reason)
        written = _written(event.object)
        match event.type:
            case "ADDED" | "MODIFIED":
                if obj := self._read(event.object):
                    self._deliver(Upserted(obj))
            case "DELETED":
                self._deliver(Removed(self._kind, written.namespace, written.name))
            case "BOOKMARK":
                self._deliver(Alive(self._kind))
            case unknown:
                raise Refusal(0, f"an event of a type that is not known: {unknown}")
        self._version = written.resource_version or self._version

    def _read(self, item: msgspec.Raw) -> Object | None:
        """The object; None if it cannot be decoded, which is delivered."""
        try:
            return decode_json(item, versions_of(self._kind)[0], self._kind)
        except DecodingError as error:
            self._deliver(Unreadable(self._kind, *_identity(item), str(error)))
            return None


# --- what the server writes -------------------------------------------------------------------------------------------


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _ObjectMetadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _ObjectMetadata = _ObjectMetadata()


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""
    reason: str = ""


_event_decoder: Final = msgspec.json.Decoder(_Event)
_versioned_decoder: Final = msgspec.json.Decoder(_Versioned)


def _written(item: msgspec.Raw) -> _ObjectMetadata:
    """The name and the version of an object, which are there however little else of it can be read."""
    with suppress(msgspec.DecodeError):
        return _versioned_decoder.decode(item).metadata
    return _ObjectMetadata()


def _identity(item: msgspec.Raw) -> tuple[str, str]:
    metadata = _written(item)
    return metadata.namespace, metadata.name


def _keep_alive(answer: httpx.Response) -> None:
    """Have the kernel ask now and then whether the other end is still there: a dead path breaks the connection."""
    connection = answer.extensions["network_stream"].get_extra_info("socket")
    if connection is not None:  # it is not a socket of ours behind a proxy's TLS
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The complete lines in a stream; what comes after the last one is half an event, and comes again."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)


# --- waiting ----------------------------------------------------------------------------------------------------------


def _waits() -> Iterator[float]:
    """Seconds to wait after one failure, after another one, and so on: no two agents wait for the same time."""
    wait = _FIRST_WAIT
    while True:
        yield wait * random.uniform(0.5, 1)
        wait = min(2 * wait, _LAST_WAIT)


def _is_too_old(error: Exception) -> bool:
    """Whether the server has forgotten what happened since the version from which it was to go on."""
    return isinstance(error, Refusal) and error.code == httpx.codes.GONE


def _reason(server: str, error: Exception, patience: float) -> str:
    match error:
        case LiveClusterError():
            return str(error)
        case Refusal(code=code) if code == httpx.codes.FORBIDDEN:
            return f"{server}: {error}: the verbs list and watch are needed"
        case httpx.ReadTimeout():
            return f"{server}: not a word for {patience:.0f} s"
        case _:
            return f"{server}: {str(error) or type(error).__name__}"
