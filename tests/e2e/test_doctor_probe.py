"""The experiment of `doctor` in a cluster with real kernels: it finds out what enforces policies, and what does not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from .agents import agents
from .doctor_kubelet import kubelet
from .world import CONTROL_PLANE, RANGES, World


@pytest.fixture
def tended(world: World) -> Iterator[World]:
    world.tend()
    for node in RANGES:
        world.ask(
            "PATCH",
            f"/api/v1/nodes/{node}/status",
            {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            "application/merge-patch+json",
        )
    yield world
    world.tend()


def _doctor(world: World, *options: str, program: Sequence[str] = ("-m", "ringfence")) -> "subprocess.Popen[str]":
    arguments = ["doctor", "--kubeconfig", str(world.control_plane.kubeconfig), "-o", "json", "--yes", *options]
    with world.inside(CONTROL_PLANE):
        return subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell has jobs in the background ignore Ctrl-C, and so what these start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def _prove(world: World, *options: str, program: Sequence[str] = ("-m", "ringfence")) -> tuple[int, Any]:
    """The exit code and the report of an experiment, a basic one unless the options say otherwise."""
    kind = () if any(one.startswith("--probe") for one in options) else ("--probe",)
    with kubelet(world) as running, _doctor(world, *kind, "--timeout", "8", *options, program=program) as process:
        running.until(lambda: process.poll() is not None)
        out, messages = process.communicate()
    assert out, messages
    assert not _namespaces(world)
    return process.returncode, json.loads(out)


def _namespaces(world: World) -> list[str]:
    items = world.ask("GET", "/api/v1/namespaces?labelSelector=ringfence.dev/doctor-run")["items"]
    return [one["metadata"]["name"] for one in items]


def test_nodes_with_an_agent_enforce_and_one_without_does_not(tended: World, tmp_path: Path) -> None:
    with agents(tended, tmp_path, ["n1"]):
        code, found = _prove(tended, "--on", "n1", "--on", "n2")
    answers = {one["node"]: one["answer"] for one in found["proofs"]}
    assert answers == {"n1": "enforced", "n2": "not enforced"}
    assert found["answer"] == "not enforced"
    assert code == 1
    [proved, _] = found["proofs"]
    assert proved["deniedAfter"] < 10


def test_an_agent_that_only_observes_enforces_nothing(tended: World, tmp_path: Path) -> None:
    with agents(tended, tmp_path, ["n1"], "--mode", "observe"):
        code, found = _prove(tended, "--on", "n1")
    assert [one["answer"] for one in found["proofs"]] == ["not enforced"]
    assert code == 1


def test_an_agent_that_is_slow_is_waited_for(tended: World, tmp_path: Path) -> None:
    """It stands still while the policy is created, and goes on four seconds later."""
    with (
        kubelet(tended) as running,
        agents(tended, tmp_path, ["n1"]) as [agent],
        _doctor(tended, "--probe", "--timeout", "30", "--on", "n1") as process,
    ):
        running.until(lambda: running.connected == 3)
        assert agent.pid is not None
        os.kill(agent.pid, signal.SIGSTOP)
        running.until(lambda: bool(_policies(tended)))
        goes_on = time.monotonic() + 4
        running.until(lambda: time.monotonic() > goes_on)
        os.kill(agent.pid, signal.SIGCONT)
        running.until(lambda: process.poll() is not None)
        [proof] = json.loads(process.communicate()[0])["proofs"]
    assert proof["answer"] == "enforced"
    assert proof["deniedAfter"] > 2


def _policies(world: World) -> list[Any]:
    items: list[Any] = world.ask(
        "GET", "/apis/networking.k8s.io/v1/networkpolicies?labelSelector=ringfence.dev/doctor-run"
    )["items"]
    return items


def test_ctrl_c_removes_everything(tended: World) -> None:
    with kubelet(tended) as running, _doctor(tended, "--probe", "--on", "n1") as process:
        running.until(lambda: bool(_namespaces(tended)))
        process.send_signal(signal.SIGINT)
        running.until(lambda: process.poll() is not None)
        process.communicate()
    assert process.returncode == 130
    assert not _namespaces(tended)


@pytest.mark.timeout(600)  # most of the time it waits until answers are steady
def test_the_full_experiment_measures_that_an_agent_does_as_upstream(tended: World, tmp_path: Path) -> None:
    with agents(tended, tmp_path, ["n1"]):
        _, found = _prove(tended, "--probe=full", "--on", "n1")
    values = {one["topic"]: one["value"] for one in found["measured"]}
    assert values == {
        "node-to-own-pod": "always",
        "ipv6": "yes",
        "standalone-pods": "yes",
        "endPort": "yes",
        "named-ports": "yes",
        "sctp": "yes",
        "negations": "yes",
        "ipBlock-pods": "yes",
        "except": "own-block",
        "service-port": "target",
        "pod-to-own-node": "policy",
        "established": "cut",
        "pod-start": "closed",
    }
    assert {one["answer"] for one in found["measured"]} == {"as upstream"}


_ESTABLISHED_ALONE = """
import ringfence.doctor.probe.experiment as experiment
from ringfence.cli import main
experiment.CASES = tuple(case for case in experiment.CASES if case.topic == "established")
main()
"""


def test_what_an_agent_is_configured_to_do_otherwise_is_measured(tended: World, tmp_path: Path) -> None:
    """It lets connections continue, and new pods connect before it knows them. Other cases are left out, for time."""
    with agents(tended, tmp_path, ["n1"], "--existing-connections", "keep", "--unknown-pods", "allow"):
        _, found = _prove(tended, "--probe=full", "--on", "n1", program=("-c", _ESTABLISHED_ALONE))
    assert {one["topic"]: one["value"] for one in found["measured"]} == {"established": "continue", "pod-start": "open"}
