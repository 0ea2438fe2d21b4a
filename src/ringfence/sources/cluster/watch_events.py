"""What an API server writes when it is watched: lines, each of them an event, each about one object.

Nothing is trusted to be well-formed: what cannot be read has a name, where it has one, and is small.

Source: kubernetes.io, "Kubernetes API Concepts"; `apimachinery/pkg/apis/meta/v1` (`WatchEvent`, `ApiStatus`).
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

LONGEST_LINE: Final = 1 << 26
"""Bytes in a line after which it is no event any more; etcd takes no object of more than 1.5 MB, unless told to."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what is no JSON, no text, or deeper than anybody would write it."""


class LineError(Exception):
    """A line that is no event."""


class WatchEvent(msgspec.Struct, frozen=True):
    """One event, as it is written."""

    type: str
    object: msgspec.Raw


class ApiStatus(msgspec.Struct, frozen=True):
    """What went wrong: the object of an ERROR event."""

    code: int = 0
    message: str = ""
    reason: str = ""


class ObjectKey(NamedTuple):
    """What an object is called, as far as it says so; `version` is that of the cluster when it was last changed."""

    namespace: str = ""
    name: str = ""
    version: str = ""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: Any = None
    namespace: Any = None
    resource_version: Any = None


class _Named(msgspec.Struct, frozen=True):
    metadata: _Metadata | None = None


_events: Final = msgspec.json.Decoder(WatchEvent)
_names: Final = msgspec.json.Decoder(_Named)
_statuses: Final = msgspec.json.Decoder(ApiStatus)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The complete lines of a stream that are not empty; half a line at its end is left out, for it comes again.

    Raises LineError for a line that does not end.
    """
    begun: list[bytes] = []
    size = 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > LONGEST_LINE:
            raise LineError(f"a line of more than {LONGEST_LINE >> 20} MiB")
        if others:
            *complete, last = b"".join(begun), *others
            yield from filter(None, complete)
            begun, size = [last], len(last)


def event_of(line: bytes) -> WatchEvent:
    """The event that a line is. Raises LineError if it is none."""
    try:
        return _events.decode(line)
    except UNREADABLE as error:
        raise LineError(f"a line that is no event ({error}): {line[:80]!r}") from None


def key_of(item: msgspec.Raw) -> ObjectKey:
    """What an object is called, however little else of it can be read."""
    with suppress(*UNREADABLE):
        metadata = _names.decode(item).metadata or _Metadata()
        return ObjectKey(_text(metadata.namespace), _text(metadata.name), _text(metadata.resource_version))
    return ObjectKey()


def status_of(item: msgspec.Raw) -> ApiStatus:
    """What went wrong; if it is not said in the server's way, as it is written."""
    with suppress(*UNREADABLE):
        return _statuses.decode(item)
    return ApiStatus(message=f"an error that cannot be read: {bytes(item)[:80]!r}")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
