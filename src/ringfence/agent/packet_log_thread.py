"""The thread that reads denied packets from the kernel's log.

The log can fail at any time: another program listens to the log group, or the kernel module is missing or is unloaded.
Then the loop receives the error, which stops only the logging, and the thread tries to open the log again until it
succeeds.
"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from ringfence.agent.inbox import Inbox, LoggedPackets, PacketLogFailed, PacketLogRestored
from ringfence.dataplane.packet_log import PacketLog

FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
"""Seconds until the next attempt to open the log: first, and at most. They double with each failure."""


@contextmanager
def reading_packet_log(group: int, inbox: Inbox) -> Iterator[None]:
    """Put denied packets into the inbox while the context lasts.

    The packets are those of the network namespace of the calling thread.
    """
    reader = _Reader(group, inbox)
    thread = threading.Thread(target=reader.run, name="packet log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        reader.stop()
        thread.join()


class _Reader:
    """Reads the log, and opens it again after a failure, until it is stopped."""

    def __init__(self, group: int, inbox: Inbox) -> None:
        self._group = group
        self._inbox = inbox
        self._log: PacketLog | None = None
        self._has_failed = False
        self._retry_in = FIRST_RETRY
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._taken = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with closing(self._opened()) as log:
                    self._read(log)
            except Exception as error:  # otherwise the thread would end, and nothing would be logged
                if not self._stopped.is_set():
                    self._has_failed = True
                    self._inbox.put(PacketLogFailed(error, self._retry_in))
                    self._stopped.wait(self._retry_in)
                    self._retry_in = min(2 * self._retry_in, LAST_RETRY)

    def stop(self) -> None:
        """End the reading, also if the thread waits for packets or for the loop."""
        with self._lock:
            self._stopped.set()
            self._taken.set()
            if self._log:
                self._log.close()

    def _opened(self) -> PacketLog:
        log = PacketLog(self._group)
        with self._lock:
            self._log = log
            # `stop` may have come before the log was noted here. Then it could not close the log.
            if self._stopped.is_set():
                log.close()
        if self._has_failed:
            self._has_failed = False
            self._inbox.put(PacketLogRestored())
        return log

    def _read(self, log: PacketLog) -> None:
        """Put packets into the inbox until the log is closed.

        The next packets are read when the loop has reported these. Others wait in the socket, and those that do not fit
        into it are lost and counted. So denied packets neither fill the memory nor delay other events.
        """
        lost = 0
        while (packets := log.wait()) is not None:
            if packets or log.lost > lost:
                self._inbox.put(LoggedPackets(packets, log.lost - lost, self._taken.set))
                lost = log.lost
                self._taken.wait()
                # After `stop` the event stays set, so that nothing waits for the loop any more.
                if not self._stopped.is_set():
                    self._taken.clear()
                self._retry_in = FIRST_RETRY
