"""Runs tests on a copy of the checkout in which one fault is."""

import os
import re
import shutil
import signal
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from tests.mutation.covering import IN_THE_KERNEL, Covering
from tests.mutation.faults import Fault

TREE: Final = ("src", "tests", "examples", "docs", "deploy", "benchmarks", "README.md", "pyproject.toml")
MOST_SECONDS: Final = 900.0
LEAST_SECONDS: Final = 30.0
SLOWER: Final = 5.0
"""How many times longer than measured the tests may take: other work on the machine is not to count as a fault."""


class Outcome(StrEnum):
    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    NOT_RUN = "not run by any test"


class Result(NamedTuple):
    outcome: Outcome
    by: str = ""
    """The first test that failed."""


def copy_tree(root: Path, target: Path) -> Path:
    """A copy of the checkout to put faults into.

    Its bytecode is checked by the hash of the source: a fault of the same length, written within the same second as
    the file was, must not be taken for the old text.
    """
    target.mkdir(parents=True)
    for name in TREE:
        if (root / name).is_dir():
            shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        elif (root / name).exists():
            shutil.copy2(root / name, target / name)
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode=checked-hash", "src"]
    subprocess.run(compiling, cwd=target, check=True)
    return target


def attempt(tree: Path, fault: Fault, covering: Covering, budget: float) -> Result:
    """Whether the tests that run the faulty statement notice it: as many of them as take no more than `budget`."""
    if _runs_on_import(fault, tree):
        tests = covering.tests_beside(fault.path)
    else:
        tests = covering.tests_of(fault.path, fault.lines)
    if not tests:
        return Result(Outcome.NOT_RUN)
    tests = covering.within(tests, budget)
    file = tree / fault.path
    text = file.read_bytes()
    file.write_bytes(fault.applied_to(text))
    try:
        result = _run(tree, tests, covering)
        if result.outcome is Outcome.KILLED and result.by.startswith(IN_THE_KERNEL):
            # A test that waits for the kernel can fail on a busy machine. Only what fails twice has noticed the fault.
            again = _run(tree, [result.by], covering)
            if again.outcome is Outcome.SURVIVED:
                later = tests[tests.index(result.by) + 1 :]
                result = _run(tree, later, covering) if later else again
        return result
    finally:
        file.write_bytes(text)


def _runs_on_import(fault: Fault, tree: Path) -> bool:
    """Whether the statement stands outside of all functions: at the start of a line, or in the body of a class."""
    import ast

    module = ast.parse((tree / fault.path).read_bytes())
    return not any(
        node.lineno <= fault.lines[0] <= (node.end_lineno or node.lineno) and node.body[0].lineno <= fault.lines[0]
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
    )


def _run(tree: Path, tests: list[str], covering: Covering) -> Result:
    listed = tree / "tests-to-run.txt"
    listed.write_text("\n".join(tests))
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    seconds = sum(covering.seconds[test] for test in tests)
    command = [
        # All that a test starts ends with it, however it ends.
        *("unshare", *_as_root(), "--fork", "--pid", "--mount-proc", "--kill-child"),
        *(sys.executable, "-m", "pytest", "-p", "tests.mutation.selection", "-p", "no:cacheprovider", "-p", "no:cov"),
        *("-x", "--tb=no", "-rfE", "-W", "ignore::pytest.PytestUnraisableExceptionWarning", *files),
    ]
    environment = {
        **os.environ,
        "HYPOTHESIS_PROFILE": "mutants",
        "PYTHONPATH": str(tree / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MUTATION_TESTS": str(listed),
    }
    process = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )
    try:
        output, _ = process.communicate(timeout=min(MOST_SECONDS, LEAST_SECONDS + SLOWER * seconds))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Result(Outcome.TIMED_OUT)
    if process.returncode == 0:
        return Result(Outcome.SURVIVED)
    failed = re.search(r"^(?:FAILED|ERROR) (tests/.*?)(?: - .*)?$", output, re.MULTILINE)
    return Result(Outcome.KILLED, failed[1] if failed else _last_line(output))


def _as_root() -> tuple[str, ...]:
    return () if os.getuid() == 0 else ("--map-root-user",)


def _last_line(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "")
