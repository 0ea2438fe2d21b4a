"""A progress bar on a terminal while large inputs are read."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ringfence.cli.terminal import is_dumb

_WORTH_SHOWING = 5_000_000
"""Bytes. YAML is read at 7 MB/s (docs/performance.md): less than this takes under a second."""


@contextmanager
def reading() -> Iterator[Callable[[int, int], None] | None]:
    """The function to call with the bytes read and the bytes in all; None if standard error is not a terminal."""
    if not sys.stderr.isatty() or is_dumb():
        yield None
        return
    with ExitStack() as shown:
        # Empty until a large input is read. Importing rich takes longer than reading a small one.
        show: list[Callable[[int], None]] = []

        def progress(done: int, total: int) -> None:
            if total < _WORTH_SHOWING:
                return
            if not show:
                show.append(_bar(total, shown))
            show[0](done)

        yield progress


def _bar(total: int, shown: ExitStack) -> Callable[[int], None]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = shown.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = bar.add_task("reading", total=total)
    return lambda done: bar.update(task, completed=done)
