"""The agent's log: one line an event, for people or as JSON for whatever collects it.

A line is made of a message and named values. Whatever strings of objects say, a line stays one line.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

import msgspec


class Level(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Write = Callable[[datetime, Level, str, Mapping[str, object]], str]


class Journal:
    """Writes events to a stream, which may be lost: a log that cannot be written stops nothing."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._line: Write = _json if as_json else _text

    def info(self, message: str, **values: object) -> None:
        """Say what happened."""
        self._write(Level.INFO, message, values)

    def warning(self, message: str, **values: object) -> None:
        """Say what somebody should look at."""
        self._write(Level.WARNING, message, values)

    def error(self, message: str, **values: object) -> None:
        """Say what keeps policies from being enforced as they are written."""
        self._write(Level.ERROR, message, values)

    def _write(self, level: Level, message: str, values: Mapping[str, object]) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(self._line(datetime.now(UTC), level, message, values) + "\n")
            self._stream.flush()


def _json(at: datetime, level: Level, message: str, values: Mapping[str, object]) -> str:
    return msgspec.json.encode({"time": at, "level": level, "message": message, **values}).decode()


def _text(at: datetime, level: Level, message: str, values: Mapping[str, object]) -> str:
    named = "".join(f" {name}={_shown(value)}" for name, value in values.items())
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z {level:7} {_plain(message)}{named}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _plain(text if text and not set(text) & {" ", '"'} else msgspec.json.encode(text).decode())


def _plain(text: str) -> str:
    """The text with everything escaped that is not printed as itself."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
