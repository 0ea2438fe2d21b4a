"""Runs of the `doctor` experiment, as a process beside the kubelets that run its pods."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from .doctor_kubelet import kubelet
from .world import CONTROL_PLANE, World


def start_doctor(world: World, *options: str, program: Sequence[str] = ("-m", "ringfence")) -> "subprocess.Popen[str]":
    """Start `ringfence doctor` with some options, in the network of the API server."""
    arguments = ["doctor", "--kubeconfig", str(world.control_plane.kubeconfig), "-o", "json", "--yes", *options]
    with world.inside(CONTROL_PLANE):
        return subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell makes background jobs ignore Ctrl-C, and so do the programs that they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def prove(world: World, *options: str, program: Sequence[str] = ("-m", "ringfence")) -> tuple[int, Any]:
    """The exit code and the report of an experiment. It is a basic one unless the options choose otherwise."""
    # The experiment waits this long for a denial: a busy agent, or a machine that stands still, needs seconds.
    # The full experiment waits this long in many cases.
    kind = ("--timeout", "8") if "--probe=full" in options else ("--probe", "--timeout", "20")
    with kubelet(world) as running, start_doctor(world, *kind, *options, program=program) as process:
        running.until(lambda: process.poll() is not None)
        out, messages = process.communicate()
    assert out, messages
    assert not namespaces_of_experiments(world)
    return process.returncode, json.loads(out)


def namespaces_of_experiments(world: World) -> list[str]:
    """The namespaces that experiments have created and not removed yet."""
    items = world.ask("GET", "/api/v1/namespaces?labelSelector=ringfence.dev/doctor-run")["items"]
    return [one["metadata"]["name"] for one in items]
