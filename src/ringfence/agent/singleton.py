"""One agent in a network namespace: two would undo each other's changes endlessly.

An abstract socket belongs to the network namespace, can be bound once, and is free again when its process ends, even
if it is killed.

Source: unix(7), "Abstract sockets"; network_namespaces(7).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ringfence.errors import AgentError

_ADDRESS: Final = "\0ringfence/agent"


def is_running() -> bool:
    """Whether an agent runs in this network namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as question:
        try:
            question.connect(_ADDRESS)
        except OSError:
            return False
        return True


@contextmanager
def only_agent() -> Iterator[None]:
    """Be the only agent of this network namespace for a while. Raises AgentError if there is one already."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        try:
            claim.bind(_ADDRESS)
        except OSError:
            raise AgentError(
                "another ringfence agent runs on this node: stop it first (one DaemonSet, one pod of it on each node)"
            ) from None
        yield
