"""A thread enters a namespace, and returns to its own."""

from pathlib import Path

import pytest
from tests.kernel_headers import values_in_headers
from tests.lab.sandboxes import as_root_and_not, in_sandbox

from ringfence.lab.network.linux import (
    MountFlag,
    NamespaceKind,
    in_network_namespace,
    open_network_namespace,
    returning_to_network_namespace,
    unshare,
)


def present_namespace() -> int:
    """The number of the calling thread's network namespace."""
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_kinds_of_namespaces_are_the_numbers_of_the_headers() -> None:
    names = ("CLONE_NEWNS", "CLONE_NEWUSER", "CLONE_NEWPID", "CLONE_NEWNET")
    kinds = (NamespaceKind.MOUNT, NamespaceKind.USER, NamespaceKind.PROCESS, NamespaceKind.NETWORK)
    assert values_in_headers(names) == dict(zip(names, kinds, strict=True))


def test_flags_of_mounts_are_the_numbers_of_the_headers() -> None:
    names = ("MS_BIND", "MS_REC", "MS_PRIVATE")
    flags = (MountFlag.BIND, MountFlag.RECURSIVE, MountFlag.PRIVATE)
    assert values_in_headers(names) == dict(zip(names, flags, strict=True))


@as_root_and_not
def test_a_thread_works_in_another_namespace_and_returns(rootless: bool) -> None:
    def namespaces() -> tuple[bool, bool, bool]:
        before = present_namespace()
        with returning_to_network_namespace():
            unshare(NamespaceKind.NETWORK)
            other, inside = open_network_namespace(), present_namespace()
        returned = present_namespace()
        with in_network_namespace(other):
            entered = present_namespace()
        return inside != before, entered == inside, before == returned == present_namespace()

    assert in_sandbox(namespaces, rootless=rootless) == (True, True, True)


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def move_and_fail() -> None:
    with returning_to_network_namespace():
        unshare(NamespaceKind.NETWORK)
        raise LookupError


def test_a_thread_returns_after_an_error_too() -> None:
    def returned() -> bool:
        before = present_namespace()
        with pytest.raises(LookupError):
            move_and_fail()
        return present_namespace() == before

    assert in_sandbox(returned)


def test_the_file_descriptor_of_the_way_back_is_closed() -> None:
    def opened() -> set[str]:
        before = open_files()
        with returning_to_network_namespace():
            pass
        return open_files() - before

    assert in_sandbox(opened) == set()
