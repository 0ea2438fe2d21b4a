"""The system calls that Python 3.11 does not offer. Each raises OSError when the kernel refuses.

Sources: unshare(2), setns(2), mount(2), prctl(2).
"""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG: Final = 1


class Kind(IntFlag):
    """Kinds of namespaces: the CLONE_ flags of `<linux/sched.h>`."""

    MOUNT = 0x00020000
    USER = 0x10000000
    PROCESS = 0x20000000
    NETWORK = 0x40000000


class MountFlag(IntFlag):
    """Flags of mount(2)."""

    READ_ONLY = 1
    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18


def unshare(kinds: Kind) -> None:
    """Move the calling thread into new namespaces of these kinds; for PROCESS, only its future children."""
    _check(_libc.unshare(int(kinds)))


def enter(namespace: int, kind: Kind) -> None:
    """Move the calling thread into the namespace behind a file descriptor."""
    _check(_libc.setns(namespace, int(kind)))


@contextmanager
def returning() -> Iterator[None]:
    """Come back to the present network namespace afterwards."""
    home = open_own_network()
    try:
        yield
    finally:
        enter(home, Kind.NETWORK)
        os.close(home)


@contextmanager
def inside(network: int) -> Iterator[None]:
    """Be in a network namespace for a while: sockets opened meanwhile belong to it for as long as they live."""
    with returning():
        enter(network, Kind.NETWORK)
        yield


def open_own_network() -> int:
    """A file descriptor that holds the calling thread's network namespace open."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def mount(source: str, target: str, filesystem: str | None, flags: MountFlag) -> None:
    """Mount a filesystem, or a file or folder over another one, in the calling process's mount namespace."""
    kind = filesystem.encode() if filesystem else None
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), kind, ctypes.c_ulong(int(flags)), None))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends; `parent` is the parent's process id."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _check(result: int) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
