"""Objects of a live cluster that are followed: the page shows what the API server has now.

Watches say that something has changed, and then the cluster is read again, as at first: with the same rights, problems
and suppositions. An event that changes nothing that ringfence reads, such as the heartbeat of a node, does not count.
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
from ringfence.model.origin import Place
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

_NEEDED: Final = frozenset(one.kind for one in RESOURCES if one.needed)


class LiveChanges:
    """What watches have reported since `have_come` was last asked, and what they cannot follow.

    However many events come in between, they are one change. Threads may share it.
    """

    rest: Final = 4.0
    """The API server is left alone for so many times as long as the last reading took."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._known: defaultdict[str, dict[ObjectName, bytes]] = defaultdict(dict)
        """What objects said, by kind and name, as digests."""
        self._listed: set[str] = set()
        self._interrupted: dict[str, str] = {}
        self._have_come = False

    @classmethod
    @contextmanager
    def watched(cls, api_server: ApiServer, namespace: str) -> Iterator["LiveChanges"]:
        """Those of an API server until the context ends, of one namespace if it is not empty."""
        changes = cls(api_server.server)
        watches = [Watch(one, api_server, changes.deliver, namespace=namespace) for one in RESOURCES]
        with running_watches(watches, api_server):
            yield changes

    def have_come(self) -> bool:
        """Whether anything has changed since this was last asked."""
        with self._lock:
            have_come, self._have_come = self._have_come, False
            return have_come

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
                        self._note(name_of(obj), _digest(obj))
                case Upserted(object=obj):
                    self._note(name_of(obj), _digest(obj))
                case Unreadable(kind=kind, namespace=namespace, name=name, reason=reason):
                    self._note((kind, namespace, name), reason.encode())
                case Removed(kind=kind, namespace=namespace, name=name):
                    self._have_come |= self._known[kind].pop((kind, namespace, name), None) is not None
                case Listed(kind=kind, names=names):
                    self._keep_only(kind, names)
                case WatchInterrupted(kind=kind, reason=reason):
                    self._interrupted[kind] = reason
                case WatchFailed(kind=kind, error=error):
                    self._interrupted[kind] = f"a defect of ringfence: {error!r}"
                case Alive(kind=kind):
                    self._interrupted.pop(kind, None)

    def _note(self, key: ObjectName, said: bytes) -> None:
        known = self._known[key[0]]
        self._have_come |= known.get(key) != said
        known[key] = said

    def _keep_only(self, kind: str, names: frozenset[tuple[str, str]]) -> None:
        known = self._known[kind]
        gone = [key for key in known if key[1:] not in names]
        for key in gone:
            del known[key]
        # What was deleted after the cluster was read, and before the first list, is missing without an event.
        self._have_come |= bool(gone) or kind not in self._listed
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
