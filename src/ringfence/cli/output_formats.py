"""The output formats of `-o`, of which one is for people: `text` of some commands, `table` of others.

Nobody remembers which command calls it what, so each accepts both words.
"""

from collections.abc import Container
from typing import Any, Final

import click

_FOR_PEOPLE: Final = {"text": "table", "table": "text"}
"""The two words for the format for people, each with the other one."""


class FormatChoice(click.Choice[str]):
    """The formats of a command, by the words that it lists."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The listed word for a format."""
        return super().convert(listed_word(value, self.choices), param, ctx)


def listed_word(word: str, listed: Container[str]) -> str:
    """`word`, or the other word for the format for people, if only that one is listed."""
    other = _FOR_PEOPLE.get(word)
    return other if other is not None and other in listed and word not in listed else word
