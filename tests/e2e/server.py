"""A program that serves on an address of this machine until it is stopped."""

import os
import random
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.waiting import eventually

from . import parts

WAIT_SECONDS: Final = 90.0
STOP_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05

PORTS: Final = range(20_000, 32_000)
"""Below the kernel's range for outgoing connections: none of them can take a server's port while it is restarted."""


class ServerError(Exception):
    """A server is missing, has ended or did not reach the expected state. The message contains the details."""


class Server:
    """One of the `parts`, run with `arguments`. It ends with the test run, for whatever reason that ends."""

    def __init__(self, part: str, arguments: Sequence[str], log: Path) -> None:
        self.part = part
        self.arguments = arguments
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while the program runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, ready: Callable[[], bool]) -> None:
        """Start the program unless it runs. Return when it is `ready`.

        Raises ServerError if the program ends before that or takes too long.
        """
        if self.pid is None:
            self._process = self._spawn()
        wait_until(lambda: self.pid is None or ready(), f"{self.part} is ready (see {self.log})")
        if self.pid is None:
            raise ServerError(f"{self.part} ended while it started; its last words:\n{self._last_words()}")

    def stop(self) -> None:
        """Stop the program gracefully, or kill it if that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the program, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = parts.find(self.part)
        if program is None:
            raise ServerError(f"{self.part} is missing: `{parts.BUILD_COMMAND}` makes it first")
        # A test run that is killed cannot end its servers: the kernel ends them.
        command = ["setpriv", "--pdeathsig", "KILL", "--", str(program), *self.arguments]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def wait_until(holds: Callable[[], bool], what: str, pause: float = POLL_SECONDS) -> None:
    """Return when `holds` is true. Raises ServerError, whose message contains `what`, when that takes too long."""
    if not eventually(holds, WAIT_SECONDS, pause):
        raise ServerError(f"not within {WAIT_SECONDS:.0f} s: {what}")


def free_port(address: str) -> int:
    """A port of `address` on which no program listens."""
    ports = _own_ports()
    for port in random.sample(ports, len(ports)):
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise ServerError(f"every port of {address} from {PORTS.start} to {PORTS.stop} is taken")


def _own_ports() -> range:
    """The ports of this process. Processes that run tests in parallel never choose the same port."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
