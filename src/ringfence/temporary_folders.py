"""Folders for files that other programs read for a while: removed also if a signal ends the program."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ringfence.signal_cleanup import ended_after_cleanup


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder that only this user can read. If a signal ends the program, the folder is removed first."""
    with ended_after_cleanup(), TemporaryDirectory(prefix="ringfence-") as folder:
        yield Path(folder)
