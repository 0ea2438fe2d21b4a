"""Only one agent runs in a network namespace: two would undo each other's changes endlessly.

The agent binds an abstract Unix socket. Its name belongs to the network namespace, can be bound only once, and is
released when the process ends, even if it is killed.

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
            # This sends nothing to a datagram socket. It fails if nobody has bound the name.
            question.connect(_ADDRESS)
        except OSError:
            return False
        return True


@contextmanager
def only_agent() -> Iterator[None]:
    """Be the only agent of this network namespace while the context lasts. Raises AgentError if another one runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        try:
            claim.bind(_ADDRESS)
        except OSError:
            raise AgentError(
                "another ringfence agent runs on this node: stop it first (one DaemonSet, one pod of it on each node)"
            ) from None
        yield
