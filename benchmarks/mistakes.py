"""The time of `lint` on 1,000 policies and 5,000 workloads, and compared with other linters on the same files.

The time of the rules does not include reading the objects; RF108, which is about any cluster, is measured separately.
The other linters are run if they are on the `PATH`; they read the same folder, with all their checks of policies. One
that does not end in time is run on a hundredth of it, and compared with `lint` on the same part.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.clusters import Plan, decoded, objects
from benchmarks.measuring import Figure, processor_seconds, processor_seconds_of_command, without_collection
from benchmarks.policies import policies
from ringfence.cluster import Cluster

PLAN: Final = Plan(pods=5_000, policies=1_000, namespaces=50, replicas=1)
_SMALL_PLAN: Final = Plan(pods=50, policies=10, namespaces=5, replicas=1)
"""The size for linters that do not end on the large one."""
_SHADOWED: Final = "RF108"
_PODS_OF_A_FILE: Final = 100
_PATIENCE: Final = 300
"""Seconds for one linter. checkov contacts its vendor's server, and waits long without a network."""

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
    yield from _beside_others(PLAN, name, list(_OTHERS))


def _beside_others(plan: Plan, name: str, others: Sequence[str]) -> Iterator[Figure]:
    """The command on a folder, and the commands of others as multiples of it."""
    slow = []
    with TemporaryDirectory() as folder:
        _write(Path(folder), plan)
        own = _processor_seconds_of(sys.executable, "-m", "ringfence", "lint", "-R", "-f", folder)
        yield Figure(f"{name}: the command, with reading", own, "s")
        for other in others:
            program = shutil.which(other)
            if program is None:
                print(f"{other} is not on the PATH: it is not measured", file=sys.stderr)
                continue
            try:
                other_took = _processor_seconds_of(program, *_OTHERS[other].split(), folder)
            except subprocess.TimeoutExpired:
                print(f"{other} did not end within {_PATIENCE} s on {name}", file=sys.stderr)
                slow.append(other)
            else:
                yield Figure(f"{name}: {other}, as a multiple of the command", other_took / own, "x")
    if slow and plan is not _SMALL_PLAN:
        yield from _beside_others(_SMALL_PLAN, f"{_SMALL_PLAN.policies} policies, {_SMALL_PLAN.pods} workloads", slow)


def _write(folder: Path, plan: Plan) -> None:
    """The objects as files of a hundred each."""
    written = list(chain(objects(plan), policies(plan)))
    for start in range(0, len(written), _PODS_OF_A_FILE):
        part = {"apiVersion": "v1", "kind": "List", "items": written[start : start + _PODS_OF_A_FILE]}
        (folder / f"{start}.json").write_text(json.dumps(part))


def _processor_seconds_of(*words: str) -> float:
    """The processor time of a linter, in seconds. Its findings, and so its exit code, do not matter."""
    return processor_seconds_of_command(*words, patience=_PATIENCE)
