"""How long `lint` takes on 1,000 policies and 5,000 workloads, and beside other linters on the same files.

The time of the rules is what they take once the objects have been read; RF108, which is about every cluster that could
be, is measured by itself. The other linters are run if they are on the `PATH`; they read the same folder, with all that
they check about policies.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.clusters import Plan, decoded, objects
from benchmarks.measuring import Figure, processor_seconds, processor_seconds_of_command, without_collection
from benchmarks.policies import policies
from ringfence.cluster import Cluster

PLAN: Final = Plan(pods=5_000, policies=1_000, namespaces=50, replicas=1)
_SHADOWED: Final = "RF108"
_PODS_OF_A_FILE: Final = 100
_PATIENCE: Final = 300
"""Seconds for one linter. checkov asks its maker's server, and waits long where there is no network."""

_OTHERS: Final = {
    "kube-linter": "lint --do-not-auto-add-defaults --include non-isolated-pod,dangling-networkpolicy",
    "checkov": "--skip-download --framework kubernetes --check CKV2_K8S_6 --compact --quiet --directory",
}
"""Other linters, with the arguments before the folder: only their checks about policies."""


def measure() -> Iterator[Figure]:
    """The rules of the default group, the one about every cluster, the command, and the commands of others."""
    cluster = Cluster()
    for one in decoded(chain(objects(PLAN), policies(PLAN))):
        cluster.upsert(one)
    pods = sum(len(identity) for identity in cluster.state.population.identities())
    name = f"{PLAN.policies:,} policies, {pods:,} workloads"
    with without_collection():
        took = processor_seconds(lambda: cluster.lint(ignore=[_SHADOWED]))
        yield Figure(f"{name}: all rules but {_SHADOWED}", took, "s", 1)
        yield Figure(
            f"{name}: the rules about posture", processor_seconds(lambda: cluster.lint(select=["posture"])), "s"
        )
        yield Figure(f"{name}: {_SHADOWED}", processor_seconds(lambda: cluster.lint(select=[_SHADOWED])), "s", 2)
    with TemporaryDirectory() as folder:
        _write(Path(folder))
        own = _processor_seconds_of(sys.executable, "-m", "ringfence", "lint", "-R", "-f", folder)
        yield Figure(f"{name}: the command, with reading", own, "s")
        for other, arguments in _OTHERS.items():
            program = shutil.which(other)
            try:
                other_took = _processor_seconds_of(program, *arguments.split(), folder) if program else None
            except subprocess.TimeoutExpired:
                print(f"{other} did not end within {_PATIENCE} s: it is not measured", file=sys.stderr)
                continue
            if other_took is None:
                print(f"{other} is not on the PATH: it is not measured", file=sys.stderr)
            else:
                yield Figure(f"{other} on the same folder, as a multiple of the command", other_took / own, "x")


def _write(folder: Path) -> None:
    """The objects as files of a hundred each."""
    written = list(chain(objects(PLAN), policies(PLAN)))
    for start in range(0, len(written), _PODS_OF_A_FILE):
        part = {"apiVersion": "v1", "kind": "List", "items": written[start : start + _PODS_OF_A_FILE]}
        (folder / f"{start}.json").write_text(json.dumps(part))


def _processor_seconds_of(*words: str) -> float:
    """How long the processor works on a linter. What it finds, and so its exit code, does not matter."""
    return processor_seconds_of_command(*words, patience=_PATIENCE)
