"""What other threads send to the agent's loop."""

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
    """Denied packets, and how many others could not be read before them.

    The loop calls `taken` when it is done with them; until then no others are put into the inbox.
    """

    packets: Sequence[LoggedPacket]
    lost: int
    taken: Callable[[], None]


class PacketLogFailed(NamedTuple):
    """Denied packets are not logged at present; the log is opened again in `retry_in` seconds."""

    error: Exception
    retry_in: float


class PacketLogRestored(NamedTuple):
    """Denied packets are logged again."""


class RepairAttempted(NamedTuple):
    """Another program changed the table, and it was repaired or could not be."""


class StandbyFailed(NamedTuple):
    """The standby process could not be started, or has not received what to send; it is tried again in a second."""

    error: Exception


class CablesChanged(NamedTuple):
    """The cables to pods, or other links of the node, are not what they were."""


class CablesUnread(NamedTuple):
    """The cables to pods could not be read; it is tried again until it succeeds."""

    error: Exception


InboxItem = (
    Arrival
    | Inquiry
    | LoggedPackets
    | PacketLogFailed
    | PacketLogRestored
    | RepairAttempted
    | StandbyFailed
    | CablesChanged
    | CablesUnread
)
Inbox = queue.SimpleQueue[InboxItem | None]
"""Other threads put in, the loop takes out; None ends the loop."""


class Receiver:
    """Takes items out of the inbox for the loop, which may look at those that have arrived before it takes them."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._arrived: deque[InboxItem | None] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has arrived that was not taken; may be asked by any thread."""
        return not self._arrived and self._inbox.empty()

    def get(self, timeout: float) -> InboxItem | None:
        """The next item. Raises queue.Empty if there is none for so many seconds."""
        return self._arrived.popleft() if self._arrived else self._inbox.get(timeout=timeout)

    def arrived(self) -> Iterable[InboxItem | None]:
        """The items that have arrived and are still to be taken."""
        with suppress(queue.Empty):
            while True:
                self._arrived.append(self._inbox.get_nowait())
        return self._arrived
