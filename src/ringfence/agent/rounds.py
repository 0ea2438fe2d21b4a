"""Rounds of enforcement: when the changes that are taken in are enforced together.

The first few rounds follow their changes at once. When rounds follow each other closely, a storm of events is under way
(a rollout, a list after a restart): then there is a pause before the next round, as long as the last round took, but
never long: other changes must not wait for it.
"""

from typing import Final

LONGEST_PAUSE: Final = 0.05
"""Seconds: no change waits longer for a pause to end."""

GATHERING: Final = 0.05
"""Seconds for which a round waits for more changes while some are ready and others are there to be taken in."""

_STORM: Final = 3
_LULL: Final = 0.1
"""So many rounds, each less than so many seconds after the one before, are a storm: one change is several events."""


class Rounds:
    """When the next round may begin. All times are monotonic seconds."""

    def __init__(self) -> None:
        self.waiting_since: float | None = None
        """When the oldest change arrived that is taken in and not enforced; None if there is none."""
        self.next_start = 0.0
        """When the next round may begin at the earliest."""
        self._gathers_until = 0.0
        self._last_end = 0.0
        self._in_a_row = 0

    def add_change(self, arrived: float, now: float) -> None:
        """Note a change that is taken in and has to be enforced."""
        if self.waiting_since is None:
            self._gathers_until = now + GATHERING
        self.waiting_since = arrived if self.waiting_since is None else min(arrived, self.waiting_since)

    def is_gathering(self, now: float) -> bool:
        """Whether the next round can wait for other changes to be taken in."""
        return now < self._gathers_until

    def is_due(self, now: float) -> bool:
        """Whether there are changes to enforce now."""
        return self.waiting_since is not None and now >= self.next_start

    def begin(self) -> float | None:
        """Begin a round for all changes so far; when the oldest of them arrived, None if there are none."""
        arrived, self.waiting_since = self.waiting_since, None
        return arrived

    def end(self, began: float, ended: float, *, has_changes: bool = True) -> None:
        """Note a round, and plan the next one. Those that only go on with what is built or loaded are no storm."""
        if not has_changes:
            return
        self._in_a_row = self._in_a_row + 1 if began < self._last_end + _LULL else 1
        self._last_end = ended
        pause = min(ended - began, LONGEST_PAUSE) if self._in_a_row >= _STORM else 0
        self.next_start = ended + pause
