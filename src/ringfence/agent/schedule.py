"""The schedule of the rounds: when the loop enforces the applied changes.

No round begins before the agent knows enough. The first round waits up to `START_PATIENCE` seconds for everything that
was listed. A later round is due when changes are applied, when the last round left chains to build or load, when
namespaces have to be closed or opened, and when a failed attempt is to be repeated.
"""

from typing import Final

from ringfence.agent.intake import PATIENCE, Intake
from ringfence.agent.readiness import AgentParts
from ringfence.agent.rounds import Rounds

OVERDUE_INTERVAL: Final = 0.25
"""Seconds between two checks whether changes have waited so long that pods must be closed."""

START_PATIENCE: Final = 2.0
"""Seconds that the first round waits for namespaces that have used their share; it closes those that are not ready."""


class Schedule:
    """Decides when the next round is due, and which namespaces are closed in it. All times are monotonic seconds."""

    def __init__(self, parts: AgentParts, intake: Intake, rounds: Rounds) -> None:
        self._parts = parts
        self._enforcement = parts.enforcement
        self._second_look = parts.second_look
        self._intake = intake
        self._rounds = rounds
        self._next_overdue = 0.0
        self._overdue: frozenset[str] = frozenset()
        """The namespaces that, at the last check, had to be closed until their changes are applied."""
        self._first_round_by: float | None = None
        """When the first round begins at the latest; None before the view is complete."""

    def is_due(self, now: float) -> bool:
        """Whether a round is to begin now."""
        if not self._parts.may_enforce or self._waits_for_changes(now):
            return False
        retry_at = self._enforcement.retry_at
        if self._rounds.is_due(now) or (retry_at is not None and now >= retry_at) or self._closes_or_opens(now):
            return True
        return self._has_more_to_build and now >= self._rounds.next_start

    def next_round(self) -> float | None:
        """When the next round may become due without another event; None if it will not."""
        if not self._parts.may_enforce:
            return None
        has_changes = self._rounds.waiting_since is not None or self._has_more_to_build
        times = (self._rounds.next_start if has_changes else None, self._enforcement.retry_at)
        return min((one for one in times if one is not None), default=None)

    def closed(self, *, is_after_list: bool) -> frozenset[str]:
        """The namespaces whose pods are closed in a round that begins now.

        The first round after a list also closes namespaces whose changes have waited for a short time only.
        """
        self._overdue = self._intake.overdue(patience=0.0 if is_after_list else PATIENCE)
        return self._overdue | self._parts.view.excessive

    def _closes_or_opens(self, now: float) -> bool:
        """Whether an open namespace has to be closed, or a closed one can be opened."""
        if now >= self._next_overdue:
            self._next_overdue = now + OVERDUE_INTERVAL
            self._overdue = self._intake.overdue()
        # These stay closed until their computation ends, whatever happens here.
        closed = self._enforcement.closed - self._enforcement.computing
        return self._enforcement.has_begun and self._overdue | self._parts.view.excessive != closed

    @property
    def _has_more_to_build(self) -> bool:
        """Whether the last round has left chains to build or parts to load that can be built or loaded now."""
        can_be_built = self._enforcement.postponed - self._enforcement.computing
        has_more = bool(can_be_built) or self._enforcement.has_leftovers
        return has_more and self._enforcement.in_order and not self._second_look.is_waiting

    def _waits_for_changes(self, now: float) -> bool:
        """Whether changes have to be applied before the next round.

        The first round waits for all changes, up to `START_PATIENCE`. Later rounds wait as long as they gather changes.
        """
        if self._enforcement.has_begun:
            gathers = self._intake.is_urgent and self._rounds.is_gathering(now)
            return gathers or self._second_look.awaits(self._intake.waiting_since())
        if self._first_round_by is None:
            self._first_round_by = now + START_PATIENCE
        return self._intake.is_urgent or (bool(self._intake) and now < self._first_round_by)
