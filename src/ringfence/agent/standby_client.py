"""The agent's side of the standby process: it starts the process, and gives it the restorations to send."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from ringfence.agent.standby_process import TAKEN
from ringfence.dataplane.restoration import Restoration
from ringfence.dataplane.standby import Standby

PATIENCE: Final = 30.0
"""Seconds that the process may take to answer. An answer takes 1 ms, the start 0.2 s."""


class StandbyEnded(OSError):
    """The standby process has ended."""


class StandbyProcess:
    """One standby process. Only one thread may use it."""

    def __init__(self, standby: Standby) -> None:
        """Start the process, without restorations. Raises OSError if that fails."""
        self._sent: Sequence[Restoration] = ()
        self._control, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(PATIENCE)
        inherited = (
            other_end.fileno(),
            standby.sender.fileno(),
            standby.listener.fileno(),
            standby.asking,
            *standby.announcements,
        )
        with other_end:
            self._process = subprocess.Popen(
                # -I: a process of root must not import modules from the current directory or PYTHONPATH.
                [sys.executable, "-I", "-m", "ringfence.agent.standby_process", *map(str, inherited)],
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
            )

    def send(self, restorations: Sequence[Restoration]) -> None:
        """Give the process the restorations that it sends from now on.

        Raises StandbyEnded if it has ended, TimeoutError if it does not answer, and OSError if the kernel refuses.
        """
        if self._process.poll() is not None:
            raise StandbyEnded(f"it has ended ({self._process.returncode})")
        if restorations is self._sent:
            return
        # One message of the socket has to fit into its send buffer (212,992 bytes), and restorations can be megabytes.
        memory = os.memfd_create("restorations")
        with os.fdopen(memory, "wb") as file:
            file.write(msgspec.msgpack.encode(restorations))
            file.flush()
            file.seek(0)
            if not self._is_taken(memory):
                raise StandbyEnded("it has ended")
        self._sent = restorations

    def _is_taken(self, memory: int) -> bool:
        """Whether the process answers that it has read the restorations in a file.

        If it ends in between, the kernel reports a broken pipe, a reset connection or the end of the stream, depending
        on whether it had received the file.
        """
        try:
            socket.send_fds(self._control, [b"\0"], [memory])
            return self._control.recv(len(TAKEN)) == TAKEN
        except ConnectionError:
            return False

    def end(self) -> None:
        """End the process, and return when it has ended and can send nothing more."""
        self._control.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
