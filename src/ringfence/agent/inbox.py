"""The inbox: the items that other threads send to the agent's loop."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ringfence.dataplane.packet_log import LoggedPacket
from ringfence.sources.cluster import Event


class Arrival(NamedTuple):
    """An event of a watch, and when it arrived (monotonic seconds)."""

    event: Event
    at: float


class Inquiry(NamedTuple):
    """A question to the loop's thread, which calls `answer` between two steps, and then sets `done`."""

    answer: Callable[[], None]
    done: threading.Event


class LoggedPackets(NamedTuple):
    """Denied packets, and how many earlier ones were lost.

    The loop calls `taken` when it has reported them; until then no others are put into the inbox.
    """

    packets: Sequence[LoggedPacket]
    lost: int
    taken: Callable[[], None]


class PacketLogFailed(NamedTuple):
    """Denied packets are not logged at present; the next attempt to open the log is in `retry_in` seconds."""

    error: Exception
    retry_in: float


class PacketLogRestored(NamedTuple):
    """Denied packets are logged again."""


class RepairAttempted(NamedTuple):
    """Another program changed the table, and the repair thread has repaired it or failed to."""


class StandbyFailed(NamedTuple):
    """The standby process could not be started, or did not accept its restorations; the next attempt is in a second."""

    error: Exception


class StandbyRestored(NamedTuple):
    """The standby process runs again, and has accepted its restorations."""


class VethPairsChanged(NamedTuple):
    """The veth pairs of pods, or other links of the node, have changed."""


class VethPairsUnread(NamedTuple):
    """The veth pairs of pods could not be read; the thread tries again until it succeeds."""

    error: Exception


InboxItem = (
    Arrival
    | Inquiry
    | LoggedPackets
    | PacketLogFailed
    | PacketLogRestored
    | RepairAttempted
    | StandbyFailed
    | StandbyRestored
    | VethPairsChanged
    | VethPairsUnread
)
# Its `put` is reentrant, so a signal handler may call it (Python documentation, `queue.SimpleQueue`).
Inbox = queue.SimpleQueue[InboxItem | None]
"""Other threads put items in, and the loop takes them out; None ends the loop."""


def _ignore(item: InboxItem | None) -> None:
    """Do nothing."""


class Receiver:
    """Takes items out of the inbox for the loop, which can inspect the arrived ones before it takes them."""

    def __init__(
        self,
        inbox: Inbox,
        see: Callable[[InboxItem | None], None] = _ignore,
        take: Callable[[InboxItem | None], None] = _ignore,
    ) -> None:
        """`see` is called with each item that `arrived` returns for the first time, `take` when `get` returns it."""
        self._inbox = inbox
        self._see = see
        self._take = take
        self._arrived: deque[InboxItem | None] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether every item that has arrived was taken. Any thread may ask."""
        return not self._arrived and self._inbox.empty()

    def get(self, timeout: float) -> InboxItem | None:
        """The next item. Raises queue.Empty if none arrives within `timeout` seconds."""
        if not self._arrived:
            return self._inbox.get(timeout=timeout)
        item = self._arrived.popleft()
        self._take(item)
        return item

    def arrived(self) -> Iterable[InboxItem | None]:
        """The items that have arrived and were not taken yet."""
        with suppress(queue.Empty):
            while True:
                item = self._inbox.get_nowait()
                self._arrived.append(item)
                self._see(item)
        return self._arrived
