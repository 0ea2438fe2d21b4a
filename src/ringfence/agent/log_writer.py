"""The thread that writes the agent's log, so that threads that log do not wait for the reader of the log.

Writing to standard error can block (a pipe whose reader does not read) or fail (a full disk, a closed pipe). The agent
continues to enforce: up to `MOST_WAITING` bytes of lines wait, and further lines are dropped and counted.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

MOST_WAITING: Final = 1 << 20
"""Bytes of lines that wait to be written at most, some thousand lines."""

CLOSING_SECONDS: Final = 2.0
"""How long `close` waits for the lines that are still to be written."""


class LogWriter:
    """A text stream for one `logging` handler. A thread of its own writes each line to a file descriptor.

    When lines can be written again after some were dropped, the thread calls `report` with the number of dropped lines.
    """

    def __init__(self, descriptor: int, report: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._report = report
        self._lines: deque[bytes] = deque()
        self._waiting = 0
        self._unreported = 0
        self._dropped = 0
        self._is_cut = False
        """Whether only a part of the last line could be written."""
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many lines have been dropped."""
        return self._dropped

    def write(self, line: str) -> None:
        """Queue a line, or drop it if too many wait. Never blocks and never raises."""
        content = line.encode(errors="backslashreplace")
        with self._changed:
            if self._waiting + len(content) > MOST_WAITING:
                self._drop()
                return
            self._lines.append(content)
            self._waiting += len(content)
            self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: the thread writes each line without buffering it."""

    def close(self) -> None:
        """Wait up to `CLOSING_SECONDS` until all lines are written, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(CLOSING_SECONDS)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (line := self._next()) is not None:
            has_succeeded = self._try(line)
            with self._changed:
                # Not when the line is taken: while it is being written, it takes memory like the waiting ones.
                self._waiting -= len(line)
                if not has_succeeded:
                    self._drop()
                unreported = 0
                if has_succeeded and self._waiting <= MOST_WAITING // 2:  # so that the report itself is not dropped
                    unreported, self._unreported = self._unreported, 0
            if unreported:
                self._report(unreported)

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._is_closed)
            return self._lines.popleft() if self._lines else None

    def _try(self, line: bytes) -> bool:
        """Write a line, after a line break if the last one is incomplete. Returns whether all of it was written."""
        content = b"\n" + line if self._is_cut else line
        rest = content
        try:
            while rest:
                rest = rest[self._write(rest) :]
        except OSError:
            self._is_cut = len(rest) < len(content) or self._is_cut
            return False
        self._is_cut = False
        return True

    def _write(self, content: bytes) -> int:
        try:
            return os.write(self._descriptor, content)
        except BlockingIOError:  # another program that shares the open file description has set O_NONBLOCK
            select.select([], [self._descriptor], [])
            return 0

    def _drop(self) -> None:
        self._dropped += 1
        self._unreported += 1
