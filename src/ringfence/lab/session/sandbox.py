"""The sandbox: namespaces in which a laboratory may be built, with or without root.

A process that may create network namespaces (root) does so; every other process first creates a user namespace, in
which it is root. Either way it leaves the machine's own network, so that the laboratory cannot change it.

Sources: user_namespaces(7); the settings are those of the Linux kernel, Debian and Ubuntu.
"""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

from ringfence.errors import LaboratoryError
from ringfence.lab.network import NamespaceKind, unshare


def enter_sandbox() -> None:
    """Move this process, which must have one thread only, into a sandbox that ends with it.

    Raises LaboratoryError, with the remedy, if the kernel forbids it.
    """
    user, group = os.getuid(), os.getgid()
    try:
        if not _unshare_as_root():
            unshare(NamespaceKind.USER | NamespaceKind.NETWORK)
            # Without root, gid_map can only be written after setgroups(2) is denied (Linux 3.19, CVE-2014-8989).
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        remedy = namespace_remedy(error, _read_setting)
        raise LaboratoryError(f"no network namespaces: {error.strerror}: {remedy}") from error
    # Every namespace, server and waiting probe is an open file, and the usual soft limit is 1,024.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def namespace_remedy(error: OSError, setting: Callable[[str], str | None]) -> str:
    """The remedy when the kernel refuses namespaces; `setting` gives the text of a file in /proc/sys, or None."""
    if setting("user/max_user_namespaces") == "0":
        return "user namespaces are turned off: sudo sysctl -w user.max_user_namespaces=15000"
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "only root may create user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor forbids user namespaces for unconfined programs (Ubuntu 23.10 and newer): "
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if error.errno == errno.ENOSPC:
        return (
            "the limit for namespaces is reached: raise user.max_user_namespaces and user.max_net_namespaces (sysctl)"
        )
    return (
        "run as root or, inside a container, allow namespaces "
        "(docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
    )


def _unshare_as_root() -> bool:
    """Enter a new network namespace without a user namespace; False if the kernel does not allow it."""
    try:
        unshare(NamespaceKind.NETWORK)
    except PermissionError:
        return False
    return True


def _read_setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
