"""Options that belong together reach a command as one value."""

import click
import msgspec
import pytest
from click.testing import CliRunner

from ringfence.cli.options import as_one


class Size(msgspec.Struct, frozen=True):
    width: int
    height: int


class Style(msgspec.Struct, frozen=True):
    colour: str


size_options = as_one(
    Size, "size", (click.option("--width", type=int, default=1, help="The width."), click.option("--height", type=int))
)
style_options = as_one(Style, "style", (click.option("--colour", default="red"),))


@click.command()
@click.argument("name")
@size_options
@style_options
@click.pass_obj
def draw(state: object, size: Size, style: Style, name: str) -> None:
    """Draw something."""
    click.echo(f"{state} {name} {size} {style}")


def test_a_command_receives_a_value_for_each_group_and_its_own_arguments() -> None:
    result = CliRunner().invoke(draw, ["door", "--height", "3", "--colour", "blue"], obj="state")
    assert result.stdout == "state door Size(width=1, height=3) Style(colour='blue')\n"


def test_the_help_lists_the_options_in_their_order() -> None:
    text = CliRunner().invoke(draw, ["--help"]).stdout
    assert text.startswith("Usage: draw [OPTIONS] NAME\n\n  Draw something.\n")
    places = [text.index(option) for option in ("--width", "--height", "--colour")]
    assert places == sorted(places)


@pytest.mark.parametrize("arguments", [["door", "--depth", "1"], ["door", "--width", "x"]])
def test_a_mistake_is_one_of_clicks_own(arguments: list[str]) -> None:
    assert CliRunner().invoke(draw, arguments).exit_code == 2
