"""Every command in the README, in the documentation and in help is one that the program accepts.

Those whose output is shown are run (`tests/test_readme.py`). All others are read here: the command exists, and so do
its options, and their values are valid.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ringfence.cli import cli
from tests.cli.test_help import commands

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
_COMMAND = re.compile(r"^(?:    |\$ |      )(?:.*(?:\||<\() *)?(?:kubectl )?ringfence (.*)$", re.MULTILINE)
_END = re.compile(r" [|>] |\)( |$)| {2,}#| # ")


def written(text: str) -> Iterator[str]:
    """The commands in a text, without `ringfence`, and without what a shell does with their output."""
    for line in _COMMAND.findall(text):
        yield _END.split(line)[0].strip()


def documented() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for command in written(page.read_text()):
            yield str(page.relative_to(ROOT)), command
    for words in commands():
        described: click.Command | None = cli
        for word in words:
            assert isinstance(described, click.Group)
            described = described.get_command(click.Context(described), word)
        assert described is not None
        for example in written(described.help or ""):
            yield f"{' '.join(words)} --help", example


@pytest.mark.parametrize(("place", "text"), sorted(set(documented())))
def test_a_documented_command_is_accepted(place: str, text: str) -> None:
    command: click.Command = cli
    name: str | None = "ringfence"
    context, words = click.Context(cli, info_name=name, **cli.context_settings), shlex.split(text)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name, **command.context_settings)
    command.make_context(name, words, parent=context)  # raises UsageError for what is not accepted


def test_there_are_many() -> None:
    assert len(set(documented())) > 60
