"""Files that are followed: the page shows what is in them now."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_Stamp = tuple[int, int, int]
"""The time of the last change in nanoseconds, the size, and the inode: an editor may write a new file in its place."""


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
