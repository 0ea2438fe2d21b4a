"""Waits for conditions that depend on another thread, another process or the kernel.

Unsuccessful checks use up the patience, not the clock alone. A machine can stand still for minutes, with everything
on it. Such a pause uses up no more patience than one check.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 30.0
"""Seconds after which a test has failed; what comes at all comes sooner."""

_MOST_FOR_A_LOOK: Final = 0.5


class Patience:
    """The number of seconds in which a condition has to become true."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._left = seconds
        self._last = time.monotonic()

    def is_left(self) -> bool:
        """Whether to check again. Call this after each check, however long the check took."""
        now = time.monotonic()
        self._left -= min(now - self._last, _MOST_FOR_A_LOOK)
        self._last = now
        return self._left > 0


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE, pause: float = 0.01) -> bool:
    """Whether a condition becomes true within some seconds."""
    patience = Patience(seconds)
    while not (held := holds()) and patience.is_left():
        time.sleep(pause)
    return held
