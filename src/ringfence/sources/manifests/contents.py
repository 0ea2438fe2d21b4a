"""The contents of the files that were read: their whole text and its encoding.

They are kept because objects do not contain comments or the text around a mistake, and because standard input cannot be
read a second time.
"""

import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ringfence.errors import ManifestError
from ringfence.sources.manifests.content import MAX_BYTES
from ringfence.sources.manifests.paths import STANDARD_INPUT

STANDARD_INPUT_NAME: Final = "STDIN"
"""The name of standard input in places."""

_PIECE: Final = 1 << 24
_ENCODINGS: Final = ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"), (BOM_UTF8, "utf-8"), (b"", "utf-8"))


class FileText(msgspec.Struct, frozen=True):
    """The text of a file, as the lines and columns of places count it, and how it was encoded.

    `is_exact` is false if some bytes were not text: they would be lost if the text were written.
    """

    text: str
    encoding: str
    mark: bytes
    is_exact: bool

    @classmethod
    def of(cls, data: bytes) -> "FileText":
        """The text of the content of a file."""
        mark, encoding = next((mark, name) for mark, name in _ENCODINGS if data.startswith(mark))
        body = data[len(mark) :]
        text = body.decode(encoding, errors="replace")
        return cls(text, encoding, mark, text.encode(encoding) == body)

    def encoded(self, text: str) -> bytes:
        """Another text, encoded as this one was."""
        return self.mark + text.encode(self.encoding)


class FileContents:
    """Reads files, each of them once, and keeps their contents. `replaced` has other contents for some files."""

    def __init__(self, replaced: Mapping[str, bytes] | None = None) -> None:
        self._data = dict(replaced or {})

    def read(self, file: str) -> bytes:
        """The content of a file; `-` is standard input. Raises OSError, and ManifestError if that is closed."""
        if file not in self._data:
            self._data[file] = content_of(file)
        return self._data[file]

    def files(self) -> Iterator[str]:
        """The names of the files that were read, as places have them."""
        return (STANDARD_INPUT_NAME if file == STANDARD_INPUT else file for file in self._data)

    def data(self, file: str) -> bytes | None:
        """The content of a file, by the name that places have; None if it was not read."""
        return self._data.get(STANDARD_INPUT if file == STANDARD_INPUT_NAME else file)

    def text(self, file: str) -> FileText | None:
        """The text of a file, by the name that places have; None if it was not read."""
        data = self.data(file)
        return None if data is None else FileText.of(data)

    def with_texts(self, changed: Mapping[str, bytes]) -> "FileContents":
        """The same, with other contents of some files, by the names that places have."""
        named = {STANDARD_INPUT if file == STANDARD_INPUT_NAME else file: data for file, data in changed.items()}
        return FileContents({**self._data, **named})


def content_of(file: str) -> bytes:
    """The content of a file; `-` is standard input. Raises OSError, and ManifestError if that is closed."""
    if file == STANDARD_INPUT:
        if sys.stdin is None:  # Python's value for a descriptor 0 that is closed
            raise ManifestError("-: standard input is closed: pipe manifests into it, or name a file")
        return _bounded(sys.stdin.buffer)
    with Path(file).open("rb") as stream:
        return _bounded(stream)


def _bounded(stream: BinaryIO) -> bytes:
    """All that a stream holds, up to a little more than the limit: some streams never end."""
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (piece := stream.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
