"""Changes of a live cluster: the page shows the objects that the API server has now.

Watches report which objects have changed. These are applied to the cluster that was read before. If that is not enough,
the cluster is read again, with the same rights, problems and supposed changes. An event that changes nothing that
ringfence reads, such as the heartbeat of a node, is ignored.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Final

from ringfence.agent.view import ObjectName, name_of
from ringfence.errors import DecodingError
from ringfence.model.objects import Object
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.cluster import (
    RESOURCES,
    Alive,
    ApiServer,
    Event,
    Listed,
    Page,
    Removed,
    Undecoded,
    Unreadable,
    Upserted,
    Watch,
    WatchFailed,
    WatchInterrupted,
    running_watches,
)
from ringfence.web.simulation import ObjectChanges

_PAUSE_AFTER_READING: Final = 4.0
_PAUSE_AFTER_CHANGES: Final = 1.0
"""Pauses as multiples of the time that the last change took: with 1, half of a processor stays free."""

_NEEDED: Final = frozenset(one.kind for one in RESOURCES if one.needed)


class LiveChanges:
    """The changes that watches have reported since the last `take`, and what they cannot follow.

    All events between two calls are one change. Threads may share it.
    """

    def __init__(self, server: str, *, one_by_one: bool = True) -> None:
        """Without `one_by_one`, the cluster is read again for each change."""
        self._server = server
        self._one_by_one = one_by_one
        self._lock = threading.Lock()
        self._known: defaultdict[str, dict[ObjectName, bytes]] = defaultdict(dict)
        """Digests of the contents of objects, by kind and name."""
        self._listed: set[str] = set()
        self._interrupted: dict[str, str] = {}
        self._are_pending = False
        self._changed: dict[ObjectName, Object | Undecoded | None] = {}
        """The new contents of changed objects; None for one that was deleted."""
        self._must_read = False

    @classmethod
    @contextmanager
    def watched(cls, api_server: ApiServer, namespace: str, *, one_by_one: bool) -> Iterator["LiveChanges"]:
        """The changes of an API server until the context ends; of one namespace if `namespace` is not empty."""
        changes = cls(api_server.server, one_by_one=one_by_one)
        watches = [Watch(one, api_server, changes.deliver, namespace=namespace) for one in RESOURCES]
        with running_watches(watches, api_server):
            yield changes

    def are_pending(self) -> bool:
        """Whether anything has changed since the last `take`."""
        with self._lock:
            return self._are_pending

    def take(self) -> ObjectChanges | None:
        """The changes since the last call; None if the cluster has to be read again."""
        with self._lock:
            # Only taken under the lock. Decoding may take long, and the watches must not wait for it.
            changed, must_read = self._changed, self._must_read or not self._one_by_one
            self._changed, self._must_read, self._are_pending = {}, False, False
        if must_read:
            return None
        try:
            present = [
                one.decode() if isinstance(one, Undecoded) else one for one in changed.values() if one is not None
            ]
        except DecodingError:
            return None
        gone = tuple(key for key, one in changed.items() if one is None)
        return ObjectChanges(tuple(present), gone, Origin(self._server))

    def pause_factor(self, changes: ObjectChanges | None) -> float:
        """Longer after the whole cluster was read, which is work for the API server, too."""
        return _PAUSE_AFTER_READING if changes is None else _PAUSE_AFTER_CHANGES

    def problems(self) -> list[Problem]:
        """The kinds that are not followed at present, one problem for each reason.

        A kind that could not be listed at the start, and is not needed, is already a problem of the input.
        """
        with self._lock:
            kinds: defaultdict[str, list[str]] = defaultdict(list)
            for kind, reason in sorted(self._interrupted.items()):
                if kind in self._listed or kind in _NEEDED:
                    kinds[reason].append(kind)
        return [
            Problem(
                Place(self._server), ProblemCode.NOT_FOLLOWED, f"changes of {', '.join(some)} are not shown: {reason}"
            )
            for reason, some in kinds.items()
        ]

    def deliver(self, event: Event) -> None:
        """Note an event of a watch."""
        with self._lock:
            match event:
                case Page(objects=objects):
                    for obj in objects:
                        self._note(name_of(obj), _digest(obj), obj)
                case Upserted(object=obj):
                    self._note(name_of(obj), _digest(obj), obj)
                case Unreadable(kind=kind, namespace=namespace, name=name, reason=reason):
                    self._note((kind, namespace, name), reason.encode(), None)
                case Removed(kind=kind, namespace=namespace, name=name):
                    # The removal of an object that was never reported changes nothing.
                    if self._known[kind].pop((kind, namespace, name), None) is not None:
                        self._change((kind, namespace, name), None)
                case Listed(kind=kind, names=names):
                    self._keep_only(kind, names)
                case WatchInterrupted(kind=kind, reason=reason):
                    self._interrupted[kind] = reason
                case WatchFailed(kind=kind, error=error):
                    self._interrupted[kind] = f"a defect of ringfence: {error!r}"
                case Alive(kind=kind):
                    self._interrupted.pop(kind, None)

    def _note(self, key: ObjectName, digest: bytes, obj: Object | Undecoded | None) -> None:
        """Note the present contents of an object; None if it cannot be decoded."""
        known = self._known[key[0]]
        # A digest instead of the object: it is small, and most events of a busy cluster change nothing that is read.
        if known.get(key) != digest:
            known[key] = digest
            self._change(key, obj)
            self._must_read |= obj is None

    def _change(self, key: ObjectName, obj: Object | Undecoded | None) -> None:
        self._are_pending = True
        if key[0] in self._listed:  # after a first list, the cluster is read as a whole
            self._changed[key] = obj
        else:
            self._must_read = True

    def _keep_only(self, kind: str, names: frozenset[tuple[str, str]]) -> None:
        known = self._known[kind]
        gone = [key for key in known if key[1:] not in names]
        for key in gone:
            del known[key]
            self._change(key, None)
        # No event reports an object that was deleted after the cluster was read and before the first list.
        if kind not in self._listed:
            self._are_pending = self._must_read = True
        self._listed.add(kind)


def _digest(obj: Object | Undecoded) -> bytes:
    """A digest of the fields of an object that ringfence reads."""
    return blake2b(_content(obj)).digest()


def _content(obj: Object | Undecoded) -> bytes:
    if isinstance(obj, Undecoded):
        try:
            return repr(obj.decode()).encode()
        except DecodingError:
            return obj.packed
    return repr(obj).encode()
