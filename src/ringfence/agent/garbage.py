"""Garbage collection, which would hold up the loop.

Python frees most objects as soon as nothing refers to them. Its collector looks for objects that refer to each other,
and for that it traverses all that there are: 100 ms for 200,000, in which nothing else happens. The agent makes next to
no such objects, so it seldom collects all.
"""

import gc
from typing import Final

COLLECTION_INTERVAL: Final = 600.0
"""Seconds between two full collections."""

_NEVER: Final = 1 << 30


def stop_full_collections() -> None:
    """Have new objects collected as before, and all of them only by `Collections`.

    Otherwise Python traverses all whenever their number has grown by a quarter, which a tenant can make happen in each
    second.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


class Collections:
    """Collects all objects, seldom."""

    def __init__(self) -> None:
        self._next = 0.0

    def freeze(self, now: float) -> None:
        """Exempt the objects of the first view: most live as long as the process, and of 100,000 pods are millions."""
        gc.collect()
        gc.freeze()
        self._next = now + COLLECTION_INTERVAL

    def go_on(self, now: float) -> None:
        """Collect the objects that came later, if it is time."""
        if now >= self._next:
            self._next = now + COLLECTION_INTERVAL
            gc.collect()
