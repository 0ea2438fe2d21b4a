"""Characters that look like others or are invisible; they come from web pages and word processors."""

import unicodedata
from typing import Final

_QUOTES: Final = {**dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‘’‚‛′", "'")}
_NAMES: Final = {
    "\x7f": "delete",
    "\x85": "next line",
    "\ufeff": "byte order mark",
    "\ufffd": "replacement character",
}
"""Names of characters that have no name in Unicode, or a little known one."""
_FORMAT_CATEGORIES: Final = ("Cc", "Cf", "Co", "Cn", "Cs")


def character_remedy(text: str, column: int = 0) -> str:
    """What to write instead of the first character of `text` that looks like another one; empty if there is none.

    `column` is that of the start of the text, 0 if it is not known.
    """
    for index, character in enumerate(text):
        if use := _instead(character):
            where = f" in column {column + index}" if column else ""
            return f"{_name(character)}{where}: {use}"
    return ""


def _name(character: str) -> str:
    name = _NAMES.get(character) or unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X} {name}"


def _instead(character: str) -> str:
    """The remedy; empty for a character that does not look like another, and for line feed, carriage return and tab."""
    if character.isascii() and (character.isprintable() or character in "\n\r\t"):
        return ""
    if character == "\ufffd":
        return "write the character that was meant, and save the file as UTF-8"
    if quote := _QUOTES.get(character):
        return f"use {quote}"
    category = unicodedata.category(character)
    if category == "Zs":
        return "use a space"
    if category in ("Zl", "Zp") or character == "\x85":
        return "use a line feed"
    if category == "Pd":
        return "use -"
    if category in _FORMAT_CATEGORIES:
        return "remove it"
    # NFKC maps full-width and other compatibility forms to the plain character.
    plain = unicodedata.normalize("NFKC", character)
    return f"use {plain}" if plain.isascii() and plain != character else ""
