"""The time of `equivalent` and of network-config-analyzer, on the same 100 policies and their refactored copy.

The analyzer is run if `nca` is on the `PATH`; `make bench-analyzers` installs it in an environment of its own. It
compares pods that exist, so it also gets 200 pods and their namespaces. `equivalent` does not need them: it is about
all possible pods.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.clusters import Object, Plan, objects
from benchmarks.measuring import Figure, processor_seconds_of_command
from benchmarks.policies import policies
from benchmarks.possible import refactored

PLAN: Final = Plan(pods=200, policies=100, namespaces=5)
_PATIENCE: Final = 900
"""Seconds for one command."""


def measure() -> Iterator[Figure]:
    """The time of each command, with start and reading, and that of the analyzer as a multiple of ours."""
    written = list(policies(PLAN))
    with TemporaryDirectory() as name:
        folder = Path(name)
        old, new = _file(folder / "old.json", written), _file(folder / "new.json", refactored(written))
        pods, namespaces = (_file(folder / f"{kind}.json", _of_kind(kind)) for kind in ("Pod", "Namespace"))
        same = [sys.executable, "-m", "ringfence", "equivalent", old, new]
        own = processor_seconds_of_command(*same, patience=_PATIENCE, must_succeed=True)
        yield Figure(f"{PLAN.policies} policies and a refactored copy: equivalent, in every cluster", own, "s", 1)
        program = shutil.which("nca")
        if program is None:
            print("nca is not on the PATH: it is not measured", file=sys.stderr)
            return
        with_pods = [program, "--equiv", new, "--base_np_list", old, "--pod_list", pods, "--ns_list", namespaces]
        other = processor_seconds_of_command(*with_pods, patience=_PATIENCE, must_succeed=True)
        yield Figure(f"network-config-analyzer: equivalent, for {PLAN.pods} pods", other, "s")
        yield Figure("network-config-analyzer, as a multiple of the command", other / own, "x")


def _of_kind(kind: str) -> Iterable[Object]:
    return (one for one in objects(PLAN) if one["kind"] == kind)


def _file(path: Path, some: Iterable[Object]) -> str:
    """Write objects into a file; returns its path."""
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(some)}))
    return str(path)
