"""The process that brings the table back at once when another program removes it, and covers it after other damage.

    python -m ringfence.agent.standby_process CONTROL SENDER LISTENER ASKING BEGUN ENDED COVERED

The arguments are descriptors that it inherits from the agent (`standing_by.py`, `dataplane/standby.py`). It is small,
knows nothing of programs, and sends bytes that are ready, so it waits neither for the agent's interpreter nor for its
locks: a thread of the agent waited for these up to 400 ms while the agent compiled large policies.

It ends when the other end of its control socket is closed: with the agent, also if that is killed.
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
"""Milliseconds between two looks at whether there is the table while no changes are reported; each costs 50 us."""

TAKEN: Final = b"taken"
"""The answer to each message."""

_Restorations = tuple[Restoration, ...]


def main(arguments: Sequence[str]) -> None:
    """Stand by until the agent ends."""
    control, sender, listener, *events = map(int, arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the agent's whole group: it ends when the agent does
        signal.signal(number, signal.SIG_IGN)
    gc.disable()
    _come_first()
    with (
        socket.socket(fileno=control) as agent,
        NetlinkSocket.inherited(sender) as sending,
        NetlinkSocket.inherited(listener) as listening,
    ):
        _stand_by(agent, sending, listening, *events)


def _come_first() -> None:
    """Run before other processes where the rights allow it (SYS_NICE): it works for 3 ms, and may wait much longer.

    The priority that is set first holds across control groups, of which that of an agent has a small share.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError:  # also where the control group has no time for such processes (cgroup v1)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)


def _stand_by(
    agent: socket.socket, sending: NetlinkSocket, listening: NetlinkSocket, asking: int, *announcements: int
) -> None:
    restorations: _Restorations = ()
    announcing = Announcements(*(partial(os.eventfd_write, one, 1) for one in announcements))
    told, asked = _poll(agent.fileno(), listening.fileno()), _poll(asking)
    anything = _poll(agent.fileno(), listening.fileno(), asking)
    while True:
        # Found out before the look: if not, changes after the look are reported.
        is_asking = bool(asked.poll(0))
        restore(sending, restorations, _reported(listening, restorations), announcing)
        ready = told.poll(LOOK_INTERVAL) if is_asking else anything.poll()
        if agent.fileno() in dict(ready):
            received = _received(agent)
            if received is None:
                return
            restorations = received


def _reported(listening: NetlinkSocket, restorations: _Restorations) -> Damage:
    """What the kernel has reported. Where some of that was lost, the repair reads everything back."""
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
    """Waits until one of some descriptors can be read."""
    one = select.poll()
    for descriptor in descriptors:
        one.register(descriptor, select.POLLIN)
    return one


def _received(agent: socket.socket) -> _Restorations | None:
    """What is to be sent from now on; None if the agent has ended."""
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
