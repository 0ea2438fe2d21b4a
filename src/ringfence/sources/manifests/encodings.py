"""The bytes of a file as UTF-8, read as kubectl reads them, and the problems of those that are not UTF-8.

kubectl decodes UTF-16 with a byte order mark, which PowerShell writes, and replaces each byte that is not UTF-8 by
U+FFFD. It knows no other encoding: UTF-32 is UTF-16 with null characters to it, which YAML does not allow.

Source: `unicode.BOMOverride` in `k8s.io/cli-runtime/pkg/resource/visitor.go`.
"""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import Final

from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode, Severity

_UTF_16: Final = {BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_UTF_32: Final = (BOM_UTF32_LE, BOM_UTF32_BE)

_SAVE_AS_UTF8: Final = "save the file as UTF-8"
_IN_POWERSHELL: Final = f"{_SAVE_AS_UTF8}; in PowerShell: ... | Out-File -Encoding utf8 FILE"


def as_utf8(data: bytes, file: str) -> tuple[bytes, list[Problem]]:
    """The content of a file without its byte order mark, and in UTF-8 if that mark says UTF-16.

    Single bytes that are not UTF-8 remain; `without_stray_bytes` replaces them. An encoding that kubectl does not read
    is an error, and gives no content.
    """
    # Before UTF-16: the little-endian mark of UTF-32 begins with that of UTF-16.
    if data.startswith(_UTF_32):
        return b"", [_not_text(file, "UTF-32, which kubectl does not read", _SAVE_AS_UTF8)]
    problems = []
    if encoding := _UTF_16.get(data[:2]):
        data = data[2:].decode(encoding, errors="replace").encode()
        message = "UTF-16 with a byte order mark: read as kubectl reads it, though other programs may not"
        place = Place(file, 1)
        problems.append(Problem(place, ProblemCode.NOT_UTF8, message, Severity.WARNING, remedy=_IN_POWERSHELL))
    data = data.removeprefix(BOM_UTF8)
    if _looks_like_utf16(data):
        return b"", [_not_text(file, "UTF-16 without a byte order mark, which kubectl does not read", _SAVE_AS_UTF8)]
    return data, problems


def without_stray_bytes(data: bytes, file: str, line: int) -> tuple[bytes, list[Problem]]:
    """A document with U+FFFD in place of the bytes that are not UTF-8, and a warning if there are any.

    `line` is the first one of the document.
    """
    try:
        if not data.isascii():  # Decoding copies the text, which for a large cluster takes noticeable time and memory.
            data.decode()
    except UnicodeDecodeError as error:
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode(errors="replace")) + 1
        line += data.count(b"\n", 0, error.start)
        place = Place(file, line, column, line, column + 1)
        message = f"not UTF-8: byte 0x{data[error.start]:02x} in column {column} is read as U+FFFD, as by kubectl"
        problem = Problem(place, ProblemCode.NOT_UTF8, message, Severity.WARNING, remedy=_SAVE_AS_UTF8)
        return data.decode(errors="replace").encode(), [problem]
    return data, []


_START: Final = 1 << 13
"""The number of bytes from which the encoding of a file is guessed."""


def _looks_like_utf16(data: bytes) -> bool:
    """Whether nearly every other byte is null, as in UTF-16 that is mostly ASCII."""
    start = data[:_START]
    # Half of the bytes are null in pure ASCII; 0.4 leaves room for some other characters.
    return any(start[offset::2].count(0) > 0.4 * len(start) for offset in (0, 1))


def _not_text(file: str, message: str, remedy: str) -> Problem:
    return Problem(Place(file, 1), ProblemCode.NOT_UTF8, message, remedy=remedy)
