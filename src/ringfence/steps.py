"""Work in steps: a generator that yields every few milliseconds, so that nobody waits long, and returns the result."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work that is done one step at a time."""


def finish(steps: Steps[T]) -> T:
    """Do all steps at once; returns the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
