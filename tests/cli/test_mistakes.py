"""Mistakes of new users: each is met with exactly this message, on standard error, and this exit code.

The table is `mistakes/messages.txt`: the exit code and the command, and below them the message. `@usage` stands for the
lines with which click begins a message about the command line. Run as a module, this writes the messages again.
"""

import re
import shlex
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from ringfence.cli import cli

FOLDER = Path(__file__).parent / "mistakes"
TABLE = FOLDER / "messages.txt"
_COMMAND = re.compile(r"^(\d+) \$ (.*)\n", re.MULTILINE)
_USAGE = re.compile(
    r"\AUsage: ringfence ?((?:(?:lab|agent) )?[\w-]*)? ?(\[OPTIONS\].*)\nTry 'ringfence.* (?:-h|--help)' for help\.\n\n"
)


class Mistake(NamedTuple):
    """A command, its exit code, and its message."""

    exit_code: int
    command: str
    message: str


def table() -> Iterator[Mistake]:
    _, *pieces = _COMMAND.split(TABLE.read_text())
    for number, command, message in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        yield Mistake(int(number), command, message)


def happened(command: str) -> Mistake:
    """The result of the command in the folder, with no live cluster and an empty standard input."""
    with chdir(FOLDER):
        runner = CliRunner(env={"KUBECONFIG": "/nowhere", "HOME": "/nowhere"})
        ended = runner.invoke(cli, shlex.split(command), prog_name="ringfence")
    assert ended.exit_code == 1 or not ended.stdout or "left out of the answer" in ended.stderr, "an error is no answer"
    return Mistake(ended.exit_code, command, _USAGE.sub(_usage, ended.stderr))


def _usage(found: re.Match[str]) -> str:
    return f"@usage {' '.join(filter(None, map(str.strip, found.groups())))}\n"


@pytest.mark.parametrize("mistake", list(table()), ids=lambda mistake: mistake.command)
def test_a_mistake_is_met_with(mistake: Mistake) -> None:
    assert happened(mistake.command) == mistake


def test_there_are_many_and_none_of_them_ends_like_an_answer() -> None:
    mistakes = list(table())
    assert len({mistake.command for mistake in mistakes}) >= 80
    assert {mistake.exit_code for mistake in mistakes} == {2}
    assert all(mistake.message for mistake in mistakes)


if __name__ == "__main__":
    written = (happened(mistake.command) for mistake in list(table()))
    TABLE.write_text("".join(f"{one.exit_code} $ {one.command}\n{one.message}" for one in written))
