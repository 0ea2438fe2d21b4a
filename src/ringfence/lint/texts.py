"""Long values in messages: a policy may have thousands of labels, addresses and ports."""

from collections.abc import Iterable
from typing import Final

_MOST: Final = 4
_LONGEST: Final = 600
"""Characters of a message or a remedy. Those about usual policies have some hundred."""


def listed(items: Iterable[object]) -> str:
    """The first items, separated by commas, and how many more there are."""
    texts = [str(item) for item in items]
    more = len(texts) - _MOST
    # One more is no shorter than its name.
    return ", ".join(texts) if more < 2 else f"{', '.join(texts[:_MOST])} and {more} more"


def bounded(text: str) -> str:
    """A message or a remedy; of a very long one, the beginning and the end."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {text[-half:]}"
