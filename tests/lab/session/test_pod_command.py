"""Programs of this machine in a pod's network."""

import os
import signal
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from tests.lab.processes import User, user
from tests.lab.sandboxes import as_root_and_not
from tests.lab.shop import SHOP
from tests.waiting import eventually


def python(rootless: bool) -> str:
    """The interpreter that can be started inside a pod."""
    return "/mnt/python/bin/python3" if rootless and os.getuid() == 0 else sys.executable


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        pytest.param(["sh", "-c", "exit 7"], 7, "", id="its exit status is passed on"),
        pytest.param(["sh", "-c", "kill -9 $$"], 128 + 9, "", id="as a shell would"),
        pytest.param(["no-such-program"], 127, "", id="a program that does not exist"),
        pytest.param(["head", "-n1", "/etc/resolv.conf"], 0, "nameserver 10.96.0.2\n", id="it asks the cluster's DNS"),
        pytest.param(["cat"], 0, "said", id="it has the input of its caller"),
        pytest.param(["echo", "--", "-x"], 0, "-- -x\n", id="only the first -- is ours"),
    ],
)
def test_a_program_in_a_pod(shop: User, command: list[str], status: int, output: str) -> None:
    done = shop.run("lab", "exec", "shop/web", "--", *command, manifests="said")
    assert (done.returncode, done.stdout) == (status, output)


def test_a_program_that_does_not_exist_is_named(shop: User) -> None:
    done = shop.run("lab", "exec", "shop/web", "--", "no-such-program")
    assert done.stderr == "error: no-such-program: No such file or directory\n"


def test_a_program_sees_the_interfaces_of_the_pod(shop: User) -> None:
    interfaces = shop.run("lab", "exec", "shop/web", "--", "cat", "/proc/self/net/dev").stdout
    names = [line.split(":")[0].strip() for line in interfaces.splitlines()[2:]]
    assert sorted(names) == ["eth0", "lo"]


def test_a_program_sees_the_temporary_files_of_the_machine(shop: User) -> None:
    """A file system of the program's own was mounted over them for its resolver configuration."""
    with NamedTemporaryFile("w", dir="/tmp") as file:
        file.write("said")
        file.flush()
        Path(file.name).chmod(0o644)
        assert shop.run("lab", "exec", "shop/web", "--", "cat", file.name).stdout == "said"


def test_the_machines_resolver_configuration_stays(shop: User) -> None:
    before = Path("/etc/resolv.conf").read_text()
    inside = shop.run("lab", "exec", "shop/web", "--", "cat", "/etc/resolv.conf").stdout
    assert Path("/etc/resolv.conf").read_text() == before != inside


@as_root_and_not
def test_what_runs_in_a_pod_ends_with_the_laboratory(rootless: bool) -> None:
    """Even if the laboratory is killed, and even if no process waits for the program."""
    with user(rootless=rootless) as owner:
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
        daemon = owner.only_process()
        program = "setsid sleep 600 & sleep 600"
        client = owner.start("lab", "exec", "shop/web", "--", "sh", "-c", program)
        assert eventually(lambda: len(owner.processes()) >= 5), "daemon, client, shell and two programs"
        os.kill(daemon, signal.SIGKILL)
        assert client.wait(timeout=60) == 128 + signal.SIGKILL
        assert owner.survivors() == []
        assert "no laboratory is running" in owner.run("lab", "status").stderr
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
