"""Output of commands: no other module of `cli` writes to a stream.

Text for people has its control characters made visible, because the names in it come from manifests and its messages
from servers. Documents for programs (JSON, YAML, JUnit) are printed as they are: their writers escape by the rules of
their formats.

Colour never carries a meaning of its own. It is left out where NO_COLOR is set, else added where FORCE_COLOR or
CLICOLOR_FORCE is set (and not to 0), else added on a terminal that is not dumb. Sources: no-color.org; force-color.org;
bixense.com/clicolors.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click

from ringfence.errors import InputError
from ringfence.render.formats import escape_controls

_BLOCK: Final = 1 << 16
"""Characters that are written at once of a long output."""

_MARKS: Final = (
    (re.compile(r"^( *)(✓|yes:)", re.M), "green"),
    (re.compile(r"^( *)(✗|no:)", re.M), "red"),
    (re.compile(r"^( *)(partly:)", re.M), "yellow"),
)
_STYLE: Final = re.compile("(\x1b\\[[0-9;]*m)")


def wants_colour() -> bool:
    """Whether standard output should be coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return sys.stdout.isatty() and not is_dumb()


def is_dumb() -> bool:
    """Whether the terminal understands no control sequences: no colours and no progress bars."""
    return os.environ.get("TERM") == "dumb"


def terminal_width() -> int | None:
    """How many columns standard output has; None if it is not a terminal: then lines are not broken."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_text(text: str) -> None:
    """Print text for people on standard output, and end its last line."""
    _print(escape_controls(text))


def print_answer(text: str) -> None:
    """Print text as `print_text` does, with the marks for yes and no in green and red."""
    text = escape_controls(text)
    if wants_colour():
        for mark, colour in _MARKS:
            text = mark.sub(lambda found, colour=colour: found[1] + click.style(found[2], fg=colour, bold=True), text)  # type: ignore[misc]
    _print(text, colour=wants_colour())


def print_painted(text: str) -> None:
    """Print text as `print_text` does, but keep the colours that its writer put in (SGR sequences, and no others)."""
    parts = _STYLE.split(text)
    # `split` with a group returns texts and sequences in turn; only the texts come from elsewhere.
    parts[::2] = map(escape_controls, parts[::2])
    _print("".join(parts), colour=wants_colour())


def print_exactly(text: str | bytes) -> None:
    """Print a text for programs on standard output as it is, with no line break of its own; on a terminal, escaped."""
    data = text.encode() if isinstance(text, str) else text
    click.echo(escape_controls(data.decode(errors="replace")) if sys.stdout.isatty() else data, nl=False)


def check_not_a_terminal(remedy: str) -> None:
    """Raise InputError, with what to do instead, if a page for a browser would be printed on a terminal."""
    if sys.stdout.isatty():
        raise InputError(f"a report is a page for a browser, not for a terminal: {remedy}")


def print_pieces(pieces: Iterable[str]) -> None:
    """Print text as `print_text` does, in pieces that end their lines: the whole can be larger than memory."""
    for text in _blocks(pieces):
        _print(escape_controls(text))


def print_document(document: str | Iterable[str]) -> None:
    """Print a document for programs, whole or in pieces, on standard output, and end its last line.

    It is UTF-8 in every locale, as JSON and YAML have to be.
    """
    last = ""
    for text in _blocks([document] if isinstance(document, str) else document):
        click.echo(text.encode(), nl=False)
        last = text
    if not last.endswith("\n"):
        click.echo()


def print_message(message: str) -> None:
    """Print a message on standard error.

    Its second and later lines are indented, if they are not: a line break in a name cannot start what looks like
    another message.
    """
    click.echo(re.sub(r"\n(?! )", "\n  ", escape_controls(message.rstrip("\n"))), err=True)


def _blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces joined to larger ones: click flushes the stream after each, which for single lines takes most time."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


def _print(text: str, *, colour: bool | None = None) -> None:
    # An empty text would be printed as an empty line.
    if text:
        click.echo(text, nl=not text.endswith("\n"), color=colour)
