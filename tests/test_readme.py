"""The README and pages of the documentation show what the program really prints.

`python -m tests.test_readme` writes the outputs anew.
"""

import shlex
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner

from ringfence.cli import cli

ROOT = Path(__file__).parents[1]
SHOWING_OUTPUT = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def blocks(text: str) -> Iterator[str]:
    """The console blocks of a Markdown text."""
    for block in text.split("```console\n")[1:]:
        yield block.partition("```")[0]


def console(block: str) -> str:
    """The block as it would be if all its commands were run now."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ "):
            lines += [line, *output(line[2:]).splitlines()]
    return "\n".join(lines) + "\n"


def output(command: str) -> str:
    """What a `ringfence` command prints, with its messages, run in the checkout."""
    program, *arguments = shlex.split(command)
    assert program == "ringfence"
    with chdir(ROOT):
        return CliRunner().invoke(cli, arguments, prog_name="ringfence").output


@pytest.mark.parametrize("block", [block for page in SHOWING_OUTPUT for block in blocks(page.read_text())])
def test_a_page_shows_what_is_printed(block: str) -> None:
    assert console(block) == block


if __name__ == "__main__":
    for page in SHOWING_OUTPUT:
        text = page.read_text()
        for block in blocks(text):
            text = text.replace("```console\n" + block, "```console\n" + console(block))
        page.write_text(text)
