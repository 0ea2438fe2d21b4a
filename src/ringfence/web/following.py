"""What is followed: the page shows what is in the files, or in the cluster, now."""

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

_LOOKED_AFTER: Final = 0.5
"""Seconds between two looks at what has changed."""

_TRIED_AGAIN: Final = 5.0
"""Seconds until a cluster that could not be read is read again."""

_Stamp = tuple[int, int, int]
"""The time of the last change in nanoseconds, the size, and the inode: an editor may write a new file in its place."""


class ClusterChanges(Protocol):
    """What says that the cluster has changed."""

    def have_come(self) -> bool:
        """Whether anything has changed since it was last taken. May take a while."""

    def taken(self) -> ObjectChanges | None:
        """What has changed since this was last asked; None if the cluster has to be read again for it."""

    def rest(self, changes: ObjectChanges | None) -> float:
        """How many times as long as it took to show changes nothing is shown after it."""

    def problems(self) -> list[Problem]:
        """What is not followed at present."""


class FileChanges:
    """Changes of the files at some paths, those in hidden folders excepted."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self._known = stamps(self._paths)
        self._present = self._known

    def have_come(self) -> bool:
        """Whether any file was written, made or removed since it was last taken."""
        self._present = stamps(self._paths)
        return self._known != self._present

    def taken(self) -> None:
        """Nothing: all files are read again. From now on, what has come is a new change."""
        self._known = self._present

    def rest(self, _: ObjectChanges | None) -> float:
        """Files are read as soon as they change."""
        return 0.0

    def problems(self) -> list[Problem]:
        """None: a file that cannot be read is a problem of the input."""
        return []


async def follow(page: LocalPage, changes: ClusterChanges, title: str) -> None:
    """Have a page show changes until this is cancelled. Whatever has come since the last look is one change.

    While the cluster cannot be read, the page shows what was read before, and that problem.
    """
    pause, failed = _LOOKED_AFTER, list[Problem]()
    while True:
        await asyncio.sleep(pause)
        pause = _LOOKED_AFTER
        if await asyncio.to_thread(changes.have_come) or failed:
            began = time.monotonic()
            try:
                taken = changes.taken()
                await page.read_again(None if failed else taken)  # what had come before a failure is not in `taken`
                failed = []
                pause = max(pause, changes.rest(taken) * (time.monotonic() - began))
            except Exception as error:  # a task that ended here would leave the page out of date without a trace
                reason = str(error) if isinstance(error, RingfenceError) else f"a defect of ringfence: {error!r}"
                message = f"the cluster is shown as it was before: {reason}"
                failed = [Problem(Place(title), ProblemCode.NOT_FOLLOWED, message)]
                pause = _TRIED_AGAIN
        page.show_problems([*changes.problems(), *failed])


def stamps(paths: Iterable[str]) -> dict[str, _Stamp]:
    """What tells whether files have changed, of all files at some paths, without those in hidden folders."""
    found: dict[str, _Stamp] = {}
    for file in _files(paths):
        try:
            status = file.stat()
        except OSError:  # it is being replaced, or it is gone: then it is missing here, which is a change, too
            continue
        found[str(file)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _files(paths: Iterable[str]) -> Iterator[Path]:
    for path in paths:
        if not Path(path).is_dir():
            yield Path(path)
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(folder, name) for name in names)
