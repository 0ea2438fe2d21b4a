"""`diff` of two revisions of a repository: of which one policy has changed, or nothing."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from os import chdir
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.clusters import Object, Plan, objects
from benchmarks.measuring import Figure, processor_seconds, seconds, without_collection
from benchmarks.policies import policies
from ringfence.analysis.differences import ClusterDifference
from ringfence.cluster import Cluster
from ringfence.shared_input import SharedInput

PLAN: Final = Plan(pods=100_000, policies=1_000, namespaces=50)
"""5,000 workloads, of which the repository has the templates."""
_TIMES: Final = 3


def measure() -> Iterator[Figure]:
    """The time of `diff` as a multiple of reading one revision, and of the whole command where nothing has changed."""
    with tempfile.TemporaryDirectory() as folder:
        chdir(folder)
        _make_repository(Path(folder))
        reading, comparing, found = _least(_TIMES)
        what = f"{PLAN.policies:,} policies, {found.common:,} workloads"
        yield Figure(f"{what}: one revision is read", reading, "s")
        yield Figure(f"{what}: two are read and compared, of which one policy changed", comparing, "s")
        yield Figure("  as a multiple of reading one", comparing / reading, "x", 1.2)
        command = [sys.executable, "-m", "ringfence", "diff", "HEAD~1..HEAD~1", "-R", "-f", "k8s"]
        same = min(seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(_TIMES))
        yield Figure(f"{what}: the command, where the files are the same", same, "s", 0.5)


def _least(times: int) -> tuple[float, float, ClusterDifference]:
    """The least time of the processor for reading one revision, and for reading and comparing two; what was found."""
    found: list[ClusterDifference] = []
    with without_collection():  # the command line collects seldom
        reading = min(processor_seconds(lambda: Cluster.of_revision("HEAD", "k8s")) for _ in range(times))
        comparing = min(processor_seconds(lambda: found.append(_compared())) for _ in range(times))
    assert found[0].exposure_changed
    return reading, comparing, found[0]


def _compared() -> ClusterDifference:
    shared = SharedInput()
    before, after = (Cluster.of_revision(one, "k8s", shared=shared) for one in ("HEAD~1", "HEAD"))
    return before.diff(after)


def _make_repository(folder: Path) -> None:
    """Two revisions with a file for each object; in the second, one policy is about another port."""
    _git("init", "-q")
    written = list(policies(PLAN))
    _write(folder, (one for one in (*objects(PLAN), *written) if one["kind"] not in ("Pod", "Node")))
    _commit()
    changed = next(one for one in written if _has_ports(one))
    for rule in changed["spec"]["ingress"]:
        rule["ports"] = [{"protocol": "TCP", "port": 4444}]
    _write(folder, [changed])
    _commit()


def _has_ports(policy: Object) -> bool:
    rules: Sequence[Any] = policy["spec"].get("ingress") or ()
    return policy["metadata"]["namespace"].startswith("team") and any("ports" in rule for rule in rules)


def _write(folder: Path, written: Iterable[Object]) -> None:
    for one in written:
        metadata = one["metadata"]
        of_namespace = folder / "k8s" / metadata.get("namespace", metadata["name"])
        of_namespace.mkdir(parents=True, exist_ok=True)
        file = of_namespace / f"{one['kind'].lower()}-{metadata['name']}.yaml"
        file.write_text(yaml.dump(one, Dumper=yaml.CSafeDumper))


def _commit() -> None:
    _git("add", "-A")
    _git("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org", "commit", "-q", "-m", "change")


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True)
