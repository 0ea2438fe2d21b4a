"""`ringfence lab`, as people use it and as they abuse it."""

import json
import os
import signal
import sys
import time
from xml.etree import ElementTree

import pytest
from tests.lab.processes import User, eventually, user
from tests.lab.sandboxes import as_root_and_not, require_namespaces

pytestmark = pytest.mark.usefixtures("namespaces")

SHOP = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: it, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: it, ports: [{containerPort: 3306}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: store, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: 3306}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db-policy, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 3306}]}]
"""
DENY_ALL = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
GONE = "NetworkPolicy shop/db-policy: deleted\n"
TAKEN_IN = "NetworkPolicy shop/deny-all: applied\n"
FETCH = "import urllib.request as u; print(u.urlopen('http://store', timeout=5).read().decode(), end='')"


@pytest.fixture(scope="module")
def namespaces() -> None:
    require_namespaces()


def python(rootless: bool) -> str:
    """The interpreter that can be started inside a pod."""
    return "/mnt/python/bin/python3" if rootless and os.getuid() == 0 else sys.executable


@as_root_and_not
def test_a_run_proves_that_the_kernel_does_what_the_engine_says(rootless: bool) -> None:
    with user(rootless=rootless) as somebody:
        done = somebody.run("lab", "run", "-f", "-", manifests=SHOP)
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
    with user(rootless=False) as somebody:
        done = somebody.run("lab", "run", "-f", "-", "-p", "3306", "-o", "json", manifests=SHOP)
        common = {"protocol": "TCP", "port": 3306}
        assert json.loads(done.stdout) == {
            "probes": [
                {"source": "shop/db", "destination": "shop/web", **common, "expected": True, "observed": True},
                {"source": "shop/web", "destination": "shop/db", **common, "expected": True, "observed": True},
            ],
            "summary": {"probes": 2, "agree": 2, "disagree": 0},
        }


def test_a_run_as_junit() -> None:
    with user(rootless=False) as somebody:
        done = somebody.run("lab", "run", "-f", "-", "-o", "junit", manifests=SHOP)
        (suite,) = ElementTree.fromstring(done.stdout)
        assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("4", "0", 4)


def test_a_run_over_both_families_and_several_nodes() -> None:
    with user(rootless=False) as somebody:
        arguments = ("--nodes", "2", "--families", "both", "-p", "3306", "-p", "3306/UDP", "-p", "3306/SCTP")
        done = somebody.run("lab", "run", "-f", "-", *arguments, "-o", "json", manifests=SHOP)
        assert done.returncode == 0, done.stdout + done.stderr
        probes = json.loads(done.stdout)["probes"]
        assert len(probes) == 2 * 3 * 2
        assert {probe["family"] for probe in probes} == {"IPv4", "IPv6"}


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.35, 0.5, 0.7])
@as_root_and_not
def test_a_run_may_be_killed_in_any_state(rootless: bool, delay: float) -> None:
    with user(rootless=rootless) as somebody:
        process = somebody.start("lab", "run", "-f", "-", "--families", "both")
        assert process.stdin is not None
        process.stdin.write(SHOP)
        process.stdin.close()
        time.sleep(delay)
        somebody.kill_everything()
        process.wait(timeout=10)
        assert somebody.survivors() == []
        assert somebody.run("lab", "run", "-f", "-", manifests=SHOP).returncode == 0


@pytest.mark.parametrize("delay", [0.2, 0.6])
def test_a_run_may_be_interrupted(delay: float) -> None:
    with user(rootless=False) as somebody:
        process = somebody.start("lab", "run", "-f", "-")
        assert process.stdin is not None
        process.stdin.write(SHOP)
        process.stdin.close()
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=10) in (0, 1, -signal.SIGINT)
        assert somebody.survivors() == []


@as_root_and_not
def test_a_laboratory_in_the_background(rootless: bool) -> None:
    with user(rootless=rootless) as somebody:
        up = somebody.run("lab", "up", "-f", "-", "--nodes", "2", manifests=SHOP)
        assert up.returncode == 0, up.stderr
        status = json.loads(somebody.run("lab", "status", "-o", "json").stdout)
        assert [pod["name"] for pod in status["pods"]] == ["kube-system/dns", "shop/db", "shop/web"]
        assert len(status["nodes"]) == 2

        assert somebody.run("lab", "probe").returncode == 0
        assert observed(somebody, "shop/web", "shop/db", "-p", "3306") == [True]
        assert observed(somebody, "shop/db", "shop/web", "-p", "80") == [True]
        assert somebody.run("lab", "exec", "shop/web", "--", python(rootless), "-c", FETCH).stdout == "shop/db\n"

        assert somebody.run("lab", "delete", "netpol", "db-policy", "-n", "shop").stderr == GONE
        assert somebody.run("lab", "apply", "-f", "-", manifests=DENY_ALL).stderr == TAKEN_IN
        assert observed(somebody, "shop/web", "shop/svc/store", "-p", "80") == [False]
        assert observed(somebody, "shop/db", "shop/web", "-p", "80") == [False]

        assert somebody.run("lab", "delete", "-f", "-", manifests=DENY_ALL).returncode == 0
        assert observed(somebody, "shop/db", "shop/web", "-p", "80") == [True]
        assert somebody.run("lab", "down").returncode == 0
        assert somebody.survivors() == []


def observed(somebody: User, *arguments: str) -> list[bool]:
    """What a probe sees, which must be what the engine says."""
    done = somebody.run("lab", "probe", *arguments, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return [probe["observed"] for probe in json.loads(done.stdout)["probes"]]


@as_root_and_not
def test_what_runs_in_a_pod_ends_with_the_laboratory(rootless: bool) -> None:
    """Even if the laboratory is killed, and even if nobody waits for the program."""
    with user(rootless=rootless) as somebody:
        assert somebody.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
        (keeper,) = somebody.processes()
        program = "setsid sleep 600 & sleep 600"
        client = somebody.start("lab", "exec", "shop/web", "--", "sh", "-c", program)
        assert eventually(lambda: len(somebody.processes()) >= 5), "keeper, client, shell and two programs"
        os.kill(keeper, signal.SIGKILL)
        assert client.wait(timeout=10) == 128 + signal.SIGKILL
        assert somebody.survivors() == []
        assert "no laboratory is running" in somebody.run("lab", "status").stderr
        assert somebody.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        pytest.param(["sh", "-c", "exit 7"], 7, "", id="its exit status is passed on"),
        pytest.param(["sh", "-c", "kill -9 $$"], 128 + 9, "", id="as a shell would"),
        pytest.param(["no-such-program"], 127, "", id="a program that is not there"),
        pytest.param(["head", "-n1", "/etc/resolv.conf"], 0, "nameserver 10.96.0.2\n", id="it asks the cluster's DNS"),
        pytest.param(["cat"], 0, "said", id="it has the input of its caller"),
    ],
)
def test_a_program_in_a_pod(command: list[str], status: int, output: str) -> None:
    with user(rootless=False) as somebody:
        somebody.run("lab", "up", "-f", "-", manifests=SHOP)
        done = somebody.run("lab", "exec", "shop/web", "--", *command, manifests="said")
        assert (done.returncode, done.stdout) == (status, output)


def test_a_laboratory_is_started_once() -> None:
    with user(rootless=False) as somebody:
        assert somebody.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
        again = somebody.run("lab", "up", "-f", "-", manifests=SHOP)
        assert again.returncode == 2
        assert "a laboratory is running already: stop it first (ringfence lab" in again.stderr


@pytest.mark.parametrize(
    "arguments", [("status",), ("down",), ("probe",), ("exec", "shop/web", "true"), ("delete", "netpol", "db-policy")]
)
def test_without_a_laboratory_there_is_a_hint(arguments: tuple[str, ...]) -> None:
    with user(rootless=False) as somebody:
        done = somebody.run("lab", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("error: no laboratory is running: start one (ringfence lab")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("probe", "shop/web", "shop/nobody"), "shop/nobody", id="nobody of that name"),
        pytest.param(("probe", "shop/web"), "needs a destination", id="a probe to nowhere"),
        pytest.param(("exec", "shop/app=none", "true"), "app=none", id="no pod to be in"),
        pytest.param(("delete", "potato", "x"), "'potato' is not a kind", id="a kind that is not known"),
        pytest.param(("delete", "netpol", "db-policy"), "no NetworkPolicy db-policy", id="not in this namespace"),
        pytest.param(("delete",), "nothing to delete", id="nothing to delete"),
        pytest.param(("apply",), "no objects", id="nothing to apply"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], message: str) -> None:
    with user(rootless=False) as somebody:
        somebody.run("lab", "up", "-f", "-", manifests=SHOP)
        done = somebody.run("lab", *arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_what_can_be_applied_is_though_the_rest_is_wrong() -> None:
    misspelt = DENY_ALL.replace("podSelector", "podSelektor") + "---\n" + DENY_ALL
    with user(rootless=False) as somebody:
        somebody.run("lab", "up", "-f", "-", manifests=SHOP)
        done = somebody.run("lab", "apply", "-f", "-", manifests=misspelt)
        assert done.returncode == 2
        assert "podSelektor" in done.stderr
        assert done.stderr.endswith(TAKEN_IN)


def test_a_laboratory_that_cannot_be_built_says_why() -> None:
    with user(rootless=False) as somebody:
        twice = SHOP + "---\n{apiVersion: v1, kind: Pod, metadata: {name: %s}, status: {podIPs: [{ip: 10.0.0.1}]}}\n"
        done = somebody.run("lab", "up", "-f", "-", manifests=twice % "a" + twice % "b")
        assert done.returncode == 2
        assert "pod default/a and pod default/b both have the address 10.0.0.1" in done.stderr
        assert somebody.survivors() == []
