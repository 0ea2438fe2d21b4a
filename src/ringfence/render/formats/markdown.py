"""Markdown: tables and lists whose texts have no markup of their own.

Sources: CommonMark 0.31, section 2.4 (backslash escapes); GitHub Flavored Markdown, section 4.10 (tables).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ringfence.render.formats.terminal import one_line

_MARKUP: Final = re.compile(r"[\\`*_\[\]<&|~]")


def markdown_table(headers: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows as a table, one line each."""
    return "".join(markdown_table_lines(headers, rows))


def markdown_table_lines(headers: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Rows as a table, in pieces of one line: the whole can be larger than memory."""
    yield f"{_row(headers)}\n"
    yield f"{'|---' * len(headers)}|\n"
    for row in rows:
        yield f"{_row(row)}\n"


def markdown_list(items: Iterable[str]) -> str:
    """Texts as a bulleted list, one line each."""
    return "".join(f"* {_literal_start(markdown_text(item))}\n" for item in items)


def markdown_text(text: str) -> str:
    """A text in which no character is markup, on one line."""
    return _MARKUP.sub(r"\\\g<0>", one_line(text))


def markdown_code(text: str) -> str:
    """A text as code, on one line, in a sentence or in a table.

    In code nothing is markup, and GitHub makes no mentions (`@team`), references (`#1`) and links of it. Backticks
    cannot hold a backtick, nor a pipe in all tables, nor blanks at the ends: such a text is written as HTML, with
    character references. The empty comments keep a renderer from finding an address of e-mail or a site.
    """
    text = one_line(text)
    if text and text == text.strip() and not re.search(r"[`|]", text):
        return f"`{text}`"
    return f"<code>{re.sub(r'[^A-Za-z0-9]', _reference, text)}</code>"


def _reference(character: re.Match[str]) -> str:
    return f"&#{ord(character[0])};{'<!-- -->' if character[0] in '@.' else ''}"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(markdown_text, cells)) + " |"


def _literal_start(text: str) -> str:
    """`text` with a start that is not taken for a heading, a quotation or another list."""
    if re.match(r"[#+>-]", text):
        return f"\\{text}"
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text.lstrip())
