"""How often the table had to be repaired lately: whether other programs fight over it."""

from collections import deque
from typing import Final

PERIOD: Final = 60.0
"""Seconds that a repair is remembered."""

CONTESTED: Final = 3
"""Repairs within this period that are no coincidence any more: a program that changes the table once is an accident."""

REPORT_INTERVAL: Final = 30.0
"""Seconds between two reports while the table is contested."""


class RepairHistory:
    """The repairs of the last minute. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=CONTESTED)
        self._unreported = 0
        self._next_report = 0.0

    def add(self, count: int, now: float) -> int | None:
        """Note repairs; how many to report now, None if it is too early to report these."""
        self._times.extend([now] * min(count, CONTESTED))
        self._unreported += count
        if self.is_contested(now) and now < self._next_report:
            return None
        return self._report(now)

    def overdue(self, now: float) -> int | None:
        """How many repairs have not been reported for long enough; None if there are none."""
        return self._report(now) if self._unreported and now >= self._next_report else None

    def is_contested(self, now: float) -> bool:
        """Whether other programs change the table again and again."""
        return len(self._times) == CONTESTED and now < self._times[0] + PERIOD

    def _report(self, now: float) -> int:
        reported, self._unreported = self._unreported, 0
        if self.is_contested(now):
            self._next_report = now + REPORT_INTERVAL
        return reported
