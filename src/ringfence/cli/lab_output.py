"""What the commands of `lab` print: probe reports, the status of a laboratory, refusals of the kernel, progress."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Final

from ringfence.analysis.probes import LaboratoryStatus, ProbeReport, RefusedProgram
from ringfence.cli.terminal import is_dumb, print_document, print_message, print_painted, print_text, wants_colour
from ringfence.lab.run import RunProgress
from ringfence.model.problems import Problem
from ringfence.render import laboratory_status, probe_report

_WIDTH_OF_FILES: Final = 240
"""Columns of a table that goes to a file or a pipe."""

_REDRAW_INTERVAL: Final = 0.1
"""Seconds between two updates of the progress bar: more frequent ones would slow the probes down."""


def print_report(report: ProbeReport, output: str, problems: Iterable[Problem] = ()) -> None:
    """Print a report as `table`, `json` or `junit`; JSON and JUnit have the `problems` of the input."""
    if output == "json":
        print_document(probe_report.json(report, problems))
    elif output == "junit":
        print_document(probe_report.junit(report, problems))
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_FILES
        print_painted(probe_report.text(report, width=width, colour=wants_colour()))


def print_status(status: LaboratoryStatus, output: str) -> None:
    """Print the status of a laboratory as `table` or `json`."""
    if output == "json":
        print_document(laboratory_status.json(status))
    else:
        print_text(laboratory_status.text(status))


def print_refused(refused: Iterable[RefusedProgram]) -> bool:
    """Print on standard error what the kernel refused to enforce; returns whether it refused anything."""
    lines = [f"error: {one}" for one in refused]
    for line in lines:
        print_message(line)
    return bool(lines)


@contextmanager
def progress_bar() -> Iterator[RunProgress]:
    """A progress bar on a terminal, which is removed at the end; elsewhere nothing."""
    if not sys.stderr.isatty() or is_dumb():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    # Without the thread that redraws: a process with several threads cannot enter a user namespace (unshare(2)).
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("")
        last_drawn = 0.0

        def show(step: str, done: int, total: int) -> None:
            nonlocal last_drawn
            # The end is always drawn, so that no bar stays at 97 %.
            if time.monotonic() - last_drawn > _REDRAW_INTERVAL or done >= total:
                last_drawn = time.monotonic()
                bar.update(task, description=step, completed=done, total=total, refresh=True)

        yield show
