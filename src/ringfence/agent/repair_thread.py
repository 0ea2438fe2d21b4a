"""The threads that repair the table as soon as another program has changed it.

One does nothing else, so a repair waits neither for events nor for a round that takes long: the kernel reports a
change, all isolated pods are closed if the table is gone, and what was in force is put in force again from memory. What
follows from a repair is left to the loop: connections that were opened meanwhile are judged, and it is logged and
counted.

To put a large program in force takes a while, in which it may be removed again. Meanwhile the second thread asks every
two milliseconds whether the table is there. It cannot be told: to listen costs the kernel a message for each element.

A third one prepares what these two send, which takes 5 to 50 ms for a large program.
"""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ringfence.agent.inbox import Inbox, RepairAttempted
from ringfence.dataplane.kernel import Kernel

PREPARATION_INTERVAL: Final = 0.5
"""Seconds after which it is made ready again to close pods, for the program that is in force then."""

LOOK_INTERVAL: Final = 0.002
"""Seconds between two looks at whether the table is there while a program is put in force; each costs 50 us."""

IDLE_INTERVAL: Final = 0.1
"""Seconds after which the thread that looks finds at the latest that it is to end."""


@contextmanager
def repairing(kernel: Kernel, inbox: Inbox) -> Iterator[None]:
    """Repair the table for a while whenever another program changes it, and say so in the inbox."""
    stopped, has_ended = os.eventfd(0, os.EFD_CLOEXEC), threading.Event()
    threads = [
        threading.Thread(target=_repair_until, args=(stopped, kernel, inbox), name="repair", daemon=True),
        threading.Thread(target=_close_until, args=(has_ended, kernel), name="standby", daemon=True),
        threading.Thread(target=_prepare_until, args=(has_ended, kernel, inbox), name="preparation", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        os.eventfd_write(stopped, 1)
        has_ended.set()
        for thread in threads:
            thread.join()
        os.close(stopped)


def _close_until(has_ended: threading.Event, kernel: Kernel) -> None:
    """Close all isolated pods whenever the table is gone while a program is put in force."""
    while not has_ended.is_set():
        if kernel.in_use.wait(IDLE_INTERVAL):
            with suppress(Exception):  # the thread that repairs meets what is wrong as well, and has it reported
                kernel.close_if_removed()
            has_ended.wait(LOOK_INTERVAL)


def _prepare_until(has_ended: threading.Event, kernel: Kernel, inbox: Inbox) -> None:
    """Be ready to close the pods that are isolated now, within half a second."""
    while not has_ended.is_set():
        try:
            kernel.prepare_to_close()
        except Exception:  # the loop meets what is wrong as well
            inbox.put(RepairAttempted())
        has_ended.wait(PREPARATION_INTERVAL)


def _repair_until(stopped: int, kernel: Kernel, inbox: Inbox) -> None:
    poll = select.poll()
    for descriptor in (stopped, kernel.fileno()):
        poll.register(descriptor, select.POLLIN)
    while stopped not in [descriptor for descriptor, _ in poll.poll()]:
        before = kernel.repairs
        try:
            kernel.close_if_removed()
            kernel.repair()
        except Exception:  # a thread that ended here would end all repairs; the loop meets what is wrong as well
            inbox.put(RepairAttempted())
        else:
            if kernel.repairs != before:
                inbox.put(RepairAttempted())
