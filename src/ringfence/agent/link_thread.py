"""The thread that follows the veth pairs of pods.

It does nothing else, so that it reads a veth pair before the first container of its pod starts, even while a round
takes long.
"""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from ringfence.agent.inbox import Inbox, VethPairsChanged, VethPairsUnread
from ringfence.dataplane.compile import remembered_ports
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.veth_pairs import VethPairReader
from ringfence.errors import AgentError
from ringfence.netlink.link_changes import LinkChanges

RETRY_AFTER: Final = 1.0
"""Seconds until the next attempt if the veth pairs could not be read."""


@contextmanager
def following_veth_pairs(ports: PodPorts, kernel: Kernel, inbox: Inbox) -> Iterator[None]:
    """Read the veth pairs now and, while the context lasts, after each change, which is put into the inbox.

    Raises AgentError if the links cannot be listed.
    """
    try:
        changes, reader = LinkChanges(), VethPairReader(remembered_ports(kernel.present))
        ports.veth_pairs = reader.read()
    except OSError as error:
        raise AgentError(f"the links of this node cannot be listed: {error.strerror or error}") from error
    with closing(changes), closing(reader):
        stopped = os.eventfd(0, os.EFD_CLOEXEC)
        arguments = stopped, changes, reader, ports, inbox
        thread = threading.Thread(target=_follow, args=arguments, name="links", daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.eventfd_write(stopped, 1)
            thread.join()
            os.close(stopped)


def _follow(stopped: int, changes: LinkChanges, reader: VethPairReader, ports: PodPorts, inbox: Inbox) -> None:
    poll = select.poll()
    for descriptor in (stopped, changes.fileno()):
        poll.register(descriptor, select.POLLIN)
    wait = reader.next_reading
    while stopped not in (descriptor for descriptor, _ in poll.poll(None if wait is None else wait * 1000)):
        try:
            removed = changes.take_removed()
            if removed is None:
                reader.invalidate()
            else:
                reader.forget(removed)
            pairs = reader.read()
        except Exception as error:  # otherwise the thread would end, and new pods would not be found
            inbox.put(VethPairsUnread(error))
            wait = RETRY_AFTER
            continue
        wait = reader.next_reading
        if pairs != ports.veth_pairs:
            # This comes before the notification: the loop reads it when it is notified.
            ports.veth_pairs = pairs
            inbox.put(VethPairsChanged())
