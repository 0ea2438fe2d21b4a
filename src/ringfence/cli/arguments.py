"""Arguments as kubectl's flag parser (pflag) takes them, rewritten to what click takes.

    -n=prod, -An=prod        the value of a shorthand, after an equals sign
    --recursive=true         the value of a flag; false is the flag left out
    -n prod get netpol       options of a command before its name

Source: github.com/spf13/pflag, `parseLongArg` and `parseSingleShortArg`; strconv.ParseBool for the values of flags.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import click

_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")

BEFORE_COMMANDS: Final = {
    **dict.fromkeys(("-f", "--filename", "-k", "--kustomize", "-n", "--namespace", "--context", "--kubeconfig"), True),
    **dict.fromkeys(("-A", "--all-namespaces", "-R", "--recursive"), False),
}
"""The options of commands that are also accepted before the name of the command, and whether they take a value.

They are listed here because a command is imported only when its name is known.
"""


class Arguments(NamedTuple):
    """The arguments of a command as click takes them, and the positional ones: neither options nor their values."""

    words: list[str]
    positional: list[str]


def read_arguments(command: click.Command, context: click.Context, words: Sequence[str]) -> Arguments:
    """The arguments of a command, with the values of its options written as words of their own."""
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    reader = _ArgumentReader(options, context.allow_interspersed_args)
    return Arguments(list(reader.read(words)), reader.positional)


def move_options_after_command(words: Sequence[str]) -> list[str]:
    """The words with the options that stand before the name of a command moved after it."""
    moved: list[str] = []
    rest = list(words)
    # The first two characters are those of a shorthand whose value may be in the same word: `-nprod`.
    while rest and (rest[0].partition("=")[0] in BEFORE_COMMANDS or rest[0][:2] in BEFORE_COMMANDS):
        taken = 2 if _value_is_next_word(rest[0]) else 1
        moved, rest = moved + rest[:taken], rest[taken:]
    return [*rest[:1], *moved, *rest[1:]]


def _value_is_next_word(word: str) -> bool:
    """Whether the next word is the value of an option that stands before the command: of `--namespace`, `-n`, `-An`."""
    if word.startswith("--"):
        return "=" not in word and BEFORE_COMMANDS[word]
    for place, letter in enumerate(word[1:], 2):
        # An unknown letter is taken as an option with a value: then nothing behind it is read as an option by mistake.
        if BEFORE_COMMANDS.get(f"-{letter}", True):
            return place == len(word)
    return False


class _ArgumentReader:
    """Reads the words of one command, whose options it knows."""

    def __init__(self, options: Iterable[click.Option], allow_interspersed: bool) -> None:
        self.positional: list[str] = []
        self._options: Mapping[str, click.Option] = {name: one for one in options for name in one.opts}
        self._allow_interspersed = allow_interspersed

    def read(self, words: Sequence[str]) -> Iterator[str]:
        """The words as click takes them."""
        left = iter(words)
        for word in left:
            # Everything behind it is positional, even if it begins with a dash.
            if word == "--":
                rest = list(left)
                self.positional += rest
                yield from (word, *rest)
            elif word.startswith("--"):
                yield from self._long(word, left)
            elif word.startswith("-") and word != "-":
                yield from self._short(word, left)
            else:
                self.positional.append(word)
                yield word
                if not self._allow_interspersed:
                    yield from left

    def _long(self, word: str, left: Iterator[str]) -> Iterator[str]:
        name, equals, value = word.partition("=")
        option = self._options.get(name)
        # click reads `--name=value` itself, and reports unknown options.
        if option is None or (equals and not option.is_flag):
            yield word
        elif option.is_flag:
            yield from _flag(option, name, value) if equals else [word]
        else:
            yield word
            yield from _next(left)

    def _short(self, word: str, left: Iterator[str]) -> Iterator[str]:
        """The flags of a word such as `-Rn=prod`, each by itself, and the value of its last option."""
        for place, letter in enumerate(word[1:], 2):
            name, rest = f"-{letter}", word[place:]
            option = self._options.get(name)
            if option is None:
                yield f"-{word[place - 1 :]}"  # unknown: click reports it
                return
            if not option.is_flag:
                yield name
                yield from [rest.removeprefix("=")] if rest else _next(left)
                return
            if rest.startswith("="):
                yield from _flag(option, name, rest[1:])
                return
            yield name


def _next(left: Iterator[str]) -> Iterator[str]:
    for word in left:
        yield word
        return


def _flag(option: click.Option, name: str, value: str) -> list[str]:
    """A flag that has a value: itself, its opposite, or nothing."""
    if value in _TRUE:
        return [name]
    if value in _FALSE:
        return option.secondary_opts[:1]
    return [f"{name}={value}"]  # click reports it
