"""`ringfence lab run`: as users run it, interrupt it and kill it."""

import json
import os
import signal
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.lab.processes import User, user
from tests.lab.sandboxes import as_root_and_not, require_namespaces
from tests.lab.shop import SHOP
from tests.prepared_commands import PreparedCommand
from tests.waiting import eventually

from ringfence.cli.completion import complete_for_kubectl

READS_INPUT = ("0 0x0 ", "63 0x0 ")
"""How /proc/PID/syscall begins while a process waits in read(2) of its standard input, on x86-64 and on arm64."""

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.fixture(scope="module")
def namespaces() -> None:
    require_namespaces()


@as_root_and_not
def test_a_run_proves_that_the_kernel_does_what_the_engine_says(rootless: bool) -> None:
    with user(rootless=rootless) as owner:
        done = owner.run("lab", "run", "-f", "-", manifests=SHOP)
        assert done.returncode == 0, done.stderr
        assert done.stdout == (
            "            1          2\n"
            "            3306 9999  80 9999\n"
            "1 shop/db   ·    ·     ✓  ✓\n"
            "2 shop/web  ✓    ✗A    ·  ·\n"
            "\n"
            "A  ingress isolated by shop/db-policy\n\nshop/db-policy  STDIN:17\n"
            "\n"
            "4 probes: 3 allowed, 1 denied, all as the engine says\n"
        )


def test_a_run_as_json() -> None:
    with user(rootless=False) as owner:
        done = owner.run("lab", "run", "-f", "-", "-p", "3306", "-o", "json", manifests=SHOP)
        common = {"protocol": "TCP", "port": 3306}
        assert json.loads(done.stdout) == {
            "apiVersion": "ringfence/v1",
            "probes": [
                {"source": "shop/db", "destination": "shop/web", **common, "expected": True, "observed": True},
                {"source": "shop/web", "destination": "shop/db", **common, "expected": True, "observed": True},
            ],
            "network": {"podNetwork": "routed", "rpFilter": "off"},
            "assumptions": [],
            "problems": [],
            "summary": {"probes": 2, "agree": 2, "disagree": 0},
        }


def test_a_run_as_junit() -> None:
    with user(rootless=False) as owner:
        done = owner.run("lab", "run", "-f", "-", "-o", "junit", manifests=SHOP)
        (suite,) = ElementTree.fromstring(done.stdout)
        assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("4", "0", 4)


def test_a_run_over_both_families_and_several_nodes() -> None:
    with user(rootless=False) as owner:
        arguments = ("--nodes", "2", "--families", "both", "-p", "3306", "-p", "3306/UDP", "-p", "3306/SCTP")
        done = owner.run("lab", "run", "-f", "-", *arguments, "-o", "json", manifests=SHOP)
        assert done.returncode == 0, done.stdout + done.stderr
        probes = json.loads(done.stdout)["probes"]
        assert len(probes) == 2 * 3 * 2
        assert {probe["family"] for probe in probes} == {"IPv4", "IPv6"}


@as_root_and_not
@pytest.mark.parametrize("pod_network", ["ptp", "bridge", "flannel"])
def test_a_run_on_another_pod_network(rootless: bool, pod_network: str) -> None:
    with user(rootless=rootless) as owner:
        arguments = ("--nodes", "2", "--families", "both", "--pod-network", pod_network, "--rp-filter", "strict")
        done = owner.run("lab", "run", "-f", "-", *arguments, manifests=SHOP)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith(
            f"network {pod_network}, rp_filter strict: 8 probes: 6 allowed, 2 denied, all as the engine says\n"
        )


def test_a_run_shows_what_bypasses_policies_without_br_netfilter() -> None:
    with user(rootless=False) as owner:
        arguments = ("--pod-network", "bridge", "--br-netfilter", "off")
        done = owner.run("lab", "run", "-f", "-", *arguments, manifests=SHOP)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (
            1,
            "network bridge without br_netfilter: 4 probes: 4 allowed, 0 denied; 1 not as the engine says; "
            "without br_netfilter, packets between pods on one bridge bypass the policies",
        )
        done = owner.run("lab", "run", "-f", "-", *arguments, "-o", "json", manifests=SHOP)
        network = {"podNetwork": "bridge", "rpFilter": "off", "brNetfilter": False}
        assert json.loads(done.stdout)["network"] == network


@as_root_and_not
def test_a_run_may_be_killed_in_any_state(rootless: bool) -> None:
    with user(rootless=rootless) as owner:
        for delay in (0.05, 0.2, 0.35, 0.5, 0.7):
            started = start(owner, "--families", "both")
            time.sleep(delay)
            owner.kill_everything()
            started.wait(timeout=60)
            assert owner.survivors() == []
        assert owner.run("lab", "run", "-f", "-", manifests=SHOP).returncode == 0


def test_ctrl_c_ends_a_run_that_waits_for_its_input() -> None:
    with user(rootless=False) as owner:
        waiting = owner.start("lab", "run", "-f", "-")
        assert eventually(lambda: Path(f"/proc/{waiting.pid}/syscall").read_text().startswith(READS_INPUT))
        assert interrupted(waiting) == (130, "")
        assert owner.survivors() == []


@pytest.mark.parametrize("arguments", [(), ("--pod-network", "flannel", "--families", "both", "--nodes", "9")])
def test_ctrl_c_ends_a_run_that_builds_and_probes(arguments: tuple[str, ...]) -> None:
    with user(rootless=False) as owner:
        for _ in range(20):
            running = start(owner, *arguments)
            assert eventually(lambda running=running: has_left_its_network(running))  # type: ignore[misc]
            outcome = interrupted(running)
            assert owner.survivors() == []
            if outcome != (0, ""):
                break
        assert outcome == (130, ""), "a run that was over before may be tried again"


def has_left_its_network(command: PreparedCommand) -> bool:
    """Whether it is in the sandbox, or over already."""
    try:
        return Path(f"/proc/{command.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    except FileNotFoundError:
        return True


def interrupted(process: PreparedCommand) -> tuple[int, str]:
    """The exit code of a command after Ctrl-C, and what it says."""
    os.killpg(process.pid, signal.SIGINT)
    return process.wait(timeout=60), process.errors().strip()


def start(owner: User, *arguments: str) -> PreparedCommand:
    """A run that has its input and goes on."""
    process = owner.start("lab", "run", "-f", "-", *arguments)
    process.stdin.write(SHOP)
    process.stdin.close()
    return process


def test_the_name_of_a_laboratory_may_be_before_or_after_the_command() -> None:
    with user(rootless=False) as owner:
        name = f"{owner.mark}-two"
        assert owner.run("lab", "up", "--name", name, "-f", "-", manifests=SHOP).returncode == 0
        for words in (
            ["--name", name, "status"],
            ["status", f"--name={name}"],
            ["exec", "--name", name, "shop/web", "true"],
        ):
            assert owner.run("lab", *words).returncode == 0, words
        twice = owner.run("lab", "--name", name, "down", "--name", name)
        assert (twice.returncode, "--name is given 2 times, but takes one value" in twice.stderr) == (2, True)
        assert owner.run("lab", "down", "--name", name).returncode == 0
        assert "no laboratory is running" in owner.run("lab", "status").stderr


def test_completion_offers_the_pods_of_the_running_laboratory() -> None:
    with user(rootless=False) as owner:
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
        assert complete_for_kubectl(["lab", "--name", owner.mark, "exec", "shop/"]).splitlines() == [
            "shop/db",
            "shop/web",
            ":4",
        ]
        assert owner.run("lab", "down").returncode == 0


def test_a_pod_may_be_named_with_its_namespace_as_an_option() -> None:
    with user(rootless=False) as owner:
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
        for words in (["-n", "shop", "web"], ["-n=shop", "web"], ["shop/web"]):
            done = owner.run("lab", "exec", *words, "--", "cat", "/etc/hostname")
            assert (done.returncode, done.stderr) == (0, ""), words
        assert owner.run("lab", "down").returncode == 0
