"""The local socket of a laboratory in the background: its address, and the check that both ends are the same user's.

It is an abstract Unix socket (unix(7)): it has no file, so nothing is left when the daemon ends, however it ends. But
any user may connect to it or take its name; therefore both ends check each other's user.
"""

import os
import shlex
import socket
import struct
from typing import Final

DEFAULT_NAME: Final = "default"
"""The name of the laboratory that commands mean if none is given."""

_CREDENTIALS: Final = struct.Struct("iII")  # struct ucred: process, user, group


def socket_address(name: str) -> str:
    """The address of the socket of the calling user's laboratory called `name`."""
    return f"\0ringfence/{os.getuid()}/{name}"


def is_same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end of a local connection belongs to the calling user."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return bool(user == os.getuid())


def command_line(name: str, words: str) -> str:
    """A `ringfence lab` command for a message, with the option that it needs to mean this laboratory."""
    option = "" if name == DEFAULT_NAME else f"--name {shlex.quote(name)} "
    return f"ringfence lab {option}{words}"
