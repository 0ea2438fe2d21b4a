"""What a process needs that stands by to undo at once what another program does to the table.

To repair the table, the agent needs the interpreter, for which its threads compete with the one that compiles, and a
lock that is held while a program is put in force. A process of its own waits for neither: it has sockets of its own,
and sends bytes that are ready (`restoration.py`). It never changes a table that is there and awake, so it does no harm
if the repair was faster. Here is what both processes share.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ringfence.dataplane.nftables import NFNLGRP_NFTABLES
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket


class Standby:
    """The sockets of the process that stands by, and how the two tell each other what they do."""

    def __init__(self, own: int) -> None:
        """What is sent from the port `own` does not wake the process, nor what it sends itself.

        Raises OSError where the kernel refuses.
        """
        self.sender = NetlinkSocket(NETLINK_NETFILTER)
        self.listener = NetlinkSocket(NETLINK_NETFILTER)
        self.listener.ignore_senders(own, self.sender.port)
        self.asking = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Can be read while the kernel reports no changes to the process, and it has to ask."""
        self.begun = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Can be read if the process has begun, and has ended, to bring a table back or to wake it since that was last
        asked."""
        self.covered = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Can be read if the process has put a second table beside a damaged one since that was last asked."""
        self._is_listening = False

    @property
    def announcements(self) -> tuple[int, int, int]:
        """The descriptors by which the process says what it does."""
        return self.begun, self.ended, self.covered

    def close(self) -> None:
        """Close the sockets; what the kernel holds stays in force."""
        for one in (self.sender, self.listener):
            one.close()
        for descriptor in (self.asking, *self.announcements):
            os.close(descriptor)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have the kernel report changes of others to the process for a while."""
        self.listener.join(NFNLGRP_NFTABLES)
        self._is_listening = True
        try:
            yield
        finally:
            self._is_listening = False
            self.listener.leave(NFNLGRP_NFTABLES)

    @contextmanager
    def not_listening(self) -> Iterator[None]:
        """Have the process ask while one transaction is committed, for the reason of `TableChanges.not_listening`."""
        if not self._is_listening:
            yield
            return
        os.eventfd_write(self.asking, 1)
        self.listener.leave(NFNLGRP_NFTABLES)
        try:
            yield
        finally:
            self.listener.join(NFNLGRP_NFTABLES)  # before the process stops asking, so that it misses nothing
            os.eventfd_read(self.asking)

    def suspect(self) -> None:
        """Take it that the process has ended in the midst of anything."""
        for event in (self.ended, self.covered):
            os.eventfd_write(event, 1)

    def has_begun(self) -> bool:
        """Whether the process has begun to bring a table back, or to wake it, since this was last asked."""
        return _was_written(self.begun)

    def has_ended(self) -> bool:
        """Whether it has ended to do so since this was last asked: what was read before may not be what is there."""
        return _was_written(self.ended)

    def has_covered(self) -> bool:
        """Whether there may be a second table of the process, which it has made since this was last asked."""
        return _was_written(self.covered)


def _was_written(event: int) -> bool:
    try:
        os.eventfd_read(event)
    except BlockingIOError:
        return False
    return True
