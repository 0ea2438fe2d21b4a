"""Keeps the page up to date with the files, or with the live cluster."""

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from ringfence.errors import RingfenceError
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.web.app import LocalPage
from ringfence.web.simulation import ObjectChanges

_POLL_INTERVAL: Final = 0.5
"""Seconds between two checks for changes."""

_RETRY_INTERVAL: Final = 5.0
"""Seconds until a cluster that could not be read is read again."""

_Stamp = tuple[int, int, int]
"""The time of the last change in nanoseconds, the size, and the inode: an editor may write a new file in its place."""


class ClusterChanges(Protocol):
    """A source of changes: files, or the watches of a live cluster."""

    def are_pending(self) -> bool:
        """Whether anything has changed since the last `take`. May take a while."""

    def take(self) -> ObjectChanges | None:
        """The changes since the last call; None if the cluster has to be read again."""

    def pause_factor(self, changes: ObjectChanges | None) -> float:
        """How long to pause after these changes were shown, as a multiple of the time that showing them took."""

    def problems(self) -> list[Problem]:
        """What is not followed at present, and why."""


class FileChanges:
    """Changes of the files at some paths, those in hidden folders excepted."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        # Taken before anything is read: a change between reading and this would otherwise never be noticed.
        self._known = stamps(self._paths)
        self._present = self._known

    def are_pending(self) -> bool:
        """Whether any file was written, created or removed since the last `take`."""
        self._present = stamps(self._paths)
        return self._known != self._present

    def take(self) -> None:
        """Always None: all files are read again."""
        # The stamps that `are_pending` has seen, not new ones: a file that has changed since then must be noticed
        # again.
        self._known = self._present

    def pause_factor(self, _: ObjectChanges | None) -> float:
        """Files are read as soon as they change."""
        return 0.0

    def problems(self) -> list[Problem]:
        """None: a file that cannot be read is a problem of the input."""
        return []


async def follow(page: LocalPage, changes: ClusterChanges, title: str) -> None:
    """Show changes in a page until this is cancelled. All changes since the last check are shown together.

    While the cluster cannot be read, the page shows what was read before, and that problem.
    """
    pause, failed = _POLL_INTERVAL, list[Problem]()
    while True:
        await asyncio.sleep(pause)
        pause = _POLL_INTERVAL
        # After a failure it is tried again without any change: an API server comes back without one.
        if await asyncio.to_thread(changes.are_pending) or failed:
            began = time.monotonic()
            try:
                taken = changes.take()
                # After a failure, the changes that were taken before it are lost: read everything again.
                await page.read_again(None if failed else taken)
                failed = []
                pause = max(pause, changes.pause_factor(taken) * (time.monotonic() - began))
            except Exception as error:  # otherwise the task would end, and the page would stay out of date silently
                reason = str(error) if isinstance(error, RingfenceError) else f"a defect of ringfence: {error!r}"
                message = f"the page shows the cluster as it was before: {reason}"
                failed = [Problem(Place(title), ProblemCode.NOT_FOLLOWED, message)]
                pause = _RETRY_INTERVAL
        page.show_problems([*changes.problems(), *failed])


def stamps(paths: Iterable[str]) -> dict[str, _Stamp]:
    """The stamps of all files at some paths, without those in hidden folders: a changed file has another stamp."""
    found: dict[str, _Stamp] = {}
    for file in _files(paths):
        try:
            status = file.stat()
        except OSError:  # the file is being replaced or was removed: it has no stamp here, which also is a change
            continue
        found[str(file)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _files(paths: Iterable[str]) -> Iterator[Path]:
    for path in paths:
        if not Path(path).is_dir():
            yield Path(path)
            continue
        for folder, folders, names in os.walk(path):
            # In place, because `os.walk` then does not enter them: `.git` alone may have thousands of files.
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(folder, name) for name in names)
