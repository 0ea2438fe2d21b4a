"""What other threads send to the agent's loop."""

import queue
import threading
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


class PacketLogFailed(NamedTuple):
    """Denied packets are not logged at present; the log is opened again in `retry_in` seconds."""

    error: Exception
    retry_in: float


class PacketLogRestored(NamedTuple):
    """Denied packets are logged again."""


InboxItem = Arrival | MetricsRequest | LoggedPacket | PacketLogFailed | PacketLogRestored
Inbox = queue.SimpleQueue[InboxItem | None]
"""Other threads put in, the loop takes out; None ends the loop."""
