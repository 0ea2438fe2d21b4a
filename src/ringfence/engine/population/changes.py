"""Movements: what changed in a population, noted for those who derive something from it and keep it.

Whoever wants to know holds a record and reads it now and then; a record that nobody holds any more is forgotten.
"""

from collections.abc import Iterable
from weakref import ref

from ringfence.engine.population.identities import Identity
from ringfence.engine.population.pods import Member


class Record:
    """What moved: `pods` that came, went or got another identity, and `identities` whose facts changed."""

    __slots__ = ("__weakref__", "identities", "pods")

    def __init__(self, pods: Iterable[Member]) -> None:
        self.pods = set(pods)
        self.identities: set[Identity] = set()

    def take(self) -> tuple[set[Member], set[Identity]]:
        """The pods and the identities; the record is empty afterwards."""
        taken = self.pods, self.identities
        self.pods, self.identities = set(), set()
        return taken


class Movements:
    """All records that somebody holds."""

    def __init__(self) -> None:
        self._records: list[ref[Record]] = []

    def record(self, pods: Iterable[Member]) -> Record:
        """A new record, which begins with pods that are there already."""
        record = Record(pods)
        self._records.append(ref(record, self._records.remove))
        return record

    def note(self, pods: Iterable[Member] = (), identities: Iterable[Identity] = ()) -> None:
        """These have moved."""
        for reference in self._records:
            if record := reference():
                record.pods.update(pods)
                record.identities.update(identities)
