"""Sentences that keep the texts of others apart from the words of ringfence, so that each format can quote them.

Names, labels, file names and revisions come from those who wrote the change. A review comment is read by those who
judge it: nothing in it may become a link, an image or a mention of somebody because a manifest says so.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

_MOST_NAMES: Final = 3
"""Names that a sentence lists; of more it says how many there are. JSON has all."""


class Name(msgspec.Struct, frozen=True):
    """A text that ringfence has not written."""

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
    """Some names, of many only the first and how many more there are."""
    texts = [str(name) for name in names]
    joined: list[str | Name] = []
    for text in texts[:_MOST_NAMES]:
        joined += [joint, Name(text)] if joined else [Name(text)]
    if len(texts) > _MOST_NAMES:
        joined.append(f" and {len(texts) - _MOST_NAMES} more")
    return tuple(joined)
