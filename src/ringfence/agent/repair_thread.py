"""Two threads and a standby process repair the table when another program has changed it.

The repair thread does nothing else, so a repair waits neither for events nor for a long round. When the kernel reports
a change, the thread restores the rules in force from memory. The loop does the rest: it judges the connections that
were opened in between, and logs and counts the repair.

The standby process (`standby_process.py`) is faster: it restores a table that is gone, and adds a second table beside
one that may be damaged, which the repair thread then removes. The preparation thread encodes the messages that the
process sends, which takes 5 to 100 ms for a large program.
"""

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ringfence.agent.inbox import Inbox, RepairAttempted, StandbyFailed, StandbyRestored
from ringfence.agent.standby_client import StandbyProcess
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import KernelError

PREPARATION_SHARE: Final = 0.1
"""The share of a processor that preparing may take. If programs change continuously, it runs less often."""

CHECK_INTERVAL: Final = 1.0
"""Seconds between two checks whether the standby process still runs."""


@contextmanager
def repairing(kernel: Kernel, inbox: Inbox) -> Iterator[None]:
    """Repair the table whenever another program changes it, while the context lasts; the inbox gets each attempt."""
    stopped, has_ended = os.eventfd(0, os.EFD_CLOEXEC), threading.Event()
    threads = [
        threading.Thread(target=_repair_until, args=(stopped, kernel, inbox), name="repair", daemon=True),
        threading.Thread(target=_prepare_until, args=(has_ended, kernel, inbox), name="preparation", daemon=True),
    ]
    with kernel.standby.listening():
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            os.eventfd_write(stopped, 1)
            has_ended.set()
            kernel.changed.set()  # wakes the preparation thread
            for thread in threads:
                thread.join()
            os.close(stopped)
            # The standby process may have added a second table last, which would stay. If the kernel refuses, the next
            # agent removes it.
            with suppress(KernelError):
                kernel.repair()


def _repair_until(stopped: int, kernel: Kernel, inbox: Inbox) -> None:
    poll = select.poll()
    for descriptor in (stopped, *kernel.disturbances):
        poll.register(descriptor, select.POLLIN)
    while stopped not in [descriptor for descriptor, _ in poll.poll()]:
        before = kernel.repairs
        try:
            kernel.repair()
        except Exception:  # otherwise the thread would end; the loop repairs, too, and reports the failure
            inbox.put(RepairAttempted())
        else:
            if kernel.repairs != before:
                inbox.put(RepairAttempted())


def _prepare_until(has_ended: threading.Event, kernel: Kernel, inbox: Inbox) -> None:
    """Keep a standby process running that has the restorations of the program in force."""
    process: StandbyProcess | None = None
    has_failed = False
    while not has_ended.is_set():
        began = time.thread_time()
        # Before the program is read: a change that comes later sets the event again, so it is not missed.
        kernel.changed.clear()
        try:
            process = process or StandbyProcess(kernel.standby)
            process.send(kernel.prepare())
            if has_failed:
                has_failed = False
                inbox.put(StandbyRestored())
        except Exception as error:  # otherwise the thread would end, and there would be no standby process
            has_failed = True
            inbox.put(StandbyFailed(error))
            if process:
                process.end()
                kernel.standby.assume_changes()
            process = None
        has_ended.wait((time.thread_time() - began) / PREPARATION_SHARE)
        kernel.changed.wait(CHECK_INTERVAL)
    if process:
        process.end()
