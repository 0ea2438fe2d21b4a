"""The readiness log: one line whenever the reasons for which the agent is not ready change.

A thread of its own checks once a second, because a stuck loop cannot report itself and `/readyz` may not be probed.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ringfence.agent.log import log, values

INTERVAL: Final = 1.0
"""Seconds between two checks."""

Errors = Mapping[str, str]
"""Why the agent is not ready, by reason."""


class ReadinessLog:
    """Logs readiness, and remembers what it logged last."""

    def __init__(self) -> None:
        self._reasons: frozenset[str] | None = None
        """The reasons for which the agent was not ready; None before the first check."""
        self._was_ready = False

    def note(self, errors: Errors) -> None:
        """Log the errors, or that there are none, if the reasons differ from those of the last call."""
        reasons = frozenset(errors)
        if reasons == self._reasons:
            return
        self._reasons = reasons
        self._was_ready |= not reasons
        if not errors:
            log.info("ready: the policies of this node are in force")
            return
        level = logging.ERROR if self._was_ready else logging.WARNING  # expected while it starts
        log.log(level, f"not ready: {'; '.join(errors.values())}", extra=values(reasons=",".join(errors)))


@contextmanager
def reporting_readiness(errors: Callable[[], Errors], interval: float = INTERVAL) -> Iterator[None]:
    """Log each change while the context lasts."""
    stopped = threading.Event()
    thread = threading.Thread(target=_report_until, args=(stopped, errors, interval), name="readiness", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _report_until(stopped: threading.Event, errors: Callable[[], Errors], interval: float) -> None:
    readiness_log = ReadinessLog()
    while not stopped.wait(interval):
        try:
            readiness_log.note(errors())
        except Exception:  # otherwise the thread would end, and nothing would be logged
            log.exception("a defect of ringfence (readiness)")
