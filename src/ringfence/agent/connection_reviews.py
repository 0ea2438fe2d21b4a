"""Reviews of tracked connections: those that the rules in force would not let open are ended.

A review reads the whole table of connections, which can have hundreds of thousands of entries. It therefore goes on in
short slices, between which the loop does other work. One follows each change of the rules, and each start: an earlier
agent may have ended after it had changed the rules and before it had judged the connections. If one fails, it is tried
again until it succeeds.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ringfence.dataplane.kernel import Kernel

SLICE: Final = 0.005
"""Seconds after which a slice of a review ends; a piece of the table that is begun is judged first (2 ms)."""

RETRY: Final = 1.0
"""Seconds until a review that has failed is tried again."""

LATE_REVIEW: Final = 5.0
_LATE_SHARE: Final = 100
"""Seconds until connections are judged once more, and ended ones forgotten, but in a hundredth of the time at most.

A packet can be accepted by the rules before they change, and its connection be listed only after a review has passed
its place in the table: another program may queue the packet (NFQUEUE), and a virtual processor may stand still.
"""


class ConnectionReviews:
    """When tracked connections are judged. `clock` returns monotonic seconds."""

    def __init__(self, kernel: Kernel, clock: Callable[[], float]) -> None:
        self._kernel = kernel
        self._clock = clock
        self._review: Iterator[None] | None = None
        self._is_late = False
        self._worked = 0.0
        """The seconds that the present review, or the last one, has taken."""
        self._requested_at: float | None = clock()
        """When the oldest change was made that no review has considered yet."""
        self._answers_to: float | None = None
        """When the oldest change was made that the present review considers."""
        self._not_before = 0.0
        self._late_at: float | None = None
        self.has_succeeded = False
        """Whether all connections have been judged since the start."""
        self.failure: Exception | None = None
        """Why the last review failed."""

    @property
    def error(self) -> str:
        """Why connections that the rules forbid may be open; empty if they are not."""
        if self.failure:
            return f"tracked connections cannot be judged: {self.failure}"
        return "" if self.has_succeeded else "tracked connections are not judged yet"

    @property
    def is_pending(self) -> bool:
        """Whether there is a change after which not all connections have been judged."""
        return self._requested_at is not None or (self._review is not None and self._answers_to is not None)

    @property
    def next_at(self) -> float | None:
        """When there is something to do, by the clock; None if there is nothing."""
        if self._review is not None:
            return 0.0
        if self._requested_at is not None:
            return self._not_before
        return self._late_at

    def request(self) -> None:
        """Have connections judged: the rules have changed."""
        if self._requested_at is None:
            self._requested_at = self._clock()

    def go_on(self) -> float | None:
        """Review for a moment, if it is time; how many seconds after a change all connections were judged, if they are.

        Failures are in `failure`; no exception is raised for them.
        """
        began = self._clock()
        if self.next_at is None or began < self.next_at:
            return None
        try:
            has_ended = self._go_on_until(began + SLICE)
        except Exception as error:
            self._fail(error)
            return None
        self._worked += self._clock() - began
        return self._end() if has_ended else None

    def _go_on_until(self, end: float) -> bool:
        if self._review is None:
            self._begin()
        assert self._review
        return all(self._clock() < end for _ in self._review)

    def _begin(self) -> None:
        self._worked = 0.0
        self._answers_to, self._requested_at = self._requested_at, None
        self._is_late = self._late_at is not None and self._clock() >= self._late_at
        self._review = self._kernel.review(again=self._is_late)

    def _end(self) -> float | None:
        now = self._clock()
        self._review, self.failure, self.has_succeeded = None, None, True
        self._not_before = now + self._worked  # half of the time at most, however often rules change
        if not (self._kernel.has_revoked or self._kernel.may_have_missed):
            self._late_at = None
        elif self._late_at is None or self._is_late:
            self._late_at = now + max(LATE_REVIEW, _LATE_SHARE * self._worked)
        return None if self._answers_to is None else now - self._answers_to

    def _fail(self, error: Exception) -> None:
        self._review, self.failure = None, error
        self._not_before = self._clock() + RETRY
        # What this review should have judged is judged by the next one.
        self._requested_at = self._clock() if self._answers_to is None else self._answers_to
