"""The heartbeat of the loop: how long ago it last ran. Other threads ask for it."""

from collections.abc import Callable
from typing import Final

LONGEST_WAIT: Final = 1.0
"""Seconds that the loop waits at most before it runs again."""

HANGS: Final = 60.0
"""Seconds without a heartbeat after which the loop is considered to hang, so that a restart helps.

A shorter silence may be work that takes long, which the next process would have to do again.
"""


class Heartbeat:
    """When the loop last ran. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> float:
        """Note that the loop runs. Returns the time."""
        self._last = self._clock()
        return self._last

    @property
    def silence(self) -> float:
        """How many seconds ago the loop last ran."""
        return self._clock() - self._last

    def liveness_error(self) -> str:
        """Why this process should be restarted; empty if it should not be."""
        silence = self.silence
        return f"the loop has not run for {silence:.0f} s" if silence > HANGS else ""
