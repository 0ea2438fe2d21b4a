"""A progress bar appears on a terminal, and for large inputs only."""

import io
import sys
from collections.abc import Callable

import pytest

from ringfence.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_there_is_nothing_to_report_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.reading() as report:
        assert report is None


@pytest.mark.parametrize(("size", "shown"), [(4_999_999, False), (5_000_000, True)])
def test_a_bar_is_shown_for_large_inputs(size: int, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.reading() as report:
        assert report is not None
        for done in (0, size // 2, size):
            report(done, size)
    assert ("reading" in terminal.getvalue()) is shown


def test_there_is_one_bar_for_one_input(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    shown: list[int] = []

    def bar(total: int, closing: object) -> Callable[[int], None]:
        made.append(total)
        return shown.append

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "_bar", bar)
    with progress.reading() as report:
        assert report is not None
        for done in range(3):
            report(done, 6_000_000)
    assert (made, shown) == ([6_000_000], [0, 1, 2])
