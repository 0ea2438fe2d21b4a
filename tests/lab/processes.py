"""Commands started as a user starts them, and what they leave behind."""

import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.forking_program import MARK
from tests.prepared_commands import PreparedCommand
from tests.waiting import eventually


class Traces(NamedTuple):
    """What a laboratory could leave on a machine."""

    interfaces: frozenset[str]
    mounts: frozenset[str]
    sockets: frozenset[str]


class User:
    """A user at a terminal. Every process that the user starts, and all its descendants, can be found again.

    The mark is also the name of the user's laboratory, so that tests may run at the same time.
    """

    def __init__(self, *, rootless: bool) -> None:
        self.rootless = rootless
        self.started: list[PreparedCommand] = []
        self.mark = uuid.uuid4().hex
        self.environment = {**os.environ, MARK: self.mark, "RINGFENCE_LAB": self.mark, "NO_COLOR": "1"}

    def start(self, *arguments: str) -> PreparedCommand:
        """Start `ringfence ARGUMENTS` in a process group of its own, as a shell does."""
        command = PreparedCommand(arguments, self.environment, rootless=self.rootless)
        self.started.append(command)
        return command

    def run(self, *arguments: str, manifests: str = "") -> subprocess.CompletedProcess[str]:
        """Run `ringfence ARGUMENTS` with `manifests` as its standard input, and wait."""
        command = self.start(*arguments)
        output, errors = command.communicate(manifests, timeout=60)
        return subprocess.CompletedProcess(arguments, command.wait(timeout=0), output, errors)

    def processes(self) -> list[int]:
        """All running processes of this user's commands."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and self._owns(entry)]

    def only_process(self) -> int:
        """The one process that is left when all others have ended: the daemon of his laboratory."""
        found: list[int] = []

        def is_alone() -> bool:
            found[:] = self.processes()
            return len(found) == 1

        assert eventually(is_alone), found
        return found[0]

    def kill_everything(self) -> None:
        """End all of them at once, without a chance to clean up."""
        for process in self.processes():
            with suppress(ProcessLookupError):  # it may have ended by itself since
                os.kill(process, signal.SIGKILL)

    def survivors(self) -> list[int]:
        """The processes that are still running after a while in which they could have ended."""
        eventually(lambda: not self.processes())
        return self.processes()

    def _owns(self, entry: Path) -> bool:
        try:
            dead = entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z"
            return not dead and f"{MARK}={self.mark}".encode() in entry.joinpath("environ").read_bytes()
        except OSError:
            return False


@contextmanager
def user(*, rootless: bool) -> Iterator[User]:
    """A user who must leave nothing behind: neither processes nor interfaces, mounts or sockets."""
    somebody = User(rootless=rootless)
    before = traces(somebody.mark)
    try:
        yield somebody
        somebody.run("lab", "down")
        assert somebody.survivors() == []
        assert traces(somebody.mark) == before
    finally:
        somebody.kill_everything()
        for command in somebody.started:
            command.close()


def traces(name: str) -> Traces:
    """What exists on the machine now; of sockets, only those of the laboratory of this name."""
    sockets = (line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines())
    mounts = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return Traces(
        frozenset(interface for _, interface in socket.if_nameindex()),
        frozenset(mounts),
        frozenset(one for one in sockets if one.startswith("@ringfence/") and one.endswith(name)),
    )
