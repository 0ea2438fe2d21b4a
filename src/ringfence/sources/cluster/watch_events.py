"""The stream of a watch: lines, each of them one event about one object.

Nothing in it needs to be well-formed. Of an object that cannot be decoded, the name is read if possible.

Source: kubernetes.io, "Kubernetes API Concepts"; `apimachinery/pkg/apis/meta/v1` (`WatchEvent`, `ApiStatus`).
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.sources.cluster.responses import UNREADABLE, ApiStatus

LONGEST_LINE: Final = 1 << 26
"""Bytes: a longer line is an error. etcd refuses objects of more than 1.5 MB by default (`--max-request-bytes`)."""


class LineError(Exception):
    """A line that is not a watch event."""


class WatchEvent(msgspec.Struct, frozen=True):
    """One event; its object is not decoded yet."""

    type: str
    object: msgspec.Raw


class ObjectKey(NamedTuple):
    """The name of an object and its resource version, each empty if it cannot be read."""

    namespace: str = ""
    name: str = ""
    version: str = ""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    # Any: a field of a wrong type must not hide the others.
    name: Any = None
    namespace: Any = None
    resource_version: Any = None


class _Named(msgspec.Struct, frozen=True):
    metadata: _Metadata | None = None


_events: Final = msgspec.json.Decoder(WatchEvent)
_names: Final = msgspec.json.Decoder(_Named)
_statuses: Final = msgspec.json.Decoder(ApiStatus)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The complete lines of a stream, without empty ones. An incomplete last line is left out: its event comes again.

    Raises LineError for a line that is too long.
    """
    begun: list[bytes] = []
    size = 0
    # The parts of a line are joined once, when it is complete: joining at each chunk would be quadratic in its length.
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
    """The event on a line. Raises LineError if it is not a watch event."""
    try:
        return _events.decode(line)
    except UNREADABLE as error:
        raise LineError(f"a line that is not an event ({error}): {line[:80]!r}") from None


def key_of(item: msgspec.Raw) -> ObjectKey:
    """The name of an object, even if the rest of it cannot be decoded."""
    with suppress(*UNREADABLE):
        metadata = _names.decode(item).metadata or _Metadata()
        return ObjectKey(_text(metadata.namespace), _text(metadata.name), _text(metadata.resource_version))
    return ObjectKey()


def status_of(item: msgspec.Raw) -> ApiStatus:
    """The status in an ERROR event; one that cannot be decoded is quoted in the message."""
    with suppress(*UNREADABLE):
        return _statuses.decode(item)
    return ApiStatus(message=f"an unreadable error: {bytes(item)[:80]!r}")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
