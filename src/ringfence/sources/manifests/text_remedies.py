"""How to correct a text that is not YAML or JSON: one sentence, by the lines where the parser stopped or its message.

A parser reports what it expected and where it stopped, which is often some lines after the mistake. So the lines above
are examined as well: the line directly above for mistakes that stop a parser at once, and all lines for the others.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from ringfence.model.odd_characters import character_remedy
from ringfence.model.templates import template_remedy


def text_remedy(text: str, line: int, message: str, first_line: int = 1) -> str:
    """How to correct a text in which a parser has found an error, with this message, in `line`, which counts from 0.

    `first_line` is the line of the file in which the text begins. Empty where the remedy cannot be known.
    """
    lines = [_code(each) for each in text.split("\n")]
    here = lines[line] if line < len(lines) else ""
    before = [number for number in range(min(line, len(lines)) - 1, -1, -1) if lines[number].strip()]
    above = lines[before[0]] if before else ""
    if remedy := _of_the_whole(text):
        return remedy
    for each, remedies in ((here, (*_OF_A_LINE, _star, template_remedy)), (above, _OF_A_LINE)):
        for remedy_of_line in remedies:
            if remedy := remedy_of_line(each):
                return remedy
    for number in before:
        for remedy_of_line in _OF_A_LINE_ABOVE:
            if remedy := remedy_of_line(lines[number]):
                return f"line {first_line + number}: {remedy}"
    for words, remedy_of_message in _OF_A_MESSAGE:
        if words in message and (remedy := remedy_of_message(here, above)):
            return remedy
    return ""


def _code(line: str) -> str:
    """A line without its comment."""
    return re.sub(r"(^|\s)#.*", "", line).rstrip("\r")


# --- by the text ------------------------------------------------------------------------------------------------------

_CONFLICT: Final = re.compile(r"^(?:<<<<<<<|=======|>>>>>>>)(?: |$)", re.M)
_BINARY: Final = 0.05
"""The share of control characters, beyond which a file is not a text."""


def _of_the_whole(text: str) -> str:
    if "{{" in text:  # the marks of other templates are part of good manifests as well
        return template_remedy("{{")
    if "\0" in text and sum(map(_is_control, text)) > _BINARY * len(text):
        return "this is a binary file: pass manifests only"
    if "\r" in text and "\n" not in text:
        return "end the lines with line feeds: this file has carriage returns only"
    return "solve the merge conflict that is left in the file" if _CONFLICT.search(text) else ""


def _is_control(character: str) -> bool:
    return character not in "\t\r\n" and unicodedata.category(character) in ("Cc", "Cn")


# --- by a line --------------------------------------------------------------------------------------------------------

_TAB: Final = re.compile(r"[ -]*\t")
_WITHOUT_SPACE: Final = re.compile(r"""[\s-]*([A-Za-z][\w./-]*):([^\s/:"'][^:]*|"[^"]*"|'[^']*')""")
_TWO_COLONS: Final = re.compile(r"""[\s-]*[\w./-]+: +([^"'\[{|>&*!][^']*: [^']*)""")
_STAR: Final = re.compile(r"""[^"']*[:\-\[,] *(\*[^\s,\]]*)""")
_RESERVED: Final = re.compile(r"""(?:.*[:\-] +)([@`%][^,\]}]*)""")
_TWO_DASHES: Final = re.compile(r"\s*- - ")
_INDENTATION: Final = re.compile(r"[\W_]*")


def _odd_character(line: str) -> str:
    return character_remedy(line, 1)


def _tab(line: str) -> str:
    found = _TAB.match(line)
    return f"U+0009 tab in column {found.end()}: indent with spaces" if found else ""


def _without_space(line: str) -> str:
    found = _WITHOUT_SPACE.fullmatch(line)
    return f"write a space after the colon: `{found[1]}: {found[2]}`" if found else ""


def _two_colons(line: str) -> str:
    found = _TWO_COLONS.fullmatch(line)
    return f"put the value in quotes: '{found[1]}'" if found else ""


def _star(line: str) -> str:
    found = _STAR.match(line)
    return f"put the value in quotes, because a plain `*` starts an alias: '{found[1]}'" if found else ""


def _reserved(line: str) -> str:
    found = _RESERVED.fullmatch(line)
    return f"put the value in quotes, because no plain text starts with `{found[1][0]}`" if found else ""


_OF_A_LINE: Final[tuple[Callable[[str], str], ...]] = (
    _odd_character,
    _tab,
    _without_space,
    _two_colons,
    _reserved,
)
"""They are tried in this order, each on the line of the error and the line above it.

An alias and a variable are not among them: in the line above they may be right.
"""


def _odd_indentation(line: str) -> str:
    indentation = _INDENTATION.match(line)
    return character_remedy(indentation[0], 1) if indentation else ""


def _two_dashes(line: str) -> str:
    return "there may be a dash too many" if _TWO_DASHES.match(line) else ""


_OF_A_LINE_ABOVE: Final[tuple[Callable[[str], str], ...]] = (_odd_indentation, _two_dashes)


# --- by the message ---------------------------------------------------------------------------------------------------

_NEW_OBJECT: Final = re.compile(r"(?:apiVersion|kind):")
_BARE_WORD: Final = re.compile(r"[\s-]*([A-Za-z][\w./-]*)")

_OfMessage = Callable[[str, str], str]
"""Takes the line of the error and the one above it."""


def _always(remedy: str) -> _OfMessage:
    return lambda here, above: remedy


def _indentation(here: str, above: str) -> str:
    if _NEW_OBJECT.match(here):
        return "put a line `---` between two objects"
    if here.lstrip().startswith("- "):
        return "indent this dash like the other dashes of its list, or further than the field that the list belongs to"
    return "indent this line like the fields beside it, or begin it with a dash if it is an entry of a list"


def _colon(here: str, above: str) -> str:
    for line in (here, above):
        if found := _BARE_WORD.fullmatch(line):
            return f"write a colon after `{found[1]}`"
    return "indent this line like the fields beside it: the line above already has its value"


_CLOSE_BRACKETS: Final = "close each { with } and each [ with ], with commas in between"

_OF_A_MESSAGE: Final[tuple[tuple[str, _OfMessage], ...]] = (
    ("mapping values are not allowed", _colon),
    ("could not find expected ':'", _colon),
    ("did not find expected '-' indicator", _indentation),
    ("did not find expected key", _indentation),
    ("block sequence entries are not allowed", _always("begin the list on the line below its field")),
    ("quoted scalar", _always("close the quotes that are open")),
    ("did not find expected ',' or", _always(_CLOSE_BRACKETS)),
    ("did not find expected node content", _always(_CLOSE_BRACKETS)),
    ("Expecting ',' delimiter", _always(_CLOSE_BRACKETS)),
    (
        "Expecting property name",
        _always("write the name in double quotes, and no comma before }; JSON has no comments"),
    ),
    ("Invalid \\escape", _always("write \\\\ for a backslash")),
    ("Invalid control character", _always("write \\n for a line break, and \\t for a tab")),
)
