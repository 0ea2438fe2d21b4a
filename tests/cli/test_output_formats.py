"""`-o`: each command accepts both words for the format for people."""

import click
import pytest
from tests.cli.test_help import commands

from ringfence.cli import cli
from ringfence.cli.output_formats import FormatChoice
from ringfence.cli.outputs import Output


def output_option(words: tuple[str, ...]) -> click.Parameter | None:
    """The option `-o` of a command."""
    command: click.Command | None = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return next((one for one in command.params if "-o" in one.opts), None)


WITH_TEXT = {
    " ".join(words): option
    for words in commands()
    if (option := output_option(words)) and (option.default in ("text", "table") or option.name == "outputs")
}


def test_these_commands_print_for_people_unless_told_otherwise() -> None:
    assert {"agent status", "can", "exposure", "isolation", "lab run", "lint", "matrix", "test"} <= set(WITH_TEXT)


@pytest.mark.parametrize("command", WITH_TEXT)
def test_text_and_table_are_the_same_format(command: str) -> None:
    option = WITH_TEXT[command]
    context = click.Context(cli)
    shown = [option.type.convert(word, option, context) for word in ("text", "table")]
    assert shown == [Output("text")] * 2 if option.name == "outputs" else shown == [option.default] * 2


def test_a_command_that_has_both_words_tells_them_apart() -> None:
    choice = FormatChoice(["text", "table"])
    assert [choice.convert(word, None, None) for word in ("text", "table")] == ["text", "table"]


@pytest.mark.parametrize("word", ["txt", "yaml", ""])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(click.BadParameter, match="is not one of 'table', 'json'"):
        FormatChoice(["table", "json"]).convert(word, None, None)
