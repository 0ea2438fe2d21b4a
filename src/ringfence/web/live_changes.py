"""Objects of a live cluster that are followed: the page shows what the API server has now.

Watches say which objects have changed. These are taken into the cluster that was read before; where that is not enough,
the cluster is read again, as at first: with the same rights, problems and suppositions. An event that changes nothing
that ringfence reads, such as the heartbeat of a node, does not count.
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

_REST_AFTER_READING: Final = 4.0
_REST: Final = 1.0
"""How many times as long as the last change took nothing is done, so that half of the machine is left."""

_NEEDED: Final = frozenset(one.kind for one in RESOURCES if one.needed)


class LiveChanges:
    """What watches have reported since it was last `taken`, and what they cannot follow.

    However many events come in between, they are one change. Threads may share it.
    """

    def __init__(self, server: str, *, one_by_one: bool = True) -> None:
        """Without `one_by_one`, the cluster has to be read again for each change."""
        self._server = server
        self._one_by_one = one_by_one
        self._lock = threading.Lock()
        self._known: defaultdict[str, dict[ObjectName, bytes]] = defaultdict(dict)
        """What objects said, by kind and name, as digests."""
        self._listed: set[str] = set()
        self._interrupted: dict[str, str] = {}
        self._have_come = False
        self._changed: dict[ObjectName, Object | Undecoded | None] = {}
        """What became of single objects; None of one that is gone."""
        self._must_read = False

    @classmethod
    @contextmanager
    def watched(cls, api_server: ApiServer, namespace: str, *, one_by_one: bool) -> Iterator["LiveChanges"]:
        """Those of an API server until the context ends, of one namespace if it is not empty."""
        changes = cls(api_server.server, one_by_one=one_by_one)
        watches = [Watch(one, api_server, changes.deliver, namespace=namespace) for one in RESOURCES]
        with running_watches(watches, api_server):
            yield changes

    def have_come(self) -> bool:
        """Whether anything has changed since it was last taken."""
        with self._lock:
            return self._have_come

    def taken(self) -> ObjectChanges | None:
        """What has changed since this was last asked; None if single objects do not say it all."""
        with self._lock:
            changed, must_read = self._changed, self._must_read or not self._one_by_one
            self._changed, self._must_read, self._have_come = {}, False, False
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

    def rest(self, changes: ObjectChanges | None) -> float:
        """A reading leaves the API server alone for longer than what is taken in object by object."""
        return _REST_AFTER_READING if changes is None else _REST

    def problems(self) -> list[Problem]:
        """What is not followed at present, one for each reason.

        A kind that could not be listed at first, and that is not needed, is a problem of the input already.
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
        """Take an event of a watch."""
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

    def _note(self, key: ObjectName, said: bytes, obj: Object | Undecoded | None) -> None:
        """Note what an object says now; without it, it cannot be decoded."""
        known = self._known[key[0]]
        if known.get(key) != said:
            known[key] = said
            self._change(key, obj)
            self._must_read |= obj is None

    def _change(self, key: ObjectName, obj: Object | Undecoded | None) -> None:
        self._have_come = True
        if key[0] in self._listed:  # all objects of a first list are read, not taken in one by one
            self._changed[key] = obj
        else:
            self._must_read = True

    def _keep_only(self, kind: str, names: frozenset[tuple[str, str]]) -> None:
        known = self._known[kind]
        gone = [key for key in known if key[1:] not in names]
        for key in gone:
            del known[key]
            self._change(key, None)
        # What was deleted after the cluster was read, and before the first list, is missing without an event.
        if kind not in self._listed:
            self._have_come = self._must_read = True
        self._listed.add(kind)


def _digest(obj: Object | Undecoded) -> bytes:
    """What differs as soon as an object says something else to ringfence."""
    return blake2b(_said(obj)).digest()


def _said(obj: Object | Undecoded) -> bytes:
    if isinstance(obj, Undecoded):
        try:
            return repr(obj.decode()).encode()
        except DecodingError:
            return obj.packed
    return repr(obj).encode()
