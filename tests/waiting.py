"""Waiting for what does not hold yet, in another thread, another process or the kernel.

Patience is used up by looks in vain, and not by the clock alone. A machine can stand still for minutes, with everything
on it; that uses up no more patience than one look does.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 30.0
"""Seconds after which a test has failed; what comes at all comes sooner."""

_MOST_FOR_A_LOOK: Final = 0.5


class Patience:
    """Some seconds in which something has to come about."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._left = seconds
        self._last = time.monotonic()

    def is_left(self) -> bool:
        """Whether it is worth to look again. To be asked after each look, however long that took."""
        now = time.monotonic()
        self._left -= min(now - self._last, _MOST_FOR_A_LOOK)
        self._last = now
        return self._left > 0


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE, pause: float = 0.01) -> bool:
    """Whether something holds within some seconds."""
    patience = Patience(seconds)
    while not (held := holds()) and patience.is_left():
        time.sleep(pause)
    return held
