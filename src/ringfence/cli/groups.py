"""Groups of commands: what holds for every command line, whichever command it is for.

Arguments are read as kubectl reads them (`cli.arguments`). An option that takes one value is refused if it is given
twice, because one of the values would be dropped silently. Messages about unknown commands and options suggest known
ones.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import click

from ringfence.cli.arguments import BEFORE_COMMANDS, move_options_after_command, read_arguments
from ringfence.cli.lacking_options import LACKING_OPTIONS
from ringfence.errors import EndpointError

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_WORDS: Final = "ringfence.positional"
"""The key of `Context.meta` under which a group keeps the positional words of the command that it invokes."""


class Group(click.Group):
    """A group whose commands take their arguments as kubectl's do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the group's own options; those of commands may stand before the name of the command."""
        words = move_options_after_command(args)
        if words[:1] == ["help"]:  # as in kubectl: `help can` is `can --help`
            words = [*words[1:], "--help"]
        with _own_messages(self, ctx):
            return super().parse_args(ctx, words)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The name, the command and its arguments. Raises UsageError if there is no such command."""
        name, *words = args
        command = self.get_command(ctx, name)
        if command is None:
            if ctx.resilient_parsing:
                return None, None, words
            raise click.UsageError(f"there is no command {name!r}{self._meant_by(name, ctx)}", ctx)
        # The arguments of a group are read when its own command is known.
        if isinstance(command, click.Group):
            return name, command, words
        # A context only for reading: click makes another one when it invokes the command.
        with click.Context(command, info_name=name, parent=ctx, **command.context_settings) as inner:
            read = read_arguments(command, inner, words)
            # Shell completion parses words that are not finished, and must not fail because of them.
            if not ctx.resilient_parsing:
                ctx.meta[_WORDS] = read.positional
                with _own_messages(command, inner):
                    _refuse_repeated(command, inner, read.words)
        return name, command, read.words

    def _meant_by(self, name: str, ctx: click.Context) -> str:
        """A question that names the command that was probably meant: of a group inside, or a similar one of this."""
        for group in self.list_commands(ctx):
            inner = self.get_command(ctx, group)
            if isinstance(inner, click.Group) and name in inner.list_commands(ctx):
                return f"; did you mean {group} {name}?"
        return _similar(name, self.list_commands(ctx)) or f": `{ctx.command_path} --help` lists all"

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke a command. An error about a word that names a file or a port says how these are named."""
        try:
            with _own_messages(self, ctx):
                return super().invoke(ctx)
        except EndpointError as error:
            # Messages about endpoints begin with the endpoint, so this is the word that was not understood.
            named = [word for word in ctx.meta.get(_WORDS, ()) if str(error).startswith(word)]
            if hint := _file_hint(named):
                raise EndpointError(f"{error}\n{hint}") from error
            raise
        except click.UsageError as error:
            words = ctx.meta.get(_WORDS, ())
            files = _file_hint(words) if _reads_manifests(error) else ""
            found = (files, _port_hint(words, error), "" if files else _endpoint_hint(words, error))
            hints = [one for one in found if one and one not in error.message]
            if hints:
                raise click.UsageError("\n".join([error.format_message(), *hints]), error.ctx) from error
            raise


class DefaultingGroup(Group):
    """A group that runs its command `run` if none is named: `agent --node a` is `agent run --node a`."""

    _DEFAULT: Final = "run"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the name of a command, or add that of the default one."""
        # Help is that of the group, which also lists its other commands.
        asks_for_help = args[:1] in (["help"], ["--help"], ["-h"])
        return super().parse_args(ctx, args if asks_for_help else self._with_name(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The name, the command and its arguments; of the default one if no command is named."""
        return super().resolve_command(ctx, self._with_name(args))

    def _with_name(self, args: list[str]) -> list[str]:
        names_none = not args or args[0].startswith("-")
        return [self._DEFAULT, *args] if names_none else args

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the default command, and then the commands."""
        default = self.commands[self._DEFAULT]
        default.format_options(click.Context(default, parent=ctx, **default.context_settings), formatter)
        self.format_commands(ctx, formatter)


def _refuse_repeated(command: click.Command, context: click.Context, words: list[str]) -> None:
    """Raise UsageError if an option that takes one value is given several times."""
    _, _, order = command.make_parser(context).parse_args(list(words))
    for parameter, times in Counter(order).items():
        if isinstance(parameter, click.Option) and times > 1 and not (parameter.multiple or parameter.is_flag):
            raise click.UsageError(f"{' / '.join(parameter.opts)} is given {times} times, but takes one value", context)


@contextmanager
def _own_messages(command: click.Command, context: click.Context) -> Iterator[None]:
    """Report an option that does not exist in the same words in every version of click."""
    try:
        yield
    except click.NoSuchOption as error:
        inner = error.ctx or context
        raise click.UsageError(f"there is no option {error.option_name}{_meant_by(error, inner)}", inner) from error


def _meant_by(error: click.NoSuchOption, context: click.Context) -> str:
    """Why the command does not have the option, or that a group around it has it, or which option was meant."""
    name, outer = error.option_name, context.parent
    if reason := LACKING_OPTIONS.get(context.info_name or "", {}).get(name):
        return f": {reason}"
    while outer is not None:
        if name in _options(outer):
            return f": it is an option of {outer.info_name}, so it stands before {context.info_name}"
        outer = outer.parent
    if not name.startswith("--"):
        return ""
    before = BEFORE_COMMANDS if isinstance(context.command, click.Group) else ()
    return _similar(name, [one for one in (*_options(context), *before) if one.startswith("--")])


def _options(context: click.Context) -> list[str]:
    return [name for one in context.command.get_params(context) for name in one.opts]


def _similar(word: str, known: Iterable[str]) -> str:
    """The question whether one of the known words was meant, if one is close."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _file_hint(words: Iterable[str]) -> str:
    """How to name the files that stand where a command takes no files."""
    files = [word for word in words if word.endswith(_SUFFIXES) or _exists(word)]
    return f"to read manifests, use -f: {' '.join(f'-f {file}' for file in files)}" if files else ""


def _reads_manifests(error: click.UsageError) -> bool:
    """Whether the command of an error reads files only with -f. True if the command is not known."""
    if error.ctx is None or isinstance(error.ctx.command, click.Group):
        return True
    arguments = [one for one in error.ctx.command.params if isinstance(one, click.Argument)]
    return "-f" in _options(error.ctx) and not any(isinstance(one.type, click.Path) for one in arguments)


def _port_hint(words: Iterable[str], error: click.UsageError) -> str:
    """How to ask about a port that stands as a word of its own."""
    takes_ports = error.ctx is not None and "-p" in _options(error.ctx)
    ports = [word for word in words if word.isdecimal()] if takes_ports else []
    return f"to ask about a port, use -p: {' '.join(f'-p {port}' for port in ports)}" if ports else ""


def _endpoint_hint(words: Iterable[str], error: click.UsageError) -> str:
    """How to name the endpoints of a list that takes them as options."""
    takes_endpoints = error.ctx is not None and {"--from", "--to"} <= set(_options(error.ctx))
    first = next((word for word in words if not word.isdecimal()), "") if takes_endpoints else ""
    return f"to list the connections of an endpoint, use --from {first} or --to {first}" if first else ""


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):  # too long for a path, or with a null character
        return False
