"""The event loop: waits for all sockets of the laboratory at once, whatever namespace they are in."""

import select
from collections.abc import Callable
from typing import Final, Protocol

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT


class Pollable(Protocol):
    """An object with a file descriptor."""

    def fileno(self) -> int:
        """Its file descriptor."""


class EventLoop:
    """File descriptors and the functions to call when they are ready."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def watch(self, pollable: Pollable, events: int, callback: Callable[[], None]) -> None:
        """Call `callback` whenever one of `events`, or an error, occurs."""
        self._callbacks[pollable.fileno()] = callback
        self._poll.register(pollable.fileno(), events)

    def unwatch(self, pollable: Pollable) -> None:
        """Stop watching; to be called before the descriptor is closed."""
        del self._callbacks[pollable.fileno()]
        self._poll.unregister(pollable.fileno())

    def run_once(self, timeout: float | None = 0) -> int:
        """Wait up to `timeout` seconds (None: without limit), handle what is ready, and return the number of events."""
        events = self._poll.poll(timeout)
        for descriptor, _ in events:
            callback = self._callbacks.get(descriptor)
            if callback:  # else the callback of an earlier event has closed it
                callback()
        return len(events)

    def close(self) -> None:
        """Stop watching everything."""
        self._poll.close()
