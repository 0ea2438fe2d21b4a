"""The lag: how long the oldest change has been waiting that is not in force.

Changes of namespaces that have used their share do not count: they wait on purpose, and are counted apart.
"""

from collections.abc import Callable

from ringfence.agent.inbox import Receiver


class Lag:
    """Kept by the loop, and read by other threads at any time. `clock` returns monotonic seconds."""

    def __init__(self, receiver: Receiver, clock: Callable[[], float]) -> None:
        self._receiver = receiver
        self._clock = clock
        self.oldest: float | None = None
        """When the oldest of the changes arrived that the loop knows and that are not in force; None without any."""
        self.received = clock()
        """When the loop had received everything that had arrived."""

    def seconds(self) -> float:
        """How long the oldest change has been waiting, also if the loop does not turn; 0 without any."""
        oldest, received = self.oldest, None if self._receiver.is_empty else self.received
        waiting = [since for since in (oldest, received) if since is not None]
        return max(0.0, self._clock() - min(waiting)) if waiting else 0.0
