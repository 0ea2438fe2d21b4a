"""Temporary faults, and how long to wait until the next attempt."""

import random
from collections.abc import Iterator
from typing import Final

import httpx2

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.responses import ApiStatusError
from ringfence.sources.cluster.watch_events import LineError

EXPECTED: Final = (
    LiveClusterError,
    ApiStatusError,
    LineError,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    OSError,
)
"""Faults of servers, networks and credentials. Any other exception is a defect of ringfence."""

_FIRST_WAIT: Final = 0.1
_LAST_WAIT: Final = 5.0
_LONGEST_RETRY_AFTER: Final = 60.0
"""The longest wait that a server can ask for, in seconds."""


def waits() -> Iterator[float]:
    """Seconds to wait after the first failure, after the second, and so on; random, so that agents spread out."""
    wait = _FIRST_WAIT
    while True:
        yield wait * random.uniform(0.5, 1)
        wait = min(2 * wait, _LAST_WAIT)


def wait_after(error: Exception, usual: float) -> float:
    """Seconds to wait after an error: the usual ones, or what the server asks for."""
    if isinstance(error, ApiStatusError):
        return max(usual, min(error.retry_after, _LONGEST_RETRY_AFTER))
    return usual
