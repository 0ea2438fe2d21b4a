"""Names of objects in the kernel: derived from the content of an object, never from a string in the input.

The same object has the same name in every process, so a restarted agent recognises the objects of the last one. 128
bits of a cryptographic digest prevent collisions, including those that an author of policies tries to construct.
"""

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from itertools import chain

import msgspec


def digest(value: object) -> str:
    """32 hexadecimal digits for a value made of structs, tuples, frozen sets, strings, bytes and numbers."""
    return _digest_of_struct(value) if isinstance(value, msgspec.Struct) else _digest(value)


@lru_cache(maxsize=1 << 15)
def _digest_of_struct(value: msgspec.Struct) -> str:
    """Cached, because peers are ordered by their digests, and sets are named after them."""
    return _digest(value)


def _digest(value: object) -> str:
    return blake2b(_written(value), digest_size=16).hexdigest()


def digest_of_ranges(ranges: Iterable[tuple[bytes, bytes]]) -> str:
    """32 hexadecimal digits for a set of ranges of keys of one length. It is faster than `digest` for many ranges.

    Sorted ranges take half as long.
    """
    ordered = sorted(ranges)
    length = len(ordered[0][0]) if ordered else 0
    return blake2b(b"%d:" % length + b"".join(chain.from_iterable(ordered)), digest_size=16).hexdigest()


def _written(value: object) -> bytes:
    """Encode a value. Equal values have equal encodings, and different values different ones."""
    # A large policy has 100,000 strings, tuples and sets: comparing their types takes half as long as `match`.
    kind = type(value)
    if kind is str:
        return b"str " + str(value).encode()
    if isinstance(value, tuple):
        return b"tuple" + _parts([_written(one) for one in value])
    if kind is frozenset:
        return b"set" + _parts(sorted([_written(one) for one in value]))  # type: ignore[attr-defined]
    if isinstance(value, msgspec.Struct):
        return _written_struct(value)
    match value:
        case Enum():
            return _written(value.value)
        case bytes():
            return b"bytes" + _parts([value])
        case str() | int() | None:
            return f"{type(value).__name__} {value}".encode()
    raise TypeError(f"{type(value).__name__} has no name in the kernel")


@lru_cache(maxsize=1 << 14)
def _written_struct(value: msgspec.Struct) -> bytes:
    """Cached, because many profiles have peers in common."""
    return type(value).__name__.encode() + _parts(map(_written, msgspec.structs.astuple(value)))


def _parts(parts: Iterable[bytes]) -> bytes:
    # The length before each part keeps sequences apart whose parts have the same bytes in a row.
    return b"".join([b"(%d:%b)" % (len(part), part) for part in parts])
