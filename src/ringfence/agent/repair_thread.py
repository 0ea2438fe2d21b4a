"""What repairs the table as soon as another program has changed it: two threads, and a process that stands by.

One thread does nothing else, so a repair waits neither for events nor for a round that takes long: the kernel reports a
change, and what was in force is put in force again from memory. What follows from a repair is left to the loop:
connections that were opened meanwhile are judged, and it is logged and counted.

The process brings a table back sooner that is gone, and puts a second one beside a table that may be damaged
(`standby_process.py`); the repair removes that one. The other thread makes ready what the process sends, which takes 5
to 100 ms for a large program.
"""

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ringfence.agent.inbox import Inbox, RepairAttempted, StandbyFailed
from ringfence.agent.standing_by import StandbyProcess
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import KernelError

PREPARATION_SHARE: Final = 0.1
"""The share of a processor that preparing takes at most; while programs change without pause, it is done less often."""

CHECK_INTERVAL: Final = 1.0
"""Seconds after which it is seen at the latest that the process has ended, or that it is to end."""


@contextmanager
def repairing(kernel: Kernel, inbox: Inbox) -> Iterator[None]:
    """Repair the table for a while whenever another program changes it, and say so in the inbox."""
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
            kernel.changed.set()
            for thread in threads:
                thread.join()
            os.close(stopped)
            with suppress(KernelError):  # no second table is to stay that the process has put there at last
                kernel.repair()


def _repair_until(stopped: int, kernel: Kernel, inbox: Inbox) -> None:
    poll = select.poll()
    for descriptor in (stopped, *kernel.disturbances):
        poll.register(descriptor, select.POLLIN)
    while stopped not in [descriptor for descriptor, _ in poll.poll()]:
        before = kernel.repairs
        try:
            kernel.repair()
        except Exception:  # a thread that ended here would end all repairs; the loop meets what is wrong as well
            inbox.put(RepairAttempted())
        else:
            if kernel.repairs != before:
                inbox.put(RepairAttempted())


def _prepare_until(has_ended: threading.Event, kernel: Kernel, inbox: Inbox) -> None:
    """Keep a process standing by that can bring back what is in force."""
    process: StandbyProcess | None = None
    while not has_ended.is_set():
        began = time.thread_time()
        kernel.changed.clear()
        try:
            process = process or StandbyProcess(kernel.standby)
            process.send(kernel.prepare())
        except Exception as error:  # a thread that ended here would leave repairs without the process
            inbox.put(StandbyFailed(error))
            if process:
                process.end()
                kernel.standby.suspect()
            process = None
        has_ended.wait((time.thread_time() - began) / PREPARATION_SHARE)
        kernel.changed.wait(CHECK_INTERVAL)
    if process:
        process.end()
