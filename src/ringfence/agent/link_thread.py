"""The thread that keeps the agent informed about the cables of pods.

It does nothing else, so that a cable is read before the first container of its pod starts, also while a round takes
long.
"""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from ringfence.agent.inbox import CablesChanged, CablesUnread, Inbox
from ringfence.dataplane.cables import CableReader
from ringfence.dataplane.compile import remembered_ports
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.errors import AgentError
from ringfence.netlink.link_changes import LinkChanges

RETRY_AFTER: Final = 1.0
"""Seconds after which it is tried again to read cables if that has failed."""


@contextmanager
def following_cables(ports: PodPorts, kernel: Kernel, inbox: Inbox) -> Iterator[None]:
    """Read the cables now and, for a while, whenever they change, and say so in the inbox.

    Raises AgentError if the kernel does not say which links there are.
    """
    try:
        changes, reader = LinkChanges(), CableReader(remembered_ports(kernel.present))
        ports.cables = reader.read()
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


def _follow(stopped: int, changes: LinkChanges, reader: CableReader, ports: PodPorts, inbox: Inbox) -> None:
    poll = select.poll()
    for descriptor in (stopped, changes.fileno()):
        poll.register(descriptor, select.POLLIN)
    wait = reader.next_reading
    while stopped not in (descriptor for descriptor, _ in poll.poll(None if wait is None else wait * 1000)):
        try:
            reader.forget(changes.take_removed())
            cables = reader.read()
        except Exception as error:  # a thread that ended here would learn of no pod any more
            inbox.put(CablesUnread(error))
            wait = RETRY_AFTER
            continue
        wait = reader.next_reading
        if cables != ports.cables:
            ports.cables = cables
            inbox.put(CablesChanged())
