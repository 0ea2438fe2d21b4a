"""The experiment of `doctor` in a cluster with real kernels: it detects which nodes enforce policies."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from .agents import agents
from .doctor_kubelet import kubelet
from .doctor_runs import namespaces_of_experiments, prove, start_doctor
from .world import World


def test_nodes_with_an_agent_enforce_and_one_without_does_not(tended: World, tmp_path: Path) -> None:
    with agents(tended, tmp_path, ["n1"]):
        code, found = prove(tended, "--on", "n1", "--on", "n2")
    answers = {one["node"]: one["answer"] for one in found["proofs"]}
    assert answers == {"n1": "enforced", "n2": "not enforced"}
    assert found["answer"] == "not enforced"
    assert code == 1
    [proved, _] = found["proofs"]
    assert proved["deniedAfter"] >= 0


def test_an_agent_that_only_observes_enforces_nothing(tended: World, tmp_path: Path) -> None:
    with agents(tended, tmp_path, ["n1"], "--mode", "observe"):
        code, found = prove(tended, "--on", "n1")
    assert [one["answer"] for one in found["proofs"]] == ["not enforced"]
    assert code == 1


def test_an_agent_that_is_slow_is_waited_for(tended: World, tmp_path: Path) -> None:
    """The agent is stopped while the policy is created, and continues four seconds later."""
    with (
        kubelet(tended) as running,
        agents(tended, tmp_path, ["n1"]) as [agent],
        start_doctor(tended, "--probe", "--timeout", "30", "--on", "n1") as process,
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
    with kubelet(tended) as running, start_doctor(tended, "--probe", "--on", "n1") as process:
        running.until(lambda: bool(namespaces_of_experiments(tended)))
        process.send_signal(signal.SIGINT)
        running.until(lambda: process.poll() is not None)
        process.communicate()
    assert process.returncode == 130
    assert not namespaces_of_experiments(tended)


_CUT_OFF = """
import ringfence.doctor.probe.ground as ground
from ringfence.cli import main
from ringfence.errors import LiveClusterError
create = ground.create_object
def create_and_lose_the_answer(*arguments):
    create(*arguments)
    raise {cut_off}
ground.create_object = create_and_lose_the_answer
main()
"""


@pytest.mark.parametrize(
    ("cut_off", "code"), [("KeyboardInterrupt", 130), ("LiveClusterError('the connection was lost')", 2)]
)
def test_a_namespace_whose_creation_is_cut_off_is_removed(tended: World, cut_off: str, code: int) -> None:
    """The server has created the namespace, and its answer never arrives."""
    program = ("-c", _CUT_OFF.format(cut_off=cut_off))
    with kubelet(tended) as running, start_doctor(tended, "--probe", "--on", "n1", program=program) as process:
        running.until(lambda: process.poll() is not None)
        _, messages = process.communicate()
    assert process.returncode == code, messages
    assert not namespaces_of_experiments(tended)
