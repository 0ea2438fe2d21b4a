"""The agent's end of the process that stands by: it is started, given what to send, and started again if it ends."""

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
"""Seconds that the process may take to answer; an answer takes a millisecond, the start a fifth of a second."""


class StandbyEnded(OSError):
    """The process that stands by has ended."""


class StandbyProcess:
    """One process. Used by one thread."""

    def __init__(self, standby: Standby) -> None:
        """Start it; it sends nothing before it is given what to send. Raises OSError where that fails."""
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
                [sys.executable, "-I", "-m", "ringfence.agent.standby_process", *map(str, inherited)],
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
            )

    def send(self, restorations: Sequence[Restoration]) -> None:
        """Have it send these from now on.

        Raises StandbyEnded if it has ended, TimeoutError if it does not answer, and OSError where the kernel refuses.
        """
        if self._process.poll() is not None:
            raise StandbyEnded(f"it has ended ({self._process.returncode})")
        if restorations is self._sent:
            return
        memory = os.memfd_create("restorations")
        with os.fdopen(memory, "wb") as file:
            file.write(msgspec.msgpack.encode(restorations))
            file.flush()
            file.seek(0)
            if not self._is_taken(memory):
                raise StandbyEnded("it has ended")
        self._sent = restorations

    def _is_taken(self, memory: int) -> bool:
        """Whether it answers that it has taken what is in a file.

        When it ends meanwhile, the kernel reports a broken pipe, a reset connection or the end of a stream: that
        depends on whether it had read the file.
        """
        try:
            socket.send_fds(self._control, [b"\0"], [memory])
            return self._control.recv(len(TAKEN)) == TAKEN
        except ConnectionError:
            return False

    def end(self) -> None:
        """End it, and return when it has ended: it sends nothing any more."""
        self._control.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
