"""One loop that waits for all sockets of the laboratory at once, whatever namespace they are in."""

import select
from collections.abc import Callable
from typing import Final, Protocol

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT


class Pollable(Protocol):
    """What can be waited for."""

    def fileno(self) -> int:
        """Its file descriptor."""


class EventLoop:
    """File descriptors and what to do when they are ready."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}

    def watch(self, pollable: Pollable, events: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever one of `events` (or an error) is there."""
        self._ready[pollable.fileno()] = ready
        self._poll.register(pollable.fileno(), events)

    def forget(self, pollable: Pollable) -> None:
        """Stop to watch; to be called before it is closed."""
        del self._ready[pollable.fileno()]
        self._poll.unregister(pollable.fileno())

    def turn(self, timeout: float | None = 0) -> int:
        """Wait up to `timeout` seconds (None: for ever), handle what is ready and say how much it was."""
        events = self._poll.poll(timeout)
        for descriptor, _ in events:
            ready = self._ready.get(descriptor)
            if ready:  # else an earlier event of this turn has closed it
                ready()
        return len(events)

    def close(self) -> None:
        """Watch nothing any more."""
        self._poll.close()
