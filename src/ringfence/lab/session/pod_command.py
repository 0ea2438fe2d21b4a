"""Running a program of this machine in a pod's network."""

import os
import signal
from pathlib import Path
from typing import Final, NoReturn

from ringfence.lab.network import MountFlag, NamespaceKind, enter_namespace, mount, unmount, unshare
from ringfence.lab.session.client import exchange
from ringfence.lab.session.protocol import EnterReply, EnterRequest

_RESOLVER: Final = "/etc/resolv.conf"
_RESOLVER_SOCKETS: Final = ("/run/systemd/resolve", "/run/nscd")
"""Folders of sockets by which the C library asks resolvers of the machine, which do not know the names of pods."""

_COMMAND_NOT_RUN: Final = 127
"""The exit status of shells for a command that could not be run."""


def execute_in_pod(name: str, pod: str, command: list[str]) -> int:
    """Run a command in a pod's network, wait for it, and return its exit status, as a shell reports it.

    The command is an ordinary child of this process, with the same terminal, files and environment. It sees the pod's
    network and asks the laboratory's DNS, and it ends when the laboratory ends.
    """
    reply, (user, process, network) = exchange(name, EnterRequest(pod))
    assert isinstance(reply, EnterReply)
    # setns(2) refuses to enter the user namespace that the process is in already: the laboratory of root has no other.
    if not Path("/proc/self/ns/user").samefile(f"/proc/self/fd/{user}"):
        enter_namespace(user, NamespaceKind.USER)
    enter_namespace(process, NamespaceKind.PROCESS)
    enter_namespace(network, NamespaceKind.NETWORK)
    child = os.fork()
    if child == 0:
        _run(command, reply.resolver_configuration)
    for number in (signal.SIGINT, signal.SIGQUIT):  # a terminal also sends them to the command, which handles them
        signal.signal(number, signal.SIG_IGN)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def _run(command: list[str], resolver_configuration: str) -> NoReturn:
    """Replace this process by `command`, which resolves the names of the cluster."""
    step = "the resolver configuration of the pod cannot be mounted"
    try:
        unshare(NamespaceKind.MOUNT)
        # Without this the mounts would propagate to the machine's own mount namespace (mount_namespaces(7)).
        mount("none", "/", None, MountFlag.PRIVATE | MountFlag.RECURSIVE)
        _mount_resolver(resolver_configuration)
        step = command[0]
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"error: {step}: {error.strerror}\n".encode(errors="replace"))
    os._exit(_COMMAND_NOT_RUN)


def _mount_resolver(configuration: str) -> None:
    """Mount another `/etc/resolv.conf` over the machine's, in this process's mount namespace only."""
    for folder in filter(os.path.isdir, _RESOLVER_SOCKETS):
        mount("none", folder, "tmpfs", MountFlag(0))
    # With systemd-resolved it is a symbolic link into one of these folders, which is empty now.
    target = Path(_RESOLVER).resolve()
    # The file that is mounted must be on a filesystem that this namespace may write to: a tmpfs of its own, which stays
    # in use by the mounted file when it is detached again.
    mount("none", "/tmp", "tmpfs", MountFlag(0))
    source = Path("/tmp/resolv.conf")
    source.write_text(configuration)
    if str(target.parent) in _RESOLVER_SOCKETS:
        target.touch()
    mount(str(source), str(target), None, MountFlag.BIND)
    unmount("/tmp")
