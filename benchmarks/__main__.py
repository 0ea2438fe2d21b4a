"""All measurements: `python -m benchmarks [PART ...]`, or `make bench`.

The agent's parts, `hostile`, `repairs` and `watching`, are measured only if they are named, because they need the real
API server: `make bench-agent`.

Each part runs in a process of its own, so that memory can be measured. The figures are printed beside their limits and
written to `benchmarks/results.json`, together with earlier figures of other parts. If all sizes of the engine were
measured, their growth is printed and drawn (`docs/growth.svg`).
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from tests.dataplane.network import enter_namespaces

from benchmarks import (
    agent,
    connections,
    coverage,
    dataplane,
    differences,
    enforcement,
    engine,
    growth,
    hostile,
    hostile_objects,
    laboratory,
    large_policies,
    loading,
    mistakes,
    other_analyzers,
    packets,
    pictures,
    possible,
    repairs,
    user_tests,
    watching,
)
from benchmarks.clusters import Plan
from benchmarks.measuring import Figure, calibration

RESULTS = Path(__file__).with_name("results.json")
KERNEL: dict[str, Callable[[], Iterable[Figure]]] = {
    "packets": packets.measure,
    "program": dataplane.program,
    "program-tiers": dataplane.program_with_cluster_policies,
    "program-tiers-1000": dataplane.program_of_fewer_policies_with_cluster_policies,
    "node": dataplane.node,
    "node-tiers": dataplane.node_with_cluster_policies,
    "large-policies": large_policies.measure,
    "hostile-objects": hostile_objects.measure,
    "transports": dataplane.transports,
    "connections": connections.measure,
}
"""Parts for which this process enters network namespaces of its own."""

CLUSTER: dict[str, Callable[[], Iterable[Figure]]] = {"hostile": hostile.measure, "repairs": repairs.measure}
"""Parts about an agent in a cluster of their own."""

PARTS = (
    "command-line",
    "loading",
    *engine.SIZES,
    *possible.SIZES,
    "analyzers",
    "differences",
    "enforcement",
    "tests",
    "coverage",
    "lint",
    "pictures",
    *KERNEL,
    *laboratory.SIZES,
)


def figures_of(part: str) -> Iterable[Figure]:
    """The figures of one part, measured in this process."""
    if part in agent.SIZES:
        if os.getuid() != 0:
            enter_namespaces()
        return agent.measure(agent.SIZES[part])
    if part in KERNEL:
        enter_namespaces()
        return KERNEL[part]()
    if part in laboratory.SIZES:
        return laboratory.measure(laboratory.SIZES[part])
    if part == "command-line":
        return engine.command_line()
    if part in possible.SIZES:
        return possible.measure(part)
    if part == "analyzers":
        return other_analyzers.measure()
    if part == "loading":
        return loading.measure()
    if part == "differences":
        return differences.measure()
    if part == "enforcement":
        return enforcement.measure()
    if part == "tests":
        return user_tests.measure()
    if part == "coverage":
        return coverage.measure()
    if part == "lint":
        return mistakes.measure()
    if part == "pictures":
        return pictures.measure()
    if part == "watching":
        return watching.measure()
    if part in CLUSTER:
        if os.getuid() != 0:
            enter_namespaces()
        return CLUSTER[part]()
    return engine.measure(engine.SIZES[part])


def main(parts: list[str]) -> None:
    """Measure all parts, or those named, each in its own process."""
    if parts[:1] == ["--here"]:
        for figure in figures_of(parts[1]):
            print(msgspec.json.encode(figure).decode(), flush=True)
        return
    known = {*PARTS, *agent.SIZES, *CLUSTER, "watching"}
    if unknown := [part for part in parts if part not in known]:
        sys.exit(f"unknown part: {', '.join(unknown)}; the parts are {', '.join(sorted(known))}")
    results = _earlier()
    results["calibration"] = [Figure("a fixed piece of plain Python", calibration(), "s")]
    print(results["calibration"][0])
    for part in parts or PARTS:
        title = str(_plan(part) or "")
        print(f"\n{part}: {title}".rstrip(": "))
        results[part] = []
        for figure in _figures_of_process(part):
            results[part].append(figure)
            print(figure, flush=True)
    if not parts or any(part in engine.GROWTH for part in parts):
        _show_growth(results)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")


def _figures_of_process(part: str) -> Iterator[Figure]:
    """The figures of one part, measured in a process of its own, each as soon as it is there.

    Raises CalledProcessError if the process fails.
    """
    command = [sys.executable, "-m", "benchmarks", "--here", part]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for line in process.stdout:
            yield msgspec.json.decode(line, type=Figure)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _plan(part: str) -> Plan | None:
    """The cluster that a part measures, if it measures a whole one."""
    if part in agent.SIZES:
        return agent.SIZES[part].plan
    return engine.SIZES[part].plan if part in engine.SIZES else None


def _earlier() -> dict[str, list[Figure]]:
    if not RESULTS.exists():
        return {}
    return msgspec.json.decode(RESULTS.read_bytes(), type=dict[str, list[Figure]])


def _show_growth(results: dict[str, list[Figure]]) -> None:
    if all(part in results for part in engine.GROWTH):
        measured = growth.series({engine.SIZES[part].plan.pods: results[part] for part in engine.GROWTH})
        print("\ngrowth")
        print("\n".join(growth.table(measured)))
        growth.PLOT.write_text(growth.plot(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
