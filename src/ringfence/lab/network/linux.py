"""Namespaces and mounts: system calls that Python 3.11 does not offer. Each raises OSError when the kernel refuses.

Sources: unshare(2), setns(2), mount(2), umount(2), namespaces(7).
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_MNT_DETACH: Final = 2


class NamespaceKind(IntFlag):
    """Kinds of namespaces: the `CLONE_NEW*` flags of `<linux/sched.h>`."""

    MOUNT = 0x00020000
    USER = 0x10000000
    PROCESS = 0x20000000
    NETWORK = 0x40000000


class MountFlag(IntFlag):
    """Flags of mount(2): `MS_*` of `<linux/mount.h>`."""

    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18


def unshare(kinds: NamespaceKind) -> None:
    """Move the calling thread into new namespaces of these kinds; for PROCESS, only its future children."""
    _check(_libc.unshare(int(kinds)))


def enter_namespace(namespace: int, kind: NamespaceKind) -> None:
    """Move the calling thread into the namespace of a file descriptor; for PROCESS, only its future children."""
    _check(_libc.setns(namespace, int(kind)))


@contextmanager
def returning_to_network_namespace() -> Iterator[None]:
    """Return to the present network namespace afterwards."""
    present = open_network_namespace()
    try:
        yield
    finally:
        enter_namespace(present, NamespaceKind.NETWORK)
        os.close(present)


@contextmanager
def in_network_namespace(namespace: int) -> Iterator[None]:
    """Work in the network namespace of a file descriptor.

    A socket always belongs to the namespace in which it was opened, so one thread can serve sockets of all of them.
    """
    with returning_to_network_namespace():
        enter_namespace(namespace, NamespaceKind.NETWORK)
        yield


def open_network_namespace() -> int:
    """A file descriptor that keeps the calling thread's network namespace alive."""
    # Network namespaces belong to threads: /proc/self would show that of the main thread.
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def mount(source: str, target: str, filesystem: str | None, flags: MountFlag) -> None:
    """Mount a filesystem, or a file or folder over another one, in the calling process's mount namespace."""
    kind = filesystem.encode() if filesystem else None
    # The flags are an unsigned long. ctypes would pass a Python number as an int.
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), kind, ctypes.c_ulong(int(flags)), None))


def unmount(target: str) -> None:
    """Detach what was mounted last over a folder; files in it that are still in use stay usable."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH))


def _check(result: int) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
