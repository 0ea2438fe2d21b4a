"""What other threads send to the agent's loop."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ringfence.dataplane.packet_log import LoggedPacket
from ringfence.sources.cluster import Event


class Arrival(NamedTuple):
    """An event of a watch, and when it arrived (monotonic seconds)."""

    event: Event
    at: float


class MetricsRequest(NamedTuple):
    """A request for up-to-date metrics: the loop sets `done` when they are."""

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


InboxItem = Arrival | MetricsRequest | LoggedPackets | PacketLogFailed | PacketLogRestored
Inbox = queue.SimpleQueue[InboxItem | None]
"""Other threads put in, the loop takes out; None ends the loop."""
