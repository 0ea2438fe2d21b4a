"""The thread that reads denied packets from the kernel's log.

The log can fail while the agent runs: the kernel module is unloaded, or another program takes the log group. Then the
loop receives the error, logs and counts it, and the log is opened again until that succeeds.
"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from ringfence.agent.inbox import Inbox, PacketLogFailed, PacketLogRestored
from ringfence.dataplane.packet_log import PacketLog

FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
"""Seconds until the log is opened again: the first time, and at most. They double in between."""


@contextmanager
def reading_packet_log(group: int, inbox: Inbox) -> Iterator[None]:
    """Put denied packets into the inbox for a while. Raises KernelError if the log cannot be opened at first.

    The log is that of the network namespace in which the calling thread is.
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
    """Reads one log after the other, until it is stopped."""

    def __init__(self, group: int, inbox: Inbox) -> None:
        self._group = group
        self._inbox = inbox
        self._log = PacketLog(group)
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self) -> None:
        retry_in = FIRST_RETRY
        log: PacketLog | None = self._log
        while not self._stopped.is_set():
            try:
                log = log or self._opened()
                with closing(log):
                    for packet in log.packets():
                        self._inbox.put(packet)
                        retry_in = FIRST_RETRY
                return  # closed by `stop`
            except Exception as error:  # a thread that ended here would end the logging without a trace
                if self._stopped.is_set():
                    return
                log = None
                self._inbox.put(PacketLogFailed(error, retry_in))
            self._stopped.wait(retry_in)
            retry_in = min(2 * retry_in, LAST_RETRY)

    def stop(self) -> None:
        """End the reading; a thread that waits for packets wakes up."""
        with self._lock:
            self._stopped.set()
            self._log.close()

    def _opened(self) -> PacketLog:
        log = PacketLog(self._group)
        with self._lock:
            self._log = log
            if self._stopped.is_set():
                log.close()
        self._inbox.put(PacketLogRestored())
        return log
