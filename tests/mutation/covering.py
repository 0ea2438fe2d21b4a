"""Which tests run which line: measured once for each state of the sources and tests, and kept in a file."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from coverage import CoverageData

CONFIGURATION: Final = "tests/mutation/coverage.rc"
LEFT_OUT: Final = ("tests/e2e", "tests/mutation")
"""Tests against the real API server take too long to run for each fault; what only they notice counts as survived."""
IN_THE_KERNEL: Final = ("tests/lab", "tests/dataplane")


class Covering(NamedTuple):
    """The tests that run each line of each file, and the seconds that each test takes."""

    seconds: dict[str, float]
    lines: dict[str, dict[int, frozenset[str]]]

    def tests_of(self, path: str, lines: tuple[int, int]) -> list[str]:
        """The tests that run any of the lines of a statement, which stands in a function."""
        covered = self.lines.get(path, {})
        tests = frozenset[str]().union(*(covered.get(line, frozenset()) for line in range(lines[0], lines[1] + 1)))
        return self._in_order(tests, path)

    def tests_beside(self, path: str) -> list[str]:
        """The tests for what runs when a file is imported (constants, signatures), which belongs to no test.

        All tests that run anything of the file, and those of its room, which stand under the same path.
        """
        tests = frozenset[str]().union(*self.lines.get(path, {}).values())
        room = f"{_room_of_tests(path)}/"
        return self._in_order(tests | {test for test in self.seconds if test.startswith(room)}, path)

    def within(self, tests: list[str], budget: float) -> list[str]:
        """The first of the tests, as many as take no more than `budget` seconds; at least one."""
        seconds = 0.0
        for index, test in enumerate(tests):
            seconds += self.seconds[test]
            if seconds > budget and index:
                return tests[:index]
        return tests

    def _in_order(self, tests: Iterable[str], path: str) -> list[str]:
        """The file's own tests first, then the quick ones; those in the kernel last."""
        parent, _, name = path.removeprefix("src/ringfence/").rpartition("/")
        own = f"tests/{parent}/test_{name}".replace("//", "/")
        return sorted(
            (test for test in tests if test in self.seconds),
            key=lambda test: (test.startswith(IN_THE_KERNEL), not test.startswith(own), self.seconds[test], test),
        )


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
    """What the tests in `tree`, a copy of the checkout, cover; read from `cache` where that is known already."""
    file = cache / f"covering-{digest(tree)}.json"
    if not file.exists():
        print("measuring which tests run which lines: this once", file=sys.stderr, flush=True)
        _run_all(tree, workers)
        file.write_text(json.dumps(_collect(tree)))
    content = json.loads(file.read_text())
    names = list(content["seconds"])
    lines = {
        path: {int(line): frozenset(names[index] for index in indices) for line, indices in by_line.items()}
        for path, by_line in content["lines"].items()
    }
    return Covering(content["seconds"], lines)


def _run_all(tree: Path, workers: int) -> None:
    command = [
        *(sys.executable, "-m", "pytest", "-p", "tests.mutation.selection", f"-n{workers}", "--dist=loadfile"),
        *("--cov", f"--cov-config={CONFIGURATION}", "--cov-context=test", "--cov-report=", "--tb=short", "--timeout=0"),
        *(f"--ignore={folder}" for folder in LEFT_OUT),
    ]
    environment = {
        **os.environ,
        "HYPOTHESIS_PROFILE": "ci",
        "PYTHONPATH": str(tree / "src"),
        "COVERAGE_PROCESS_START": str(tree / CONFIGURATION),
        "COVERAGE_FILE": str(tree / ".coverage"),
        "MUTATION_DURATIONS": str(tree / "durations.json"),
    }
    done = subprocess.run(command, cwd=tree, env=environment, stdout=sys.stderr)
    if done.returncode not in (0, 1):
        raise SystemExit(f"the tests could not be run: pytest ended with {done.returncode}")


def _collect(tree: Path) -> dict[str, Any]:
    outcomes = json.loads((tree / "durations.json").read_text())
    for test in outcomes["not_passed"]:
        print(f"not counted, as it does not pass without a fault: {test}", file=sys.stderr)
    seconds: dict[str, float] = outcomes["passed"]
    numbers = {test: index for index, test in enumerate(seconds)}
    data = CoverageData(str(tree / ".coverage"))
    data.read()
    lines: dict[str, dict[int, list[int]]] = {}
    for measured in sorted(data.measured_files()):
        path = str(Path(measured).relative_to(tree))
        found = lines[path] = {}
        for line, contexts in data.contexts_by_lineno(measured).items():
            tests = {test for context in contexts if (test := _test(context)) in numbers}
            if tests:
                found[line] = sorted(numbers[test] for test in tests)
    return {"seconds": seconds, "lines": lines}


def _test(context: str) -> str:
    """The test of a context: of this process `test|call`, of one that a test started `test (call)`, or of both."""
    for part in context.split("|"):
        if part.startswith("tests/"):
            return re.sub(r" \((setup|call|teardown)\)$", "", part)
    return ""
