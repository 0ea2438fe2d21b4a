"""Documents that several inputs share: each is parsed once, and its objects have their places in each input.

Two revisions of a repository differ in few files. A document is known by its content, so it does not matter whether it
has been moved to another line or file.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from hashlib import blake2b

import msgspec

from ringfence.model.objects import Manifest
from ringfence.model.operated_kinds import OperatedObject
from ringfence.model.origin import FieldRanges, Origin, Place, Range
from ringfence.sources.loaded_objects import Found, Skipped, UnreadManifest, Unrelated

_replace = msgspec.structs.replace
_DIGEST_BYTES = 32
_MOVABLE = (Manifest, UnreadManifest, Unrelated, Skipped, OperatedObject)
"""The findings that do not depend on their place, or whose places can be moved."""

Reading = Generator[Found, None, int]
"""Yields what is in a text, and returns the number of documents in it."""


class _Document(msgspec.Struct, frozen=True):
    """What was found in a text that started at `start`."""

    start: Origin
    found: tuple[Found, ...]
    documents: int


class SharedDocuments:
    """What was found in each document, by its key. An object that two inputs share is one and the same Python object.

    A document with a problem is parsed again, because the message of a problem may contain its place.
    """

    def __init__(self) -> None:
        self._documents: dict[bytes, _Document] = {}

    def has(self, key: bytes) -> bool:
        """Whether a text of this key was read before and is kept."""
        return key in self._documents

    def read(self, key: bytes, start: Origin, parse: Callable[[], Reading]) -> Reading:
        """What is in the text of a key that starts at `start`: what `parse` gives, unless it was read before."""
        if (known := self._documents.get(key)) is not None:
            yield from _moved(known, start)
            return known.documents
        return (yield from self._parsed(key, start, parse()))

    def _parsed(self, key: bytes, start: Origin, reading: Reading) -> Reading:
        found: list[Found] = []
        while True:
            try:
                found.append(next(reading))
            except StopIteration as end:
                documents: int = end.value
                break
            yield found[-1]
        if all(isinstance(one, _MOVABLE) for one in found):
            self._documents[key] = _Document(start, tuple(found), documents)
        return documents


def key_of_content(content: bytes) -> bytes:
    """The key of a text: equal for equal texts only."""
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _moved(document: _Document, start: Origin) -> Iterator[Found]:
    """What was found in a document, in another place."""
    old = document.start
    lines, documents = start.line - old.line, start.document - old.document
    for one in document.found:
        match one:
            case Manifest(origin=origin):
                fields = ShiftedFields(origin.fields, lines) if lines and origin.fields else origin.fields
                moved = Origin(
                    start.file, origin.line + lines, origin.document + documents, fields, origin.rendered_from
                )
                yield Manifest(one.object, moved, one.is_stored, one.api_version, one.tree, one.suppressions)
            case UnreadManifest(place=place):
                yield _replace(one, place=Place(start.file, place.line + lines, rendered_from=place.rendered_from))
            case Unrelated():
                yield Unrelated(start.file, one.document + documents)
            case _:
                yield one


class ShiftedFields(Mapping[str, FieldRanges]):
    """The places of fields, some lines further down; computed for a field when it is asked for."""

    def __init__(self, fields: Mapping[str, FieldRanges], lines: int) -> None:
        self._fields = fields
        self._lines = lines

    def __getitem__(self, path: str) -> FieldRanges:
        field = self._fields[path]
        return FieldRanges(self._shifted(field.value), self._shifted(field.key) if field.key else None)

    def __contains__(self, path: object) -> bool:
        return path in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def _shifted(self, part: Range) -> Range:
        return Range(part.line + self._lines, part.column, part.end_line + self._lines, part.end_column)
