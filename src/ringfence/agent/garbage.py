"""Garbage collection: each collection is short, and full collections are rare, because all threads of the agent wait.

Python frees most objects as soon as nothing refers to them. Its collector finds the others, which refer to each other
in cycles. A collection traverses objects: 1 ms for 2,000 of them, in which no other thread runs. A full collection
traverses all objects, 100 ms for 200,000. The agent creates almost no cycles.
"""

import gc
from typing import Final

COLLECTION_INTERVAL: Final = 600.0
"""Seconds between two full collections."""

YOUNG: Final = 2_000
"""The number of new objects after which they are traversed."""

MIDDLE: Final = 5
"""The number of such collections after which the objects that are left of them are traversed once more."""

_NEVER: Final = 1 << 30


def shorten_collections() -> None:
    """Let Python collect only new objects, a few at a time; full collections are left to `Collections`.

    By default Python runs a full collection whenever the number of objects has grown by a quarter. A tenant could cause
    that every second. The command line collects 200,000 objects at a time, because nobody waits for it:
    in the agent, others' changes waited 60 to 270 ms whenever a tenant's policies had made so many.
    """
    gc.set_threshold(YOUNG, MIDDLE, _NEVER)


class Collections:
    """Runs full collections every `COLLECTION_INTERVAL`. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def freeze(self, now: float) -> None:
        """Exempt the present objects from collections.

        Called after the first view: most of its objects live as long as the process, and 100,000 pods have millions.
        """
        gc.collect()
        gc.freeze()
        self._next = now + COLLECTION_INTERVAL

    def collect_if_due(self, now: float) -> None:
        """Collect the objects that are not exempt, if a collection is due."""
        if now >= self._next:
            self._next = now + COLLECTION_INTERVAL
            gc.collect()
