"""The last results of a function of two large immutable values.

One update compares the same two programs a dozen times: what differs, what to send, whose connections are affected. A
program of 10,000 pods has thousands of objects, and sets with 10,000 elements, so each comparison takes 50 to 200 us.
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST: Final = 32
"""The number of results that are kept. An update has some ten steps, and each has other sets, maps and chains."""


class LastResults(Generic[T, R]):
    """A function of two immutable values with its last results, which it finds by the identity of the values.

    Several threads may use it. A result that two of them compute at the same time may be kept twice or not at all.
    """

    def __init__(self, function: Callable[[T, T], R], most: int = _MOST) -> None:
        """Create it without results. It keeps at most `most` results: if there are more, it drops those before."""
        self._function = function
        self._most = most
        self._known: dict[tuple[int, int], tuple[T, T, R]] = {}
        """By the identities of the values. As long as the values are kept, no other values have these identities."""

    def __call__(self, old: T, new: T) -> R:
        """Return the result for these two values."""
        key = id(old), id(new)
        known = self._known.get(key)
        if known is not None:
            return known[2]
        found = self._function(old, new)
        self.note(old, new, found)
        return found

    def note(self, old: T, new: T, result: R) -> None:
        """Keep a result that is known otherwise, so that the function is not called for these two values."""
        if len(self._known) >= self._most:
            self._known = {}
        self._known[id(old), id(new)] = old, new, result

    def forget(self) -> None:
        """Drop the results, and with them the values, which can be large."""
        self._known = {}
