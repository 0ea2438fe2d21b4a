"""Which pods and identities of a population have changed, for readers that update what they derived from it.

A reader holds a `ChangeRecord` and empties it from time to time. A record that no reader holds any more is dropped:
`ChangeRecords` refers to it weakly, so a reader does not have to unregister.
"""

from collections.abc import Iterable
from weakref import ref

from ringfence.engine.population.identities import Identity
from ringfence.engine.population.pods import Member


class ChangeRecord:
    """Changes since the record was last emptied.

    `pods` are those that were added, removed or given another identity; `identities` those whose facts changed.
    """

    __slots__ = ("__weakref__", "identities", "pods")

    def __init__(self, pods: Iterable[Member]) -> None:
        self.pods = set(pods)
        self.identities: set[Identity] = set()

    def take(self) -> tuple[set[Member], set[Identity]]:
        """Empty the record and return its pods and identities."""
        taken = self.pods, self.identities
        self.pods, self.identities = set(), set()
        return taken


class ChangeRecords:
    """All change records that some reader holds."""

    def __init__(self) -> None:
        self._records: list[ref[ChangeRecord]] = []

    def start(self, pods: Iterable[Member]) -> ChangeRecord:
        """A new record, which starts with the pods that are already there."""
        record = ChangeRecord(pods)
        # The second argument is called when the record is freed, and removes the reference from the list.
        self._records.append(ref(record, self._records.remove))
        return record

    def note(self, pods: Iterable[Member] = (), identities: Iterable[Identity] = ()) -> None:
        """Add changes to every record."""
        for reference in self._records:
            if record := reference():
                record.pods.update(pods)
                record.identities.update(identities)
