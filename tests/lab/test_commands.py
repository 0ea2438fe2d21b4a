"""`ringfence lab run`: as users run it, interrupt it and kill it."""

import json
import os
import signal
import subprocess
import time
from xml.etree import ElementTree

import pytest
from tests.lab.processes import User, user
from tests.lab.sandboxes import as_root_and_not, require_namespaces
from tests.lab.shop import SHOP

from ringfence.cli.completion import complete_for_kubectl

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
def test_a_run_may_be_killed_in_any_state(rootless: bool) -> None:
    with user(rootless=rootless) as owner:
        for delay in (0.05, 0.2, 0.35, 0.5, 0.7):
            started = start(owner, "--families", "both")
            time.sleep(delay)
            owner.kill_everything()
            started.wait(timeout=10)
            assert owner.survivors() == []
        assert owner.run("lab", "run", "-f", "-", manifests=SHOP).returncode == 0


@pytest.mark.parametrize("delay", [0.2, 0.6])
def test_a_run_may_be_interrupted(delay: float) -> None:
    with user(rootless=False) as owner:
        started = start(owner)
        time.sleep(delay)
        os.killpg(started.pid, signal.SIGINT)
        assert started.wait(timeout=10) in (0, 1, 130, -signal.SIGINT)
        assert owner.survivors() == []


def start(owner: User, *arguments: str) -> subprocess.Popen[str]:
    """A run that has its input and goes on."""
    process = owner.start("lab", "run", "-f", "-", *arguments)
    assert process.stdin is not None
    process.stdin.write(SHOP)
    process.stdin.close()
    return process


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
