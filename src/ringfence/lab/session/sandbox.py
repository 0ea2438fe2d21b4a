"""Namespaces of our own: where a laboratory may be built, with or without root.

Who may make network namespaces (root) does so; everybody else first makes a user namespace, in which he is root. The
machine's own network is left behind either way: nothing that happens in the sandbox can change it.

Source: user_namespaces(7); the settings are those of the Linux kernel, Debian and Ubuntu.
"""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

from ringfence.errors import LaboratoryError
from ringfence.lab.network import NamespaceKind, linux


def enter_sandbox() -> None:
    """Move this process, which must have one thread only, into a sandbox that ends with it.

    It may then open as many files as anybody lets it: every namespace and every server is one.

    Raises LaboratoryError, with the remedy, where the kernel forbids it.
    """
    user, group = os.getuid(), os.getgid()
    try:
        if not _unshare_as_root():
            linux.unshare(NamespaceKind.USER | NamespaceKind.NETWORK)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        raise LaboratoryError(
            f"no network namespaces: {error.strerror}: {namespace_remedy(error, _read_setting)}"
        ) from error
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def namespace_remedy(error: OSError, setting: Callable[[str], str | None]) -> str:
    """What to do when the kernel refuses namespaces; `setting` gives the text of a file in /proc/sys, or None."""
    if setting("user/max_user_namespaces") == "0":
        return "user namespaces are turned off: sudo sysctl -w user.max_user_namespaces=15000"
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "only root may make user namespaces here: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor forbids user namespaces to ordinary programs (Ubuntu 23.10 and newer): "
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if error.errno == errno.ENOSPC:
        return "the limit of namespaces is reached: see user.max_user_namespaces and user.max_net_namespaces (sysctl)"
    return (
        "run as root, or, inside a container, allow it namespaces "
        "(docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
    )


def _unshare_as_root() -> bool:
    """Whether this process is privileged enough to make network namespaces without a user namespace around them."""
    try:
        linux.unshare(NamespaceKind.NETWORK)
    except PermissionError:
        return False
    return True


def _read_setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
