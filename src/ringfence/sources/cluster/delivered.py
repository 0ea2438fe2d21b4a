"""What a watch has delivered: the version of every object, and whether that is all that the server had at some moment.

A server may be read in two ways, by a watch and by a list, and the watch may be behind: its connection has stalled, it
is opened again, or the server is slow to send. A *snapshot* holds the versions in a list that was asked for at some
moment. Lists without a resource version are consistent reads: they contain everything that was stored before they were
asked for. So once all versions in a snapshot were delivered, everything is known that was stored before that moment.

Versions of one kind are compared with each other, never with those of another kind, which may be stored elsewhere.

Source: kubernetes.io, "Kubernetes API Concepts: Resource versions" (decimal numbers that grow); "The resourceVersion
parameter" (unset: "Return data at the most recent resource version. The returned data must be consistent").
"""

import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from ringfence.sources.cluster.events import CaughtUp, Deliver
from ringfence.sources.cluster.watch_events import ObjectKey

Name = tuple[str, str]
"""Namespace and name."""

ALL: Final = ""
"""Means all namespaces."""


class Snapshot(msgspec.Struct, frozen=True):
    """The versions of the objects in one namespace, or in all, as a list has them that was `asked` for (monotonic)."""

    namespace: str
    asked: float
    before: str
    """The last version that the watch had delivered when the list was asked for."""
    version: str
    """The resource version of the list."""
    objects: dict[Name, str]

    def is_reached_by(self, latest: str) -> bool:
        """Whether a watch that has delivered everything up to a version has delivered everything in the snapshot.

        Not if the list is older than what was delivered before it: the data of the server were restored from a backup,
        and versions of before and after that cannot be compared.
        """
        return _is_at_least(latest, self.version) and not _is_older(self.version, self.before)


class _Expected(NamedTuple):
    """A snapshot, and the names whose versions in it were not delivered yet."""

    snapshot: Snapshot
    missing: set[Name]


class Delivered:
    """The versions of the objects that one watch has delivered. Threads may share it."""

    def __init__(self, kind: str, deliver: Deliver) -> None:
        self._kind = kind
        self._deliver = deliver
        self._lock = threading.Lock()
        self._objects: defaultdict[str, dict[Name, str]] = defaultdict(dict)
        """By namespace, the version of each object."""
        self._latest = ""
        self._expected: list[_Expected] = []

    @property
    def latest(self) -> str:
        """The last version that was delivered, empty if none was."""
        with self._lock:
            return self._latest

    @property
    def expected_since(self) -> float | None:
        """When the oldest snapshot with missing versions was asked for (monotonic); None if none is incomplete."""
        with self._lock:
            return min((one.snapshot.asked for one in self._expected), default=None)

    def record(self, key: ObjectKey, *, exists: bool) -> None:
        """Note that an event was delivered: an object has this version now, or was deleted in it."""
        name = key.namespace, key.name
        with self._lock:
            if exists:
                self._objects[key.namespace][name] = key.version
            else:
                self._objects[key.namespace].pop(name, None)
            self._advance(key.version, (name,))

    def advance(self, version: str) -> None:
        """Note that everything up to a version was delivered, as a bookmark says."""
        with self._lock:
            self._advance(version, ())

    def record_list(self, version: str, keys: Iterable[ObjectKey], asked: float) -> None:
        """Note that a list of all objects was delivered, which was `asked` for at a monotonic time."""
        with self._lock:
            self._objects.clear()
            for key in keys:
                self._objects[key.namespace][key.namespace, key.name] = key.version
            self._latest = version
            self._catch_up(ALL, asked)
            expected, self._expected = self._expected, []
            # The list may have been asked for before a snapshot, so each snapshot is compared with it.
            for one in expected:
                self._expect(one.snapshot)

    def expect(self, snapshot: Snapshot) -> None:
        """Deliver CaughtUp once everything in a snapshot was delivered: at once, or after the events that do so."""
        with self._lock:
            self._expect(snapshot)

    def _expect(self, snapshot: Snapshot) -> None:
        missing = set() if snapshot.is_reached_by(self._latest) else self._differing(snapshot)
        if missing:
            self._expected.append(_Expected(snapshot, missing))
        else:
            self._catch_up(snapshot.namespace, snapshot.asked)

    def _differing(self, snapshot: Snapshot) -> set[Name]:
        spaces = self._objects if snapshot.namespace == ALL else (snapshot.namespace,)
        delivered: dict[Name, str] = {}
        for space in spaces:
            delivered |= self._objects.get(space, {})
        # The pairs of name and version that only one side has: other versions, and objects that the other side lacks.
        return {name for name, _ in delivered.items() ^ snapshot.objects.items()}

    def _advance(self, version: str, names: Iterable[Name]) -> None:
        self._latest = version or self._latest
        for one in self._expected:
            for name in names:
                self._compare(one, name)
            # Events come in the order of their versions.
            if one.snapshot.is_reached_by(self._latest):
                one.missing.clear()
        if any(not one.missing for one in self._expected):
            reached = [one.snapshot for one in self._expected if not one.missing]
            self._expected = [one for one in self._expected if one.missing]
            for snapshot in reached:
                self._catch_up(snapshot.namespace, snapshot.asked)

    def _compare(self, expected: _Expected, name: Name) -> None:
        delivered = self._objects.get(name[0], {}).get(name)
        if delivered == expected.snapshot.objects.get(name):
            expected.missing.discard(name)
        elif expected.snapshot.namespace in (ALL, name[0]):
            expected.missing.add(name)

    def _catch_up(self, namespace: str, asked: float) -> None:
        self._deliver(CaughtUp(self._kind, namespace, asked))
        self._expected = [
            one
            for one in self._expected
            if one.snapshot.asked > asked or namespace not in (ALL, one.snapshot.namespace)
        ]


def _is_at_least(version: str, other: str) -> bool:
    return _are_numbers(version, other) and int(version) >= int(other)


def _is_older(version: str, other: str) -> bool:
    return _are_numbers(version, other) and int(version) < int(other)


def _are_numbers(*versions: str) -> bool:
    """Whether versions can be ordered. Versions of another form can only be equal or not."""
    return all(version.isdecimal() for version in versions)
