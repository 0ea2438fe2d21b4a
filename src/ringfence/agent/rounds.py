"""Rounds of enforcement: when the applied changes are enforced together in the kernel.

The first rounds follow their changes immediately. If rounds follow each other closely, there is a storm of events (a
rollout, a list after a restart). Then there is a pause before the next round. It is as long as the last round, but at
most `LONGEST_PAUSE`, because other changes wait for it.
"""

from typing import Final

LONGEST_PAUSE: Final = 0.05
"""Seconds that a pause takes at most."""

GATHERING: Final = 0.05
"""Seconds for which a round waits for further changes that have arrived and are not applied yet."""

_STORM: Final = 3
_LULL: Final = 0.1
"""A storm is `_STORM` rounds in a row, each less than `_LULL` seconds after the last one.

Two rounds are no storm, because one change by a user often causes several events.
"""


class Rounds:
    """When the next round may begin. All times are monotonic seconds."""

    def __init__(self) -> None:
        self.waiting_since: float | None = None
        """When the oldest change arrived that is applied and not enforced; None if there is none."""
        self.next_start = 0.0
        """When the next round may begin at the earliest."""
        self._gathers_until = 0.0
        self._last_end = 0.0
        self._in_a_row = 0

    def add_change(self, arrived: float, now: float) -> None:
        """Note a change that is applied and has to be enforced."""
        if self.waiting_since is None:
            self._gathers_until = now + GATHERING
        self.waiting_since = arrived if self.waiting_since is None else min(arrived, self.waiting_since)

    def is_gathering(self, now: float) -> bool:
        """Whether the next round waits for other changes to be applied."""
        return now < self._gathers_until

    def is_due(self, now: float) -> bool:
        """Whether there are changes to enforce now."""
        return self.waiting_since is not None and now >= self.next_start

    def begin(self) -> float | None:
        """Begin a round for all applied changes. Returns when the oldest of them arrived; None if there are none."""
        arrived, self.waiting_since = self.waiting_since, None
        return arrived

    def end(self, began: float, ended: float, *, has_changes: bool = True) -> None:
        """Note the end of a round, and plan the next one.

        Rounds without changes, which only continue to build or load chains, do not count towards a storm.
        """
        if not has_changes:
            return
        # Counted from the end of the last round, so that long rounds are a storm, too.
        self._in_a_row = self._in_a_row + 1 if began < self._last_end + _LULL else 1
        self._last_end = ended
        pause = min(ended - began, LONGEST_PAUSE) if self._in_a_row >= _STORM else 0
        self.next_start = ended + pause
