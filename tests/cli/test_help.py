"""The help of every command says what it does and has an example."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ringfence import __version__
from ringfence.cli import cli


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, including those in groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL_COMMANDS = [" ".join(words) for words in commands()]


def test_all_commands_are_there() -> None:
    wanted = {"get", "describe", "validate", "can", "explain", "connections", "matrix", "completion", "lab"}
    assert wanted <= set(ALL_COMMANDS)


@pytest.mark.parametrize("words", ALL_COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_has_an_example_of_the_command(words: str, option: str) -> None:
    result = CliRunner().invoke(cli, [*words.split(), option], prog_name="ringfence")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: ringfence {words} ")
    assert re.search(rf"^  .*\bringfence {words}\b", result.stdout, re.MULTILINE)


def test_the_overview_names_all_commands_and_exit_codes() -> None:
    overview = CliRunner().invoke(cli, ["--help"]).stdout
    for words in ALL_COMMANDS:
        assert words.split()[0] in overview
    assert "Exit codes: 0 yes, or nothing wrong; 1 no, partly, or findings; 2" in overview
    assert "An endpoint is [NAMESPACE/][KIND/]NAME" in overview


def test_the_version() -> None:
    assert CliRunner().invoke(cli, ["--version"], prog_name="ringfence").stdout == f"ringfence {__version__}\n"


@pytest.mark.parametrize("words", [["cna"], ["--frobnicate"], ["get"], ["lab", "nothing"]])
def test_an_unknown_command_or_option_is_an_error_with_the_usage(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr
    assert "Error: " in result.stderr
