"""Which tests run which statement: measured once for each state of the sources and tests, and kept in a file."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.mutation.copies import copy_tree
from tests.mutation.faults import iter_sources
from tests.mutation.probes import ReachedBy, folder_for_all, of_other_processes, put_probes

LEFT_OUT: Final = ("tests/e2e", "tests/mutation", "tests/browser", "tests/benchmarks", "tests/lab/session")
"""What only these tests notice counts as survived.

Those against the real API server and in a browser take too long to run for each fault. Those of laboratories in the
background compare the interfaces and mounts of the whole machine, and fail beside other tests.
"""
THAT_WAIT: Final = tuple(f"tests/{room}" for room in ("agent", "dataplane", "lab", "netlink"))
"""Tests that wait for packets and processes. They come last, and a failure counts only if it comes again."""


class Covering(NamedTuple):
    """The tests that run each statement of each function, and the processor seconds that each test takes."""

    seconds: dict[str, float]
    probe_of_line: dict[str, dict[int, int]]
    tests_of_probe: dict[int, frozenset[str]]
    before_all_tests: frozenset[int]
    """The probes that are reached while modules are imported and tests are collected."""

    def tests_of(self, path: str, line: int) -> list[str]:
        """The tests that run a statement, which stands in a function.

        If it also runs while modules are imported, its results are in constants, which other tests use: these follow.
        """
        probe = self.probe_of_line.get(path, {}).get(line, -1)
        running = self._in_order(self.tests_of_probe.get(probe, frozenset()), path)
        if probe not in self.before_all_tests:
            return running
        return list(dict.fromkeys((*running, *self.tests_beside(path))))

    def tests_beside(self, path: str) -> list[str]:
        """The tests for what runs when a file is imported (constants, signatures), which belongs to no test.

        All tests that run anything of the file, and those of its room, which stand under the same path.
        """
        probes = set(self.probe_of_line.get(path, {}).values())
        tests = frozenset[str]().union(*(self.tests_of_probe.get(probe, frozenset()) for probe in probes))
        room = f"{_room_of_tests(path)}/"
        return self._in_order(tests | {test for test in self.seconds if test.startswith(room)}, path)

    def runs_before_all_tests(self, path: str, line: int) -> bool:
        """Whether a statement of a function runs while modules are imported or tests are collected."""
        return self.probe_of_line.get(path, {}).get(line, -1) in self.before_all_tests

    def _in_order(self, tests: Iterable[str], path: str) -> list[str]:
        """The file's own tests first, then those of its room, then the quick ones; those that wait come last."""
        room = _room_of_tests(path)
        own = f"{room}/test_{Path(path).stem}.py".replace("//", "/")

        def place(test: str) -> tuple[bool, int, float, str]:
            closeness = 0 if test.startswith(own) else 1 if test.startswith(f"{room}/") else 2
            return test.startswith(THAT_WAIT), closeness, self.seconds[test], test

        return sorted((test for test in tests if test in self.seconds), key=place)


def _room_of_tests(path: str) -> str:
    parent = path.removeprefix("src/ringfence/").rpartition("/")[0]
    return f"tests/{parent}".rstrip("/")


def digest(root: Path) -> str:
    """Of all that the answer depends on."""
    found = hashlib.sha256()
    for folder in ("src", "tests"):
        for file in sorted((root / folder).rglob("*.py")):
            if "mutation" not in file.parts:
                found.update(file.read_bytes())
    return found.hexdigest()[:16]


def measure(tree: Path, cache: Path, workers: int) -> Covering:
    """What the tests in `tree`, a copy of the checkout, reach; read from `cache` where that is known already."""
    file = cache / f"covering-{digest(tree)}.json"
    if not file.exists():
        print("measuring which tests run which statements: this once", file=sys.stderr, flush=True)
        probed = copy_tree(tree, tree.with_name("probed"))
        probe_of_line = put_probes(probed, iter_sources(probed))
        folder = folder_for_all(probed / "probes")
        _run_all(probed, folder, workers)
        file.write_text(json.dumps(_collect(folder, probe_of_line)))
    content = json.loads(file.read_text())
    names = list(content["seconds"])
    return Covering(
        seconds=content["seconds"],
        probe_of_line={
            path: {int(line): probe for line, probe in numbers.items()}
            for path, numbers in content["probe_of_line"].items()
        },
        tests_of_probe={
            int(probe): frozenset(names[index] for index in indices) for probe, indices in content["tests"].items()
        },
        before_all_tests=frozenset(content["before_all_tests"]),
    )


def _run_all(tree: Path, folder: Path, workers: int) -> None:
    command = [
        *(sys.executable, "-m", "pytest", "-p", "tests.mutation.selection", "-p", "no:cacheprovider", "-p", "no:cov"),
        *(f"-n{workers}", "--dist=loadgroup", "--tb=line", "--timeout=0", "-m", "not repeats_lines"),
        *(f"--ignore={folder}" for folder in LEFT_OUT),
    ]
    environment = {
        **os.environ,
        "HYPOTHESIS_PROFILE": "few",
        "PYTHONPATH": str(tree / "src"),
        "PROBES_FOLDER": str(folder),
    }
    done = subprocess.run(command, cwd=tree, env=environment, stdout=sys.stderr)
    if done.returncode not in (0, 1):
        raise SystemExit(f"the tests could not be run: pytest ended with {done.returncode}")


def _collect(folder: Path, probe_of_line: dict[str, dict[int, int]]) -> dict[str, Any]:
    seconds: dict[str, float] = {}
    reached: list[ReachedBy] = []
    for file in sorted(folder.glob("tests-*")):
        for entry in map(json.loads, file.read_text().splitlines()):
            reached.append(ReachedBy(entry["test"], entry["probes"]))
            if entry["test"] and entry["passed"]:
                seconds[entry["test"]] = entry["seconds"]
            elif entry["test"]:
                print(f"not counted, as it does not pass without a fault: {entry['test']}", file=sys.stderr)
    numbers = {test: index for index, test in enumerate(seconds)}
    tests: dict[int, set[int]] = {}
    before_all_tests: set[int] = set()
    for test, probes in (*reached, *of_other_processes(folder)):
        if test in numbers:
            for probe in probes:
                tests.setdefault(probe, set()).add(numbers[test])
        elif not test:
            before_all_tests.update(probes)
    return {
        "seconds": seconds,
        "probe_of_line": probe_of_line,
        "tests": {probe: sorted(found) for probe, found in tests.items()},
        "before_all_tests": sorted(before_all_tests),
    }
