"""The log of readiness: what it contains, and how often."""

import io
from collections.abc import Iterator

import pytest
from tests.agent.running import eventually

from ringfence.agent.log import logging_to
from ringfence.agent.readiness_log import ReadinessLog, reporting_readiness


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_to(stream, as_json=False):
        yield stream


def logged(stream: io.StringIO) -> list[str]:
    """The logged lines without their times."""
    return [line.partition(" ")[2] for line in stream.getvalue().splitlines()]


def test_each_change_of_the_reasons_is_logged_in_one_line(stream: io.StringIO) -> None:
    readiness = ReadinessLog()
    for seconds in (6, 7, 8):
        readiness.note({"lag": f"{seconds} s"})
    readiness.note({"lag": "9 s", "rules": "refused"})
    for _ in range(2):
        readiness.note({})
    readiness.note({"lag": "6 s"})
    assert logged(stream) == [
        "warning not ready: 6 s reasons=lag",
        "warning not ready: 9 s; refused reasons=lag,rules",
        "info    ready: the policies of this node are in force",
        "error   not ready: 6 s reasons=lag",
    ]


def test_the_thread_reads_the_reasons_periodically_even_after_a_defect(stream: io.StringIO) -> None:
    results: list[dict[str, str]] = [{"stuck": "the loop has not run for 7 s"}, {}]

    def errors() -> dict[str, str]:
        return results.pop(0)

    with reporting_readiness(errors, interval=0.01):
        eventually(lambda: "a defect of ringfence (readiness)" in stream.getvalue())
        results.append({"lag": "6 s"})
        eventually(lambda: "not ready: 6 s" in stream.getvalue())
    assert "not ready: the loop has not run for 7 s" in stream.getvalue()
    assert "ready: the policies" in stream.getvalue()
