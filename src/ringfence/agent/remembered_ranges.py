"""Remembered ranges: a file with the pod ranges of this node, for a start without rules and without the API server.

After a boot the kernel has no rules that contain the pod ranges, and the API server may not be available. The file is
replaced atomically, so a reader finds the old or the new content. The content is used only if nobody but root can have
written the file, it is about this Node, and each range has a size that a node may have.
"""

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ringfence.agent.log import log, values
from ringfence.agent.settings import Settings
from ringfence.errors import AgentError
from ringfence.model.cidrs import parse_cidr
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

MOST_BYTES: Final = 1 << 16
"""The largest size of the file: no node has so many ranges that an agent would write more."""

WIDEST: Final = 8
"""The shortest prefix of a range. A wider range would close traffic of the node itself."""

_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The content of the file, as JSON."""

    node: str
    pod_ranges: list[str]


class RememberedRanges:
    """The file of one node. A thread writes it, because a disk may block for seconds."""

    def __init__(self, file: Path, node: str) -> None:
        self._file = file
        self._node = node
        self._lock = threading.Lock()
        self._wanted: Addresses | None = None
        """The ranges of the last call of `remember`."""
        self._written: Addresses | None = None

    @classmethod
    def of(cls, settings: Settings) -> "RememberedRanges | None":
        """The file for the settings; None without a state file, or if the settings contain the ranges."""
        if settings.state_file is None or settings.pod_ranges is not None:
            return None
        return cls(settings.state_file, settings.node)

    def recall(self) -> Addresses:
        """The ranges in the file; none if there is no file. A file that cannot be used is logged and ignored."""
        try:
            return read_ranges(self._file, self._node)
        except FileNotFoundError:
            return NO_ADDRESSES
        except (AgentError, OSError) as error:
            log.error(f"the pod ranges of the last run are not used: {error}")
            return NO_ADDRESSES

    def remember(self, ranges: Addresses) -> None:
        """Write the ranges in a thread, unless the file contains them already. Failures are logged."""
        if ranges and ranges != self._wanted:
            self._wanted = ranges
            threading.Thread(target=self._write, name="remembered ranges", daemon=True).start()

    def _write(self) -> None:
        with self._lock:
            # The last thread to get here may find that another one has written its ranges.
            wanted = self._wanted
            if wanted is None or wanted == self._written:
                return
            try:
                write_ranges(self._file, self._node, wanted)
            except OSError as error:
                log.error(
                    f"the pod ranges cannot be stored in {self._file}: {error.strerror}: after the next boot, pods "
                    "would be open until the API server has been read",
                    extra=values(ranges=", ".join(wanted.cidrs())),
                )
            else:
                self._written = wanted


def read_ranges(file: Path, node: str) -> Addresses:
    """The ranges in a file about `node`. Raises AgentError if they cannot be used, OSError if it cannot be read."""
    try:
        content = msgspec.json.decode(_read(file), type=_Content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AgentError(f"{file}: not written by an agent: {error}") from None
    if content.node != node:
        raise AgentError(f"{file}: it is about the Node {content.node!r}, not {node}")
    try:
        networks = list(map(parse_cidr, content.pod_ranges))
    except ValueError as error:
        raise AgentError(f"{file}: {error}") from None
    for network in networks:
        if network.prefixlen < WIDEST:
            raise AgentError(f"{file}: {network} is too large to be the pod range of a node")
    return Addresses.of(*networks)


def write_ranges(file: Path, node: str, ranges: Addresses) -> None:
    """Replace a file atomically, and create its folder if needed. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    new = file.with_name(f"{file.name}.new")
    with suppress(FileNotFoundError):
        new.unlink()
    # O_EXCL follows no symbolic link that somebody may have put there.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(msgspec.json.encode(_Content(node, ranges.cidrs())))
        written.flush()
        os.fsync(descriptor)  # otherwise the file may be empty after a crash of the machine
    new.replace(file)


def forget_ranges(file: Path) -> None:
    """Remove a file if it exists. Raises AgentError if it cannot be removed."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(f"{file}: it cannot be removed: {error.strerror}") from None


def _read(file: Path) -> bytes:
    """The content of a file that only root can have written."""
    # O_NONBLOCK: opening a pipe would otherwise wait for a writer.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise AgentError(f"{file}: it is not a file")
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & _OTHERS_MAY_WRITE:
            raise AgentError(f"{file}: users other than root can write it: remove it")
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise AgentError(f"{file}: more than {MOST_BYTES >> 10} KiB: not written by an agent")
    return content
