"""Several outputs of one command: `-o FORMAT` prints, `-o FORMAT=FILE` writes a file.

Several may be printed, one after the other: a workflow of GitHub finds its annotations among the text for people.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from ringfence.cli.options import OptionDecorator
from ringfence.cli.output_formats import listed_word
from ringfence.cli.terminal import print_answer, print_document
from ringfence.cli.written_files import write_file
from ringfence.errors import InputError

TEXT = "text"


class Output(msgspec.Struct, frozen=True):
    """A format, and the file that it is written to; None for standard output."""

    format: str
    file: str | None = None


class Outputs(msgspec.Struct, frozen=True):
    """All outputs of a command. Without one for standard output, text is printed there."""

    asked: tuple[Output, ...] = ()

    @property
    def all(self) -> tuple[Output, ...]:
        """The outputs, with the one for standard output."""
        return self.asked if any(one.file is None for one in self.asked) else (Output(TEXT), *self.asked)

    def write(self, writers: Mapping[str, Callable[[], str]]) -> None:
        """Write every output. Raises InputError for files that cannot be written, after all others are written."""
        # A file that cannot be written must not cost the outputs after it, after minutes of work.
        errors = []
        for output in self.all:
            text = writers[output.format]()
            if output.file is None:
                (print_answer if output.format == TEXT else print_document)(text)
                continue
            try:
                write_file(Path(output.file), text.encode(errors="replace"), f"-o {output.format}={output.file}")
            except InputError as error:
                errors.append(str(error))
        if errors:
            raise InputError("\n".join(errors))


def outputs_option(formats: Iterable[str]) -> OptionDecorator:
    """The option `-o`, whose values reach a command as `Outputs` called `outputs`."""
    known = list(formats)

    def read(text: str) -> Output:
        asked, equals, file = text.partition("=")
        name = listed_word(asked, known)
        if name not in known:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(known)}")
        if equals and not file:
            raise click.BadParameter(f"{text!r} names no file: use {name}=FILE, or {name} for standard output")
        return Output(name, file if equals else None)

    def collect(context: click.Context, parameter: click.Parameter, values: tuple[Any, ...]) -> Outputs:
        printed = [one.format for one in values if one.file is None]
        if len(set(printed)) < len(printed):
            raise click.BadParameter("a format is given twice: print each once, or write FORMAT=FILE")
        files = [one.file for one in values if one.file is not None]
        if len(set(files)) < len(files):
            raise click.BadParameter("two outputs have the same file: give each its own")
        return Outputs(values)

    return click.option(
        "-o",
        "--output",
        "outputs",
        type=read,
        metavar="FORMAT[=FILE]",
        multiple=True,
        callback=collect,
        shell_complete=lambda context, parameter, incomplete: [one for one in known if one.startswith(incomplete)],
        help=f"{', '.join(known[:-1])} or {known[-1]}, printed or written to a file. Repeatable.  [default: text]",
    )
