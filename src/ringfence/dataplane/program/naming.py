"""Names of objects in the kernel: derived from the content of an object, never from a string in the input.

The same object has the same name in every process, so that a restarted agent recognises the objects of the one before.
128 bits of a cryptographic digest prevent collisions, also those that an author of policies tries to construct.
"""

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from itertools import chain

import msgspec


def digest(value: object) -> str:
    """32 hexadecimal digits for a value made of structs, tuples, frozen sets, strings, bytes and numbers."""
    return blake2b(_written(value), digest_size=16).hexdigest()


def digest_of_ranges(ranges: Iterable[tuple[bytes, bytes]]) -> str:
    """32 hexadecimal digits for a set of ranges of keys of one length: `digest`, but fast for very many."""
    ordered = sorted(ranges)
    length = len(ordered[0][0]) if ordered else 0
    return blake2b(b"%d:" % length + b"".join(chain.from_iterable(ordered)), digest_size=16).hexdigest()


def _written(value: object) -> bytes:
    """The value as bytes: equal values alike, others differently."""
    match value:
        case Enum():
            return _written(value.value)
        case msgspec.Struct():
            return _written_struct(value)
        case tuple():
            return _joined("tuple", map(_written, value))
        case frozenset():
            return _joined("set", sorted(map(_written, value)))
        case bytes():
            return _joined("bytes", [value])
        case str() | int() | None:
            return f"{type(value).__name__} {value}".encode()
    raise TypeError(f"{type(value).__name__} has no name in the kernel")


@lru_cache(maxsize=1 << 14)
def _written_struct(value: msgspec.Struct) -> bytes:
    """Remembered, because many profiles have peers in common."""
    fields = (_written(getattr(value, field)) for field in value.__struct_fields__)
    return _joined(type(value).__name__, fields)


def _joined(kind: str, parts: Iterable[bytes]) -> bytes:
    return b"".join((kind.encode(), *(b"(%d:%b)" % (len(part), part) for part in parts)))
