"""The repairs of the last minute: whether other programs change the table repeatedly."""

from collections import deque
from typing import Final

PERIOD: Final = 60.0
"""Seconds that a repair is remembered."""

CONTESTED: Final = 3
"""Repairs within `PERIOD` from which the table counts as contested. One or two may be accidents."""

REPORT_INTERVAL: Final = 30.0
"""Seconds between two reports while the table is contested."""


class RepairHistory:
    """The repairs of the last minute. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=CONTESTED)
        self._unreported = 0
        self._next_report = 0.0

    def add(self, count: int, now: float) -> int | None:
        """Note repairs. Returns how many to report now, or None if it is too early for a report."""
        # More would fall out of the deque at once.
        self._times.extend([now] * min(count, CONTESTED))
        self._unreported += count
        if self.is_contested(now) and now < self._next_report:
            return None
        return self._report(now)

    def overdue(self, now: float) -> int | None:
        """How many unreported repairs to report now; None if there are none, or if it is too early."""
        return self._report(now) if self._unreported and now >= self._next_report else None

    def is_contested(self, now: float) -> bool:
        """Whether other programs change the table repeatedly."""
        return len(self._times) == CONTESTED and now < self._times[0] + PERIOD

    def _report(self, now: float) -> int:
        reported, self._unreported = self._unreported, 0
        if self.is_contested(now):
            self._next_report = now + REPORT_INTERVAL
        return reported
