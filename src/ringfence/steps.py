"""Work in steps: a generator that yields every few milliseconds, so that nobody waits long, and returns the result."""

from collections.abc import Generator
from typing import Final, TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work that is done one step at a time."""

STEP: Final = 1_000
"""Small pieces of work, of some microseconds each, that a step has at most."""


class Pace:
    """Counts small pieces of work, and says when it is time for a pause. It is shared by all parts of one work."""

    def __init__(self, most: int | None = None) -> None:
        """`most` is the number of pieces between two pauses, by default `STEP`."""
        self._most = STEP if most is None else most
        self._left = self._most

    def is_pause_due(self, pieces: int = 1) -> bool:
        """Note that some pieces are done. Returns whether there should be a pause now."""
        self._left -= pieces
        if self._left > 0:
            return False
        self._left = self._most
        return True


def finish(steps: Steps[T]) -> T:
    """Do all steps at once; returns the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
