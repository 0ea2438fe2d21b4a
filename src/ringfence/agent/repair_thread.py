"""The thread that repairs the table as soon as another program has changed it.

It does nothing else, so a repair waits neither for events nor for a round that takes long: the kernel reports a change,
all isolated pods are closed if the table is gone, and what was in force is put in force again from memory. What follows
from a repair is left to the loop: connections that were opened meanwhile are judged, and it is logged and counted.
"""

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ringfence.agent.inbox import Inbox, RepairAttempted
from ringfence.dataplane.kernel import Kernel

PREPARATION_INTERVAL: Final = 0.5
"""Seconds after which it is made ready again to close pods, for the program that is in force then."""


@contextmanager
def repairing(kernel: Kernel, inbox: Inbox) -> Iterator[None]:
    """Repair the table for a while whenever another program changes it, and say so in the inbox."""
    stopped = os.eventfd(0, os.EFD_CLOEXEC)
    thread = threading.Thread(target=_repair_until, args=(stopped, kernel, inbox), name="repair", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.eventfd_write(stopped, 1)
        thread.join()
        os.close(stopped)


def _repair_until(stopped: int, kernel: Kernel, inbox: Inbox) -> None:
    poll = select.poll()
    for descriptor in (stopped, kernel.fileno()):
        poll.register(descriptor, select.POLLIN)
    next_preparation = 0.0
    while True:
        wait = max(0.0, next_preparation - time.monotonic())
        ready = [descriptor for descriptor, _ in poll.poll(wait * 1000)]
        if stopped in ready:
            break
        before = kernel.repairs
        try:
            if ready:
                kernel.close_if_removed()
                kernel.repair()
            if time.monotonic() >= next_preparation:
                next_preparation = time.monotonic() + PREPARATION_INTERVAL
                kernel.prepare_to_close()
        except Exception:  # a thread that ended here would end all repairs; the loop meets what is wrong as well
            inbox.put(RepairAttempted())
        else:
            if kernel.repairs != before:
                inbox.put(RepairAttempted())
