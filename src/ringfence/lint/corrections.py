"""The label that was probably meant by a selector that matches nothing: one key or one value is spelled differently."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from ringfence.model.metadata import Labels, LabelSelector
from ringfence.model.origin import Origin
from ringfence.model.selectors import compile_selector
from ringfence.model.text_edits import Replacement, TextEdit, rename_key, replace_value

_SIMILAR: Final = 0.6
"""The least similarity of a proposed word, as `difflib` measures it."""


class Correction(msgspec.Struct, frozen=True):
    """One entry of `matchLabels` as it was probably meant."""

    written: tuple[str, str]
    meant: tuple[str, str]

    def __str__(self) -> str:
        return "=".join(self.meant)

    def edit(self, origin: Origin | None, selector_path: str) -> TextEdit | None:
        """The edit of the file; None if the place is not known."""
        if origin is None:
            return None
        (key, value), (meant_key, meant_value) = self.written, self.meant
        path = f"{selector_path}.matchLabels.{key}"
        if key != meant_key:
            return rename_key(origin, path, key, meant_key)
        return replace_value(origin, path, Replacement(value, meant_value))


def correction(selector: LabelSelector, known: Sequence[Labels]) -> Correction | None:
    """The only change of one label with which a selector matches some of the known labels; None if it is not unique.

    The whole changed selector is tried, so its other terms must match, too.
    """
    found = {
        one
        for one in _candidates(selector.match_labels, known)
        if any(map(compile_selector(_corrected(selector, one)).matches, known))
    }
    # Of two candidates either may be meant. A wrong label in a policy is worse than no proposal.
    return found.pop() if len(found) == 1 else None


def _candidates(written: Labels, known: Sequence[Labels]) -> Iterator[Correction]:
    for key, value in written.items():
        values = {labels[key] for labels in known if key in labels}
        for other in _similar(value, values):
            yield Correction((key, value), (key, other))
        # The value must fit exactly if the key is changed: with both changed, nearly every label would be similar to
        # some other.
        keys = {other for labels in known for other, its_value in labels.items() if its_value == value}
        for other in _similar(key, keys - set(written)):
            yield Correction((key, value), (other, value))


def _similar(word: str, known: Iterable[str]) -> list[str]:
    others = sorted(one for one in known if one != word)
    return get_close_matches(word, others, n=3, cutoff=_SIMILAR)


def _corrected(selector: LabelSelector, change: Correction) -> LabelSelector:
    labels = {key: value for key, value in selector.match_labels.items() if (key, value) != change.written}
    return msgspec.structs.replace(selector, match_labels={**labels, change.meant[0]: change.meant[1]})
