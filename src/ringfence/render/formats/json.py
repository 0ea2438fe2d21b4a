"""JSON documents, for reading and as a stream (RFC 8259)."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ringfence.render.formats.terminal import UNSAFE

Json = dict[str, Any]

API_VERSION: Final = "ringfence/v1"
"""The version of every JSON document: its keys keep their names and meanings (docs/formats.md)."""


def document_json(document: Json) -> str:
    """A document of ringfence, which begins with its version, indented for reading."""
    return json_text({"apiVersion": API_VERSION, **document})


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
        # A file name with bytes that are not UTF-8 has lone surrogates in their place. Most JSON parsers refuse those,
        # so they become U+FFFD, as in Go.
        text = json.dumps(msgspec.to_builtins(document), ensure_ascii=False, separators=(",", ":"))
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def _escaped(text: str) -> str:
    # RFC 8259 lets C1 control characters and bidirectional controls be in strings as they are, but they control a
    # terminal. Outside strings JSON is ASCII and has none.
    if text.isascii() and "\x7f" not in text:
        return text
    return UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)
