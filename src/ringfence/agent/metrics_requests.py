"""Requests for the metrics: however many there are, updating the metrics takes a small share of the loop's time.

If the metrics are exposed, every pod of the cluster can ask for them. So all requests that wait are answered by one
update, and the next update waits until `PAUSE` times the duration of the last one has passed.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from ringfence.agent.inbox import Inbox, Inquiry

PAUSE: Final = 9
"""The loop spends at most 1 / (1 + `PAUSE`) of its time on updates."""


class MetricsRequests:
    """Requests updates from the loop for other threads. `clock` returns monotonic seconds."""

    def __init__(
        self,
        inbox: Inbox,
        update: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inbox = inbox
        self._update = update
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._waiting: Inquiry | None = None
        """The update that was requested and has not begun; later requests wait for the same one."""
        self._not_before = 0.0
        """When the next update may begin, by the clock."""

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for an update that begins after this call. Returns whether it has ended."""
        ends = self._clock() + timeout
        with self._lock:
            is_new = self._waiting is None
            inquiry = self._waiting = self._waiting or Inquiry(self._answer, threading.Event())
        if is_new:
            self._sleep(max(0.0, min(self._not_before, ends) - self._clock()))
            self._inbox.put(inquiry)
        return inquiry.done.wait(max(0.0, ends - self._clock()))

    def _answer(self) -> None:
        # This update begins now, so later requests need another one.
        with self._lock:
            self._waiting = None
        began = self._clock()
        try:
            self._update()
        finally:
            ended = self._clock()
            self._not_before = ended + PAUSE * (ended - began)
