"""Texts of messages: long values, because a policy may have thousands of labels, and words that name no rule."""

from collections.abc import Iterable
from typing import Final

from ringfence.analysis.endpoints import similar

_MOST: Final = 4
_LONGEST: Final = 600
"""The most characters of a message or a remedy. Usual ones have some hundred."""


def listed(items: Iterable[object]) -> str:
    """The first items, separated by commas, and how many more there are."""
    texts = [str(item) for item in items]
    more = len(texts) - _MOST
    # `and 1 more` would not be shorter than the item.
    return ", ".join(texts) if more < 2 else f"{', '.join(texts[:_MOST])} and {more} more"


def no_rule(word: str, known: Iterable[str]) -> str:
    """The message for a word that names no rule. It proposes a similar name, but no other identifier for RF999."""
    names = [one for one in known if not one.startswith("RF")]
    return f"there is no rule {word!r}{similar(word, names) or '; ringfence lint --list lists all'}"


def bounded(text: str) -> str:
    """A message or a remedy; a very long one is reduced to its beginning and its end."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {text[-half:]}"
