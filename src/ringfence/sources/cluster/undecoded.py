"""Policies as a watch delivers them: text, which is decoded when more than the name is needed.

Policies are the objects that a tenant can make large and rewrite without pause. To decode one of 1.5 MB takes 20 to
100 ms; by then there may be a newer version of it, and on most nodes no pod is selected by it at all.
"""

import re
import zlib
from hashlib import blake2b
from typing import Final

import msgspec

from ringfence.errors import DecodingError
from ringfence.model.decoding import decode_json, decode_subject
from ringfence.model.kinds import Kind
from ringfence.model.objects import Object
from ringfence.sources.cluster.responses import UNREADABLE

_MOST_EXPLAINED: Final = 100_000
"""Bytes of a policy with a value of the wrong type that is read as Go would read it: it takes 50 ms."""

_LARGE: Final = 4096
"""Bytes: a longer text is compressed. That of 16,000 ipBlocks takes a fifth then, and 7 ms more for each megabyte."""


_TYPE_META: Final = re.compile(rb'\A\{"kind":"\w*","apiVersion":"[\w./-]*",')
"""With what an object begins in the events of a watch, and not in a list."""


class _UidOfPolicy(msgspec.Struct, frozen=True):
    uid: str = ""


class _PolicyWithUid(msgspec.Struct, frozen=True):
    metadata: _UidOfPolicy = _UidOfPolicy()


class Undecoded(msgspec.Struct, frozen=True):
    """A policy as its server wrote it: its JSON text, compressed if it is large."""

    kind: Kind
    namespace: str
    name: str
    packed: bytes
    size: int
    """The length of the text in bytes, before it was compressed."""
    digest: bytes
    """Of the text: equal ones say that nothing has changed, not even the version, whether listed or watched."""

    @classmethod
    def of(cls, kind: Kind, namespace: str, name: str, text: bytes) -> "Undecoded":
        """The policy of this name in the JSON `text`."""
        size = len(text)
        digest = blake2b(_TYPE_META.sub(b"{", text), digest_size=16).digest()
        return cls(kind, namespace, name, text if size < _LARGE else zlib.compress(text, level=1), size, digest)

    def uid(self) -> str:
        """Its UID; empty if it cannot be read."""
        try:
            return msgspec.json.decode(self._text(), type=_PolicyWithUid).metadata.uid
        except UNREADABLE:
            return ""

    def decode(self) -> Object:
        """The policy. Raises DecodingError."""
        text = self._text()
        try:
            obj = decode_json(text, self.kind, most_explained=_MOST_EXPLAINED)
        except UNREADABLE as error:
            raise DecodingError(str(error), "") from None
        if obj is None:
            raise DecodingError(f"not a {self.kind}: {text[:80]!r}", "")
        return obj

    def decode_subject(self) -> Object:
        """The policy without its rules, in a fraction of the time. Raises DecodingError, ValueError for some kinds."""
        try:
            return decode_subject(self._text(), self.kind)
        except UNREADABLE as error:
            raise DecodingError(str(error), "") from None

    def _text(self) -> bytes:
        return self.packed if self.size < _LARGE else zlib.decompress(self.packed)
