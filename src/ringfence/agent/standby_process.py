"""The standby process: it restores the table when another program removes it, and covers it after other damage.

    python -m ringfence.agent.standby_process CONTROL SENDER LISTENER ASKING BEGUN ENDED COVERED

The arguments are file descriptors that it inherits from the agent (`standby_client.py`, `dataplane/standby.py`). It
sends messages that the agent has encoded, so it waits neither for the agent's interpreter nor for its locks. A thread
of the agent waited for these up to 400 ms while the agent compiled large policies.

It ends when the other end of its control socket is closed, which also happens when the agent is killed.
"""

import errno
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from ringfence.dataplane.restoration import Announcements, Damage, Restoration, restore
from ringfence.netlink.socket import NetlinkSocket

LOOK_INTERVAL: Final = 2
"""Milliseconds between two checks of the table while the kernel reports no changes; each takes 0.1 to 0.3 ms.

They show whether it exists, is awake and was not flushed. Without the latter, pods were open for up to 90 ms after a
flush during a large transaction of the agent: until its thread, which waits for the interpreter, had read the table.
"""

TAKEN: Final = b"taken"
"""The answer to each message."""

_Restorations = tuple[Restoration, ...]


def main(arguments: Sequence[str]) -> None:
    """Stand by until the agent ends."""
    control, sender, listener, *events = map(int, arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole process group: this one ends after the agent
        signal.signal(number, signal.SIG_IGN)
    # A collection could delay a restoration.
    gc.disable()
    _raise_priority()
    with (
        socket.socket(fileno=control) as agent,
        NetlinkSocket.inherited(sender) as sending,
        NetlinkSocket.inherited(listener) as listening,
    ):
        _stand_by(agent, sending, listening, *events)


def _raise_priority() -> None:
    """Run before other processes, if the rights allow it (SYS_NICE). Otherwise 3 ms of work may wait much longer.

    A real-time priority is tried first: it applies across control groups, while a nice value applies only within the
    control group of the agent, which has a small share of the processor.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError:  # no right, or a control group without real-time budget (cgroup v1)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)


def _stand_by(
    agent: socket.socket, sending: NetlinkSocket, listening: NetlinkSocket, asking: int, *announcements: int
) -> None:
    restorations: _Restorations = ()
    announcing = Announcements(*(partial(os.eventfd_write, one, 1) for one in announcements))
    reports, asked = _poll(agent.fileno(), listening.fileno()), _poll(asking)
    anything = _poll(agent.fileno(), listening.fileno(), asking)
    was_asking = False
    while True:
        # Read before the check of the table: if it is not set then, the kernel reports changes after the check.
        is_asking = bool(asked.poll(0))
        reported = _reported(listening, restorations)
        # Once more after the last request to check: what happened just before reports began again is not reported.
        restore(sending, restorations, reported, announcing, reads_signs=is_asking or was_asking)
        was_asking = is_asking
        ready = reports.poll(LOOK_INTERVAL) if is_asking else anything.poll()
        if agent.fileno() in dict(ready):
            received = _received(agent)
            if received is None:
                return
            restorations = received


def _reported(listening: NetlinkSocket, restorations: _Restorations) -> Damage:
    """The damage that the kernel has reported. If reports were lost (ENOBUFS), the repair reads everything back."""
    damage = Damage()
    while True:
        try:
            received = listening.waiting()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            continue
        if received is None:
            return damage
        damage.note(received, restorations)


def _poll(*descriptors: int) -> select.poll:
    """A poll object that waits until one of the descriptors can be read."""
    one = select.poll()
    for descriptor in descriptors:
        one.register(descriptor, select.POLLIN)
    return one


def _received(agent: socket.socket) -> _Restorations | None:
    """The new restorations from the agent; None if the agent has ended."""
    try:
        message, descriptors, _, _ = socket.recv_fds(agent, 1, 1)
        if not message:
            return None
        with os.fdopen(descriptors[0], "rb") as memory:
            restorations = msgspec.msgpack.decode(memory.read(), type=_Restorations)
        agent.send(TAKEN)
    except ConnectionError:
        return None
    return restorations


if __name__ == "__main__":
    main(sys.argv[1:])
