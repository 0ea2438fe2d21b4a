"""Colour on a terminal: the same text, with what matters in green and red.

Colour never carries a meaning of its own. It is left out where the output is no terminal, where NO_COLOR is set, and
put in where CLICOLOR_FORCE is. Sources: no-color.org; bixense.com/clicolors.
"""

import os
import re
import sys

import click

from ringfence.render.tables import harmless

_MARKS = ((re.compile(r"^( *)(✓|yes:)", re.M), "green"), (re.compile(r"^( *)(✗|no:)", re.M), "red"))


def wants_colour() -> bool:
    """Whether standard output should be coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("CLICOLOR_FORCE", "0") != "0") or sys.stdout.isatty()


def show(text: str) -> None:
    """Print text with its marks coloured. No name in it can do anything to the terminal."""
    text, colour = harmless(text), wants_colour()
    if colour:
        for mark, name in _MARKS:
            text = mark.sub(rf"\1{click.style('@', fg=name, bold=True)}".replace("@", r"\2"), text)
    click.echo(text, color=colour)


def report(message: str) -> None:
    """Print a message to standard error; no name in it can do anything to the terminal."""
    click.echo(harmless(message), err=True)
