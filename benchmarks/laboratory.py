"""The laboratory, from the start of the command to its end: all pairs of pods, half of them denied."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measuring import Figure

Object = dict[str, Any]


class Size(msgspec.Struct, frozen=True):
    """The number of probes, and the limits in seconds and megabytes."""

    pods: int
    ports: tuple[int, ...]
    seconds: float
    megabytes: float | None = None


SIZES = {"lab-100": Size(100, (80, 443), seconds=8), "lab-500": Size(500, (80,), seconds=90, megabytes=1024)}


def measure(size: Size) -> Iterator[Figure]:
    """One run, with the privileges of this process."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "objects.json").write_bytes(msgspec.json.encode(objects(size.pods)))
        ports = [option for port in size.ports for option in ("-p", str(port))]
        program = Path(sys.executable).with_name("ringfence")
        start = time.perf_counter()
        run = subprocess.Popen([program, "lab", "run", "-f", folder, *ports, "-o", "json"], stdout=subprocess.PIPE)
        assert run.stdout is not None
        report = msgspec.json.decode(run.stdout.read())
        _, status, usage = os.wait4(run.pid, 0)
        took = time.perf_counter() - start
    run.returncode = os.waitstatus_to_exitcode(status)
    denied = sum(not probe["expected"] for probe in report["probes"])
    yield Figure("probes", report["summary"]["probes"], "")
    yield Figure("  of which denied", denied / report["summary"]["probes"] * 100, "%")
    yield Figure("  otherwise than expected", report["summary"]["disagree"], "", 0)
    yield Figure("from start to exit", took, "s", size.seconds)
    yield Figure("processor time", usage.ru_utime + usage.ru_stime, "s")
    yield Figure("memory of the largest process", usage.ru_maxrss / 1024, "MB", size.megabytes)


def objects(pods: int) -> Object:
    """Pods on two sides, and policies by which each side is reached by its own pods only."""
    written = [_pod(f"p{i}", f"side-{i % 2}") for i in range(pods)]
    return {"apiVersion": "v1", "kind": "List", "items": [*written, _policy("side-0"), _policy("side-1")]}


def _pod(name: str, side: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"side": side}},
        "spec": {"containers": [{"name": "main", "image": "example.org/main:1"}]},
    }


def _policy(side: str) -> Object:
    selector = {"matchLabels": {"side": side}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": side, "namespace": "default"},
        "spec": {"podSelector": selector, "ingress": [{"from": [{"podSelector": selector}]}]},
    }
