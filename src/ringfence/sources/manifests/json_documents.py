"""JSON to objects: fast for objects whose fields need no places, with the place of every field for policies.

What kubectl prints of a large cluster is one list of 100 MB. Its items are decoded straight into their structs, without
a tree of dicts in between; only a policy, or an object with a problem, is parsed in full.
"""

import json
import re
from collections.abc import Callable, Generator, Iterator
from functools import cache, partial
from typing import Any, Final

import msgspec

from ringfence.errors import DecodingError
from ringfence.model.decoding import decode_json
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.objects import Manifest
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.suppressions import suppressions_in
from ringfence.sources.loaded_objects import Found, Unrelated
from ringfence.sources.loading import Done, inherit, is_list, item_kind, read_object
from ringfence.sources.manifests.json_places import locate
from ringfence.sources.manifests.text_remedies import text_remedy
from ringfence.sources.object_problems import duplicate_key, unreadable

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_BETWEEN_ITEMS: Final = re.compile(rb"[ \t\r\n,]*")


Column = Callable[[], int]
"""Gives the column in which a text starts; called only where fields need their places."""


class _Head(msgspec.Struct, rename="camel"):
    """What an object is, and the text of its metadata; if it is a list, the texts of its items."""

    api_version: Any = None
    kind: Any = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")
    items: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


_replace = msgspec.structs.replace

_HEAD: Final = msgspec.json.Decoder(_Head)


def read_json(data: bytes, origin: Origin, progress: Done) -> Generator[Found, None, int]:
    """What is in `data`, which is UTF-8: one JSON value or several in a row. Returns how many there were.

    From the first value that is not JSON the rest is read as YAML, as kubectl does: with a comma too many it is.
    `origin` is the place where the data starts. `progress` is called with the number of bytes that are done.
    """
    documents = 0
    try:
        for line, column, text, head in _values(data):
            start = _replace(origin, line=origin.line + line, document=origin.document + documents)
            yield from _read_value(text, head, start, partial(int, column), progress)
            documents += 1
    except _NotJson as refusal:
        start = _replace(origin, line=origin.line + refusal.line, document=origin.document + documents)
        found, read = _as_yaml(refusal, start)
        yield from found
        documents += read
    return documents


class _NotJson(Exception):
    """The rest of a text that is not JSON, the line and the column where it starts, and the error."""

    def __init__(self, rest: str, line: int, column: int, error: json.JSONDecodeError) -> None:
        super().__init__(str(error))
        self.text = " " * (column - 1) + rest  # so that its columns are those of the file
        self.line = line
        self.error = error


def _as_yaml(refusal: _NotJson, start: Origin) -> tuple[list[Found], int]:
    """The findings in a text that is not JSON, and the number of its documents.

    If it is not YAML either, or only a text to YAML, the problem is that it is not JSON.
    """
    from ringfence.sources.manifests.yaml_documents import read_yaml

    error = refusal.error
    line = start.line - refusal.line + error.lineno - 1
    place = Place(start.file, line, error.colno, line, error.colno)
    found, documents = _exhausted(read_yaml(refusal.text, start, lambda done: None))
    unrelated = all(isinstance(one, Unrelated) for one in found)
    remedy = text_remedy(error.doc, error.lineno - 1, error.msg, start.line - refusal.line)
    if found and (_is_unreadable(found[0]) or (unrelated and not refusal.text.lstrip().startswith("{"))):
        return [unreadable(place, ProblemCode.INVALID_JSON, f"not JSON: {error.msg}", refusal.text, remedy)], 1
    if not unrelated:
        message = f"not JSON ({error.msg}), but YAML: read as YAML, as kubectl does"
        found.insert(0, Problem(place, ProblemCode.YAML_IN_JSON, message, Severity.WARNING, remedy=remedy))
    return found, documents


def _is_unreadable(found: Found) -> bool:
    return isinstance(found, Problem) and found.code == ProblemCode.INVALID_YAML


def _exhausted(reading: Generator[Found, None, int]) -> tuple[list[Found], int]:
    """All that a generator yields, and what it returns."""
    found: list[Found] = []
    while True:
        try:
            found.append(next(reading))
        except StopIteration as end:
            return found, end.value


def _values(data: bytes) -> Iterator[tuple[int, int, bytes, _Head]]:
    """The values, each with its line, from 0, its column, and its head. Raises _NotJson at the first of none.

    A text is nearly always one value. Then only its head has to be read to find that out.
    """
    try:
        head = _HEAD.decode(data)
    except (msgspec.DecodeError, RecursionError):
        for line, column, text in _values_in_a_row(data.decode()):
            yield line, column, text, _head(text)
    else:
        start = _end(_BETWEEN_ITEMS, data, 0)
        yield data.count(b"\n", 0, start), start - data.rfind(b"\n", 0, start), data[start:], head


def _head(text: bytes) -> _Head:
    try:
        return _HEAD.decode(text)
    except msgspec.DecodeError:
        return _Head()


def _values_in_a_row(text: str) -> Iterator[tuple[int, int, bytes]]:
    decoder = json.JSONDecoder()
    line, end = 0, 0
    while (start := _end(_SPACE, text, end)) < len(text):
        line += text.count("\n", end, start)
        try:
            _, end = decoder.raw_decode(text, start)
        except RecursionError:
            error = json.JSONDecodeError("too many levels deep", text, start)
            raise _NotJson(text[start:], line, start - text.rfind("\n", 0, start), error) from None
        except json.JSONDecodeError as error:
            raise _NotJson(text[start:], line, start - text.rfind("\n", 0, start), error) from None
        yield line, start - text.rfind("\n", 0, start), text[start:end].encode()
        line += text.count("\n", start, end)


class _Columns:
    """The columns of offsets in a text, each of which is behind the one before.

    Only the text in between is searched. In a list of 100 MB on a single line, each policy would otherwise take as long
    as everything before it.
    """

    def __init__(self, text: bytes, first: Column) -> None:
        self._text = text
        self._first = first
        self._offset = 0
        self._column = 0

    def at(self, offset: int) -> int:
        self._column = self._column or self._first()
        line_start = self._text.rfind(b"\n", self._offset, offset) + 1
        if line_start:
            self._offset, self._column = line_start, 1
        self._column += len(self._text[self._offset : offset].decode())
        self._offset = offset
        return self._column


def _read_value(text: bytes, head: _Head, origin: Origin, column: Column, progress: Done) -> Iterator[Found]:
    """An object, or the objects of a list."""
    if head.items is msgspec.UNSET or not is_list(head.kind):
        yield from _read_object(text, head, origin, column)
    else:
        yield from _read_items(text, head, origin, column, progress)


def _read_items(text: bytes, head: _Head, origin: Origin, column: Column, progress: Done) -> Iterator[Found]:
    columns = _Columns(text, column)
    line, start, end = origin.line, 0, 0
    for item in head.items or []:
        item_text = bytes(item)
        before, start = start, _end(_BETWEEN_ITEMS, text, end)
        # msgspec gives no offsets. Items follow one another, so the search begins where the last one ended.
        if not text.startswith(item_text, start):
            start = text.find(item_text, end)
        line += text.count(b"\n", before, start)
        end = start + len(item_text)
        item_head = _head(item_text)
        if not item_head.api_version and not item_head.kind:
            item_head.api_version = head.api_version
            item_head.kind = None if head.kind is None else item_kind(head.kind)
        item_origin = _replace(origin, line=line)
        yield from _read_value(item_text, item_head, item_origin, partial(columns.at, start), lambda done: None)
        progress(end)


def _read_object(text: bytes, head: _Head, origin: Origin, column: Column) -> Iterator[Found]:
    kind = KINDS.find(head.api_version, head.kind)
    if (simple := _without_places(text, head, kind, origin)) is not None:
        yield simple
        return
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        yield Problem(origin.at(), ProblemCode.INVALID_JSON, f"JSON that cannot be read: {error}")
        return
    inherit(tree, head.api_version, head.kind)
    # Places and duplicates come from one pass, which runs only if one of them is asked for.
    located = cache(lambda: locate(text.decode(), origin.line, column()))
    # What is not an object has no type of its own: if the head has one, it is that of the list around it.
    in_list = not isinstance(tree, dict) and (head.api_version is not None or head.kind is not None)
    yield from read_object(tree, origin, lambda: located().fields, in_list=in_list)
    for key, part in located().duplicates if kind and kind.is_policy else ():
        yield duplicate_key(key, origin.place_of(part))


def _without_places(text: bytes, head: _Head, kind: Kind | None, origin: Origin) -> Manifest | None:
    """The object, if it needs no places: it is not a policy, and has no problem."""
    if kind is None or kind.is_policy or head.api_version in kind.removed:
        return None
    try:
        obj = decode_json(text, kind)
    except (DecodingError, msgspec.DecodeError):
        return None
    stored = _is_stored(head)
    if obj is None or (not stored and kind.may_be_refused(obj)):
        return None
    return Manifest(obj, origin, stored, str(head.api_version), suppressions=suppressions_in(text))


class _Identity(msgspec.Struct, rename="camel"):
    """What an API server adds to the metadata of an object that it stores."""

    uid: Any = None
    resource_version: Any = None


_IDENTITY: Final = msgspec.json.Decoder(_Identity)


def _is_stored(head: _Head) -> bool:
    """As `model.decoding.has_been_stored`, of a text."""
    try:
        identity = _IDENTITY.decode(head.metadata)
    except msgspec.ValidationError:
        return False
    return bool(identity.uid or identity.resource_version)


def _end(pattern: re.Pattern[Any], text: Any, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start
