"""The lag: the age of the oldest change that is not in force.

Changes of namespaces that have used their share are not included. They wait on purpose, and their pods are closed.
"""

from collections.abc import Callable

from ringfence.agent.inbox import Receiver


class Lag:
    """The lag, which the loop updates and other threads may read at any time. `clock` returns monotonic seconds."""

    def __init__(self, receiver: Receiver, clock: Callable[[], float]) -> None:
        self._receiver = receiver
        self._clock = clock
        self.oldest: float | None = None
        """When the oldest change arrived that the loop has received and not put in force; None if there is none."""
        self.received = clock()
        """When the loop last took items out of the inbox."""

    def seconds(self) -> float:
        """The age of the oldest change in seconds; 0 without one. It also grows while the loop does not run."""
        # Read once, because the loop may change both at any time.
        oldest, received = self.oldest, None if self._receiver.is_empty else self.received
        waiting = [since for since in (oldest, received) if since is not None]
        return max(0.0, self._clock() - min(waiting)) if waiting else 0.0
