"""The sockets and events that the agent shares with its standby process.

To repair the table, the agent needs the Python interpreter, for which its threads compete with the compiling thread,
and a lock that is held while a program is put in force. The standby process waits for neither: it has its own sockets,
and sends prepared messages (`restoration.py`). It never changes a table that exists and is awake, so it does no harm if
the repair was faster.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ringfence.dataplane.nftables import NFNLGRP_NFTABLES
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket


class Standby:
    """The sockets of the standby process, and the events by which it and the agent inform each other."""

    def __init__(self, own: int) -> None:
        """Open the sockets. Transactions of the netlink port `own`, and those of the process itself, do not wake it.

        Raises OSError if the kernel refuses.
        """
        self.sender = NetlinkSocket(NETLINK_NETFILTER)
        self.listener = NetlinkSocket(NETLINK_NETFILTER)
        self.listener.ignore_senders(own, self.sender.port)
        self.asking = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable while the kernel reports no changes to the process, so that it has to check the table itself."""
        self.begun = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """`begun` and `ended` are readable if the process has begun, or has finished, to restore or wake a table since
        the event was last read."""
        self.covered = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable if the process has created a cover since the event was last read."""
        self._is_listening = False

    @property
    def announcements(self) -> tuple[int, int, int]:
        """The events that the process writes."""
        return self.begun, self.ended, self.covered

    def close(self) -> None:
        """Close the sockets. The rules in the kernel stay in force."""
        for one in (self.sender, self.listener):
            one.close()
        for descriptor in (self.asking, *self.announcements):
            os.close(descriptor)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have the kernel report changes of other programs to the process, while the context lasts."""
        self.listener.join(NFNLGRP_NFTABLES)
        self._is_listening = True
        try:
            yield
        finally:
            self._is_listening = False
            self.listener.leave(NFNLGRP_NFTABLES)

    @contextmanager
    def not_listening(self) -> Iterator[None]:
        """Have the process check the table itself while one transaction is committed (see `TableChanges`)."""
        if not self._is_listening:
            yield
            return
        # Before it leaves the group, so that there is no moment without reports and without checks.
        os.eventfd_write(self.asking, 1)
        self.listener.leave(NFNLGRP_NFTABLES)
        try:
            yield
        finally:
            self.listener.join(NFNLGRP_NFTABLES)  # before the process stops checking, so that it misses no change
            os.eventfd_read(self.asking)

    def assume_changes(self) -> None:
        """Assume that the process has changed the tables, because it ended without saying what it did."""
        for event in (self.ended, self.covered):
            os.eventfd_write(event, 1)

    def has_begun(self) -> bool:
        """Whether the process has begun to restore or wake a table since the last call."""
        return _was_written(self.begun)

    def has_ended(self) -> bool:
        """Whether the process has restored or woken a table since the last call, so that it has to be read back."""
        return _was_written(self.ended)

    def has_covered(self) -> bool:
        """Whether the process has created a cover since the last call."""
        return _was_written(self.covered)


def _was_written(event: int) -> bool:
    try:
        os.eventfd_read(event)
    except BlockingIOError:
        return False
    return True
