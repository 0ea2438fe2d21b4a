"""Garbage collection: full collections are rare, because they stop all threads of the agent.

Python frees most objects as soon as nothing refers to them. Its collector finds the others, which refer to each other
in cycles. A full collection traverses all objects: 100 ms for 200,000, in which no other thread runs. The agent creates
almost no cycles.
"""

import gc
from typing import Final

COLLECTION_INTERVAL: Final = 600.0
"""Seconds between two full collections."""

_NEVER: Final = 1 << 30


def stop_full_collections() -> None:
    """Let Python collect only new objects; full collections are left to `Collections`.

    By default Python runs a full collection whenever the number of objects has grown by a quarter. A tenant could cause
    that every second.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


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
