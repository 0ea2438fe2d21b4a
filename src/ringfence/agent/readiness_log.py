"""One line in the log whenever the agent is not ready any more, for other reasons than before, or ready again.

A thread of its own looks once a second, since the loop cannot say that it is stuck, and nobody may ask `/readyz`.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ringfence.agent.log import log, values

INTERVAL: Final = 1.0
"""Seconds between two looks."""

Errors = Mapping[str, str]
"""Why the agent is not ready, by reason."""


class ReadinessLog:
    """What was logged last."""

    def __init__(self) -> None:
        self._reasons: frozenset[str] | None = None
        """The reasons for which the agent was not ready; None before the first look."""
        self._was_ready = False

    def note(self, errors: Errors) -> None:
        """Log the errors, or that there are none, unless their reasons are those of the last time."""
        reasons = frozenset(errors)
        if reasons == self._reasons:
            return
        self._reasons = reasons
        self._was_ready |= not reasons
        if not errors:
            log.info("ready: the policies of this node are in force")
            return
        level = logging.ERROR if self._was_ready else logging.WARNING  # while it starts, this is expected
        log.log(level, f"not ready: {'; '.join(errors.values())}", extra=values(reasons=",".join(errors)))


@contextmanager
def reporting_readiness(errors: Callable[[], Errors], interval: float = INTERVAL) -> Iterator[None]:
    """Log every change for a while."""
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
        except Exception:  # a thread that ended here would say nothing any more
            log.exception("a defect of ringfence (readiness)")
