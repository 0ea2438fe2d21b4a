"""Reviews of tracked connections: connections that the rules in force forbid are ended.

A review reads the whole connection table, which can have hundreds of thousands of entries. It therefore runs in short
slices, between which the loop does other work. A review follows each change of the rules. The first one follows the
start, because an earlier agent may have stopped after it changed the rules and before it judged the connections. A
failed review is repeated until it succeeds.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ringfence.dataplane.kernel import Kernel

SLICE: Final = 0.005
"""Seconds after which a slice of a review ends, once the present part of the table is judged (2 ms)."""

RETRY: Final = 1.0
"""Seconds until a failed review is repeated."""

LATE_REVIEW: Final = 5.0
_LATE_SHARE: Final = 100
"""Seconds until a late review, which judges connections once more and forgets those that have ended.

Late reviews take at most a hundredth of the time (1 / `_LATE_SHARE`). They are needed because the old rules can accept
a packet whose connection enters the table only after a review has read that place: another program may hold the packet
in a queue (NFQUEUE), or the host may not have run the virtual processor in between.
"""


class ConnectionReviews:
    """Schedules and runs the reviews. `clock` returns monotonic seconds."""

    def __init__(self, kernel: Kernel, clock: Callable[[], float]) -> None:
        self._kernel = kernel
        self._clock = clock
        self._review: Iterator[None] | None = None
        self._is_late = False
        self._worked = 0.0
        """The seconds that the present or last review has taken."""
        self._requested_at: float | None = clock()
        """When the oldest change was made that no review considers yet."""
        self._answers_to: float | None = None
        """When the oldest change was made that the present review considers."""
        self._not_before = 0.0
        self._late_at: float | None = None
        self.has_succeeded = False
        """Whether all connections have been judged since the start."""
        self.failure: Exception | None = None
        """Why the last review failed; None if it did not."""

    @property
    def error(self) -> str:
        """Why connections that the rules forbid may be open; empty if none are."""
        if self.failure:
            return f"tracked connections cannot be judged: {self.failure}"
        return "" if self.has_succeeded else "tracked connections are not judged yet"

    @property
    def is_pending(self) -> bool:
        """Whether there is a change after which not all connections have been judged."""
        return self._requested_at is not None or (self._review is not None and self._answers_to is not None)

    @property
    def next_at(self) -> float | None:
        """When to call `advance` next, by the clock; None if there is nothing to review."""
        if self._review is not None:
            return 0.0
        if self._requested_at is not None:
            return self._not_before
        return self._late_at

    def request(self) -> None:
        """Request a review, because the rules have changed."""
        if self._requested_at is None:
            self._requested_at = self._clock()

    def advance(self) -> float | None:
        """Run a slice of a review, if one is due.

        Returns the seconds since the oldest change that the review considers if this completes the review, else None.
        Failures are in `failure`; no exception is raised for them.
        """
        began = self._clock()
        if self.next_at is None or began < self.next_at:
            return None
        try:
            has_ended = self._review_until(began + SLICE)
        except Exception as error:
            self._fail(error)
            return None
        self._worked += self._clock() - began
        return self._end() if has_ended else None

    def _review_until(self, end: float) -> bool:
        """Review until a time. Returns whether the review is complete."""
        if self._review is None:
            self._begin()
        assert self._review
        # `all` stops at the first piece that ends after the slice. It is true only if the review has no more pieces.
        return all(self._clock() < end for _ in self._review)

    def _begin(self) -> None:
        self._worked = 0.0
        # A change from here on requests another review.
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
        # The next review considers the changes of this one.
        self._requested_at = self._clock() if self._answers_to is None else self._answers_to
