"""What a watch reports about one kind of objects, in the order in which it becomes known."""

from collections.abc import Callable, Sequence

import msgspec

from ringfence.model.objects import Object
from ringfence.sources.cluster.undecoded import Undecoded


class Page(msgspec.Struct, frozen=True):
    """A part of a list: these objects exist now."""

    kind: str
    objects: Sequence[Object | Undecoded]


class Served(msgspec.Struct, frozen=True):
    """The server has this kind of custom resources under this `apiVersion`; if it is empty, the kind is not there."""

    kind: str
    api_version: str


class Listed(msgspec.Struct, frozen=True):
    """The list is complete: only objects with these names (namespace, name) exist."""

    kind: str
    names: frozenset[tuple[str, str]]


class Upserted(msgspec.Struct, frozen=True):
    """An object is new, or has changed."""

    object: Object | Undecoded


class Removed(msgspec.Struct, frozen=True):
    """An object was deleted; `namespace` is empty for kinds that are not namespaced."""

    kind: str
    namespace: str
    name: str


class Unreadable(msgspec.Struct, frozen=True):
    """An object exists that cannot be decoded."""

    kind: str
    namespace: str
    name: str
    reason: str


class WatchInterrupted(msgspec.Struct, frozen=True):
    """The server or the network fails: known objects may be out of date. The next attempt is in `retry_in` seconds."""

    kind: str
    reason: str
    retry_in: float


class WatchFailed(msgspec.Struct, frozen=True):
    """A defect of ringfence ended the watch: `error` is for the log. The next attempt is in `retry_in` seconds."""

    kind: str
    error: Exception
    retry_in: float


class Alive(msgspec.Struct, frozen=True):
    """The watch is open, and everything up to now has been reported."""

    kind: str


class CaughtUp(msgspec.Struct, frozen=True):
    """Everything was delivered that the server had stored at the monotonic time `asked`, or before.

    It is about the objects of one namespace, or of all if `namespace` is empty.
    """

    kind: str
    namespace: str
    asked: float


class Unchecked(msgspec.Struct, frozen=True):
    """It is not known whether the watch of a kind has caught up. The next check is in `retry_in` seconds."""

    kind: str
    reason: str
    retry_in: float


Event = (
    Served
    | Page
    | Listed
    | Upserted
    | Removed
    | Unreadable
    | WatchInterrupted
    | WatchFailed
    | Alive
    | CaughtUp
    | Unchecked
)
Deliver = Callable[[Event], None]
