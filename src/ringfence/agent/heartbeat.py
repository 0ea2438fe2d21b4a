"""The heartbeat of the loop: how long it has not turned, which other threads ask."""

from collections.abc import Callable
from typing import Final

LONGEST_WAIT: Final = 1.0
"""Seconds that the loop waits at most for something to do."""

HANGS: Final = 60.0
"""Seconds after which a loop that does not turn is taken to hang: then a restart helps.

Sooner, it may be at work: it would have to do all of it again.
"""


class Heartbeat:
    """When the loop turned last. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> float:
        """Note that the loop goes on; returns the time."""
        self._last = self._clock()
        return self._last

    @property
    def silence(self) -> float:
        """How many seconds ago the loop turned."""
        return self._clock() - self._last

    def liveness_error(self) -> str:
        """Why this process should be restarted; empty if it should not."""
        silence = self.silence
        return f"the loop has not turned for {silence:.0f} s" if silence > HANGS else ""
