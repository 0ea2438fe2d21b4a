"""JSON documents, for reading and as a stream (RFC 8259)."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

Json = dict[str, Any]

# RFC 8259 lets these stand in strings as they are. They are escaped all the same: a terminal obeys C1 control
# characters, and reverses or hides text for the others.
_UNSAFE: Final = re.compile("[\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def json_text(document: Any) -> str:
    """A document, indented for reading, without a line break at its end."""
    return _escaped(msgspec.json.format(_encoded(document), indent=2).decode())


def json_line(document: Any) -> str:
    """A document on one line."""
    return _escaped(_encoded(document).decode())


def json_items(items: Iterable[Any]) -> Iterator[str]:
    """A list, one item on each line, in pieces: the whole can be larger than memory."""
    yield "["
    separator = "\n"
    for item in items:
        yield separator + json_line(item)
        separator = ",\n"
    yield "\n]"


def _encoded(document: Any) -> bytes:
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        # A file name with bytes that are not UTF-8 has surrogates in their place. Only the standard library writes
        # them, as escapes.
        return json.dumps(msgspec.to_builtins(document)).encode()


def _escaped(text: str) -> str:
    # Outside strings JSON is ASCII, so what is found is in a string.
    return text if text.isascii() and "\x7f" not in text else _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
