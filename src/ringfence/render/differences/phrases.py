"""Sentences that mark texts from manifests as quotations, so that each format can escape them.

Names, labels, file names and revisions come from those who wrote the change. A review comment is read by those who
judge the change: no text of a manifest may become a link, an image or a mention in it.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

_MOST_NAMES: Final = 3
"""The largest number of names that a sentence lists; further ones are counted. JSON has all."""


class Name(msgspec.Struct, frozen=True):
    """A text that comes from the input: a name, a label, a file name or a revision."""

    text: str


Phrase = tuple[str | Name, ...]
"""A sentence, in pieces."""


def phrase(*pieces: str | Name | Phrase) -> Phrase:
    """One sentence of some pieces and of other sentences."""
    joined: list[str | Name] = []
    for piece in pieces:
        joined += piece if isinstance(piece, tuple) else (piece,)
    return tuple(joined)


def plain(sentence: Phrase) -> str:
    """The sentence as text."""
    return "".join(piece.text if isinstance(piece, Name) else piece for piece in sentence)


def listed(names: Iterable[object], joint: str = ", ") -> Phrase:
    """Some names; of many the first ones and the number of the others."""
    texts = [str(name) for name in names]
    joined: list[str | Name] = []
    for text in texts[:_MOST_NAMES]:
        joined += [joint, Name(text)] if joined else [Name(text)]
    if len(texts) > _MOST_NAMES:
        joined.append(f" and {len(texts) - _MOST_NAMES} more")
    return tuple(joined)
