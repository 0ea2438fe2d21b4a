"""The agent's end of the process that stands by: it is started, given what to send, and started again if it ends."""

import errno
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
            standby.begun,
            standby.ended,
        )
        with other_end:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "ringfence.agent.standby_process", *map(str, inherited)],
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
            )

    def send(self, restorations: Sequence[Restoration]) -> None:
        """Have it send these from now on. Raises OSError if it has ended, or does not answer."""
        if self._process.poll() is not None:
            raise BrokenPipeError(errno.EPIPE, f"it has ended ({self._process.returncode})")
        if restorations is self._sent:
            return
        memory = os.memfd_create("restorations")
        with os.fdopen(memory, "wb") as file:
            file.write(msgspec.msgpack.encode(restorations))
            file.flush()
            file.seek(0)
            socket.send_fds(self._control, [b"\0"], [memory])
        if self._control.recv(len(TAKEN)) != TAKEN:
            raise BrokenPipeError(errno.EPIPE, "it has ended")
        self._sent = restorations

    def end(self) -> None:
        """End it, and return when it has ended: it sends nothing any more."""
        self._control.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
