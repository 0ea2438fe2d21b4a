"""Sandboxes: with root, without, and where the kernel forbids them."""

import errno
import os
import socket
from pathlib import Path

import pytest
from tests.lab.sandboxes import as_root_and_not, in_sandbox

from ringfence.errors import LaboratoryError
from ringfence.lab.session import sandbox


@as_root_and_not
def test_a_sandbox_has_an_empty_network_and_full_rights_over_it(rootless: bool) -> None:
    def inside() -> tuple[list[str], int]:
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        return [name for _, name in socket.if_nameindex()], os.getuid()

    forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    names, user = in_sandbox(inside, rootless=rootless)
    assert names == ["lo"]
    assert user == 0
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == forwarding


def test_a_limit_that_is_reached_is_reported() -> None:
    def message() -> str:
        Path("/proc/sys/user/max_net_namespaces").write_text("0")
        with pytest.raises(LaboratoryError) as caught:
            sandbox.enter_sandbox()
        return str(caught.value)

    assert "raise user.max_user_namespaces and user.max_net_namespaces (sysctl)" in in_sandbox(message, rootless=True)


@pytest.mark.parametrize(
    ("settings", "error", "remedy"),
    [
        pytest.param({"user/max_user_namespaces": "0"}, errno.ENOSPC, "sysctl -w user.max_user_namespaces", id="off"),
        pytest.param(
            {"kernel/unprivileged_userns_clone": "0"}, errno.EPERM, "kernel.unprivileged_userns_clone=1", id="Debian"
        ),
        pytest.param(
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            errno.EACCES,
            "kernel.apparmor_restrict_unprivileged_userns=0",
            id="Ubuntu",
        ),
        pytest.param({}, errno.EPERM, "docker run --cap-add", id="in a container"),
    ],
)
def test_the_remedy_is_that_of_the_distribution(settings: dict[str, str], error: int, remedy: str) -> None:
    usual = {"user/max_user_namespaces": "15000"}
    assert remedy in sandbox.namespace_remedy(OSError(error, os.strerror(error)), (usual | settings).get)
