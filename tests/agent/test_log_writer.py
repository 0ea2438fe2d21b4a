"""The log writer thread, with pipes whose readers stall or go away, and with a full disk."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.agent.running import TIMEOUT, eventually

from ringfence.agent import log_writer
from ringfence.agent.log import log, logging_in_background
from ringfence.agent.log_writer import MOST_WAITING, LogWriter

LINE = "x" * 99 + "\n"
MORE_THAN_FIT = 2 * MOST_WAITING // len(LINE)


class Pipe:
    """A pipe, and the log writer that writes to it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.reported: list[int] = []
        self.writer = LogWriter(self.writing, self.reported.append)

    def read_lines(self, count: int) -> list[str]:
        """Read at least the next lines."""
        text = b""
        while text.count(b"\n") < count:
            text += os.read(self.reading, 1 << 16)
        return text.decode().splitlines()

    def close(self) -> int:
        """Close the writer and the pipe; return how many lines were not read."""
        unread: list[bytes] = []
        thread = threading.Thread(target=lambda: unread.extend(iter(lambda: os.read(self.reading, 1 << 16), b"")))
        thread.start()
        self.writer.close()
        self.writer._thread.join(TIMEOUT)  # A busy machine may need longer than `close` waits.
        assert not self.writer._thread.is_alive()
        os.close(self.writing)
        thread.join()
        os.close(self.reading)
        return b"".join(unread).count(b"\n")


@contextmanager
def pipe() -> Iterator[Pipe]:
    one = Pipe()
    try:
        yield one
    finally:
        one.close()


def test_lines_are_written_in_their_order() -> None:
    with pipe() as one:
        for number in range(100):
            one.writer.write(f"line {number}\n")
        assert one.read_lines(100) == [f"line {number}" for number in range(100)]
        assert one.writer.dropped == 0


def test_logging_does_not_wait_for_a_reader_that_stalls_and_dropped_lines_are_counted() -> None:
    stalled = Pipe()
    for _ in range(MORE_THAN_FIT):
        stalled.writer.write(LINE)
    dropped = stalled.writer.dropped
    assert dropped >= MORE_THAN_FIT // 3
    assert stalled.reported == []
    assert stalled.close() == MORE_THAN_FIT - dropped, "every line is written or counted"
    assert stalled.reported == [dropped]


def test_lines_that_are_dropped_after_a_report_are_reported_as_well() -> None:
    with pipe() as stalling:
        for reports in (1, 2):
            before = stalling.writer.dropped
            for _ in range(MORE_THAN_FIT):
                stalling.writer.write(LINE)
            stalling.read_lines(MORE_THAN_FIT - (stalling.writer.dropped - before))
            eventually(lambda reports=reports: len(stalling.reported) == reports)  # type: ignore[misc]
        assert sum(stalling.reported) == stalling.writer.dropped


def test_a_reader_that_is_gone_stops_no_thread_that_logs() -> None:
    with pipe() as one:
        unread, broken = os.pipe()
        os.close(unread)
        os.dup2(broken, one.writing)
        os.close(broken)
        for _ in range(10):
            one.writer.write(LINE)
        eventually(lambda: one.writer.dropped == 10)
        assert one.reported == []


def test_logging_goes_on_once_a_full_disk_has_room_again() -> None:
    """`/dev/full` refuses every write with ENOSPC."""
    with pipe() as one:
        usual = os.dup(one.writing)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, one.writing)
        os.close(full)
        for _ in range(3):
            one.writer.write(LINE)
        eventually(lambda: one.writer.dropped == 3)
        os.dup2(usual, one.writing)
        os.close(usual)
        one.writer.write("again\n")
        assert one.read_lines(1) == ["again"]
        eventually(lambda: one.reported == [3])


def test_a_line_of_which_only_a_part_was_written_does_not_run_into_the_next_one() -> None:
    written = b""
    room = 10

    def write(descriptor: int, content: bytes) -> int:
        nonlocal written
        if not (count := min(room - len(written), len(content))):
            raise OSError(28, "No space left on device")
        written += content[:count]
        return count

    with pytest.MonkeyPatch.context() as patch, pipe() as one:
        patch.setattr(os, "write", write)
        one.writer.write("first line\n")
        one.writer.write("lost\n")
        eventually(lambda: one.writer.dropped == 2)
        room = 100
        one.writer.write("next line\n")
        eventually(lambda: one.reported == [2])
    assert written == b"first line\nnext line\n"


def test_the_writer_waits_for_a_file_that_another_process_made_non_blocking() -> None:
    with pipe() as one:
        os.set_blocking(one.writing, False)
        lines = MOST_WAITING // len(LINE) // 2
        for _ in range(lines):
            one.writer.write(LINE)
        assert len(one.read_lines(lines)) == lines
        assert one.writer.dropped == 0


def test_text_that_is_not_valid_unicode_is_escaped() -> None:
    with pipe() as one:
        one.writer.write("\udcff\n")
        assert one.read_lines(1) == ["\\udcff"]


def test_a_process_that_ends_does_not_wait_long_for_a_reader() -> None:
    with pipe() as one, pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_writer, "CLOSING_SECONDS", 0.01)
        for _ in range(MORE_THAN_FIT):
            one.writer.write(LINE)
        closing = threading.Thread(target=one.writer.close)
        closing.start()
        closing.join(TIMEOUT)
        assert not closing.is_alive()
        assert one.writer._thread.is_alive(), "nobody has read the lines, so the thread still writes them"


def test_the_log_says_that_lines_were_dropped() -> None:
    reading, writing = os.pipe()
    with logging_in_background(writing, as_json=False) as writer:
        for _ in range(MORE_THAN_FIT):
            log.info("x" * 40)
        dropped = writer.dropped
        assert dropped > 0
        text = b""
        while b"were dropped" not in text:
            text += os.read(reading, 1 << 16)
    while not text.endswith(b"\n"):
        text += os.read(reading, 1 << 16)
    assert (
        f"lines of this log were dropped because they could not be written in time lines={dropped}\n" in text.decode()
    )
    os.close(reading)
    os.close(writing)
