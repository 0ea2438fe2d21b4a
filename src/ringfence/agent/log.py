"""The agent's log: one line for each event, as text for people or as JSON for log collectors.

An event is a message with named values, which callers pass as `extra=values(...)`. Characters that do not print are
escaped, so names and labels of objects cannot break a line or control a terminal.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from ringfence.agent.log_writer import LogWriter

log: Final = logging.getLogger("ringfence.agent")
"""The logger of all modules of the agent."""


def values(**named: object) -> dict[str, Any]:
    """Named values of an event, as the `extra` of a logging call.

    They are one attribute of the record, because `logging` reserves names such as `name` and `message`.
    """
    return {"values": named}


class LineStream(Protocol):
    """What lines can be written to."""

    def write(self, line: str, /) -> object:
        """Write a line, with its line break."""

    def flush(self) -> None:
        """Write buffered lines."""


@contextmanager
def logging_in_background(descriptor: int, *, as_json: bool) -> Iterator[LogWriter]:
    """Write the agent's events to a file descriptor while the context lasts. A thread that logs never waits for it."""
    writer = LogWriter(descriptor, _report_dropped)
    try:
        with logging_to(writer, as_json=as_json):
            yield writer
    finally:
        writer.close()


def _report_dropped(lines: int) -> None:
    log.warning("lines of this log were dropped because they could not be written in time", extra=values(lines=lines))


@contextmanager
def logging_to(stream: LineStream, *, as_json: bool) -> Iterator[None]:
    """Write the agent's events to a stream only, while the context lasts."""
    handler = _StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    # Otherwise handlers of the root logger would write each event once more.
    propagated, log.propagate = log.propagate, False
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagated


class _StreamHandler(logging.StreamHandler[LineStream]):
    """A handler that ignores failures: the agent goes on, and there is no other place to report them."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the event; the default prints a traceback to standard error, which is this stream."""


class JsonFormatter(logging.Formatter):
    """`{"time":"2026-01-01T12:00:00Z","level":"info","message":"listed","kind":"Pod","objects":12}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event as one line of JSON."""
        fields: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        return msgspec.json.encode(fields | _values(record)).decode()


class TextFormatter(logging.Formatter):
    """`2026-01-01T12:00:00.000Z info    listed kind=Pod objects=12`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event as one line of text."""
        at = _time(record)
        named = "".join(f" {name}={_shown(value)}" for name, value in _values(record).items())
        time = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
        return f"{time} {record.levelname.lower():7} {printable(record.getMessage())}{named}"


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _values(record: logging.LogRecord) -> dict[str, object]:
    """The event's named values, and the traceback of its exception."""
    named: dict[str, object] = dict(getattr(record, "values", {}))
    if record.exc_info:
        named["trace"] = "".join(traceback.format_exception(*record.exc_info))
    return named


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return printable(text if text and not set(text) & {" ", '"'} else msgspec.json.encode(text).decode())


def printable(text: str) -> str:
    """The text with every character escaped that does not print as itself, such as line breaks and terminal escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
