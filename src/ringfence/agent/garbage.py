"""Garbage collection: each collection is short, and full collections are rare, because all threads of the agent wait.

Python frees most objects as soon as nothing refers to them. Its collector finds the others, which refer to each other
in cycles. A collection traverses objects: 1 ms for 2,000 of them, in which no other thread runs. A full collection
traverses all objects, 100 ms for 200,000. The agent creates almost no cycles.
"""

import gc
from typing import Final

COLLECTION_INTERVAL: Final = 600.0
"""Seconds between two collections of the objects that have been made since the one before."""

WHOLE_INTERVAL: Final = 24 * 3600.0
"""Seconds between two collections of all objects."""

YOUNG: Final = 2_000
"""The number of new objects after which they are traversed."""

MIDDLE: Final = 5
"""The number of such collections after which the objects that are left of them are traversed once more."""

_NEVER: Final = 1 << 30


def shorten_collections() -> None:
    """Let Python collect only new objects, a few at a time; all others are left to `Collections`.

    By default Python runs a full collection whenever the number of objects has grown by a quarter. A tenant could cause
    that every second. The command line collects 200,000 objects at a time, because nobody waits for it:
    in the agent, others' changes waited 60 to 270 ms whenever a tenant's policies had made so many.
    """
    gc.set_threshold(YOUNG, MIDDLE, _NEVER)


class Collections:
    """Runs collections every `COLLECTION_INTERVAL`. All times are monotonic seconds.

    Each one exempts the objects that are left from the next ones, so its duration does not depend on the size of the
    cluster, but on how much has changed. Otherwise, once all pods have been replaced, each would traverse all of them.
    Cycles of exempt objects are found once a day.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._next_whole = 0.0

    def freeze(self, now: float) -> None:
        """Collect all objects, and exempt those that are left from collections.

        Called after the first view: most of its objects live as long as the process, and 100,000 pods have millions.
        """
        gc.unfreeze()
        self._next_whole = now + WHOLE_INTERVAL
        self._collect(now)

    def collect_if_due(self, now: float) -> None:
        """Collect the objects that are not exempt, or all objects, if a collection is due."""
        if now >= self._next_whole:
            self.freeze(now)
        elif now >= self._next:
            self._collect(now)

    def _collect(self, now: float) -> None:
        gc.collect()
        gc.freeze()
        self._next = now + COLLECTION_INTERVAL
