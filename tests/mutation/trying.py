"""Runs tests on a copy of the checkout in which one fault is."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.mutation.covering import LEFT_OUT, THAT_WAIT, Covering
from tests.mutation.faults import Fault

START_SECONDS: Final = 10.0
"""What a new interpreter takes until the first test runs."""
MOST_SECONDS: Final = 900.0
FILES_IN_A_NEW_PROCESS: Final = 12
"""Collecting the tests of more files takes a new interpreter longer than most tests take."""


class Outcome(StrEnum):
    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    NOT_RUN = "not run by any test"


class Result(NamedTuple):
    outcome: Outcome
    by: str = ""
    """The first test that failed."""


class Worker:
    """A copy of the checkout, and a process that has imported it and collected all of its tests.

    A fault in a function is tried in a fork of that process. One in what runs on import is tried in a new process.
    """

    def __init__(self, tree: Path, covering: Covering, budget: float) -> None:
        self._tree = tree
        self._covering = covering
        self._budget = budget
        requests, self._requests_end = os.pipe()
        self._replies_end, replies = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-p", "tests.mutation.forking", "-p", "no:cacheprovider"),
                *("-p", "no:cov", "--tb=no", "--timeout=0", "-m", "not repeats_lines"),
                *("-W", "ignore::pytest.PytestUnraisableExceptionWarning", *(f"--ignore={path}" for path in LEFT_OUT)),
            ],
            cwd=tree,
            env={**_environment(tree), "MUTATION_PIPES": f"{requests} {replies}"},
            stdout=subprocess.DEVNULL,
            pass_fds=(requests, replies),
        )
        os.close(requests)
        os.close(replies)
        self._requests = os.fdopen(self._requests_end, "w", buffering=1)
        self._replies = os.fdopen(self._replies_end)
        if not self._replies.readline():
            raise SystemExit("the tests could not be collected")

    def close(self) -> None:
        self._requests.close()
        self._process.wait()
        self._replies.close()

    def attempt(self, fault: Fault) -> Result:
        """Whether the tests that run the faulty statement notice it: as many of them as the budget allows.

        A test that fails without the fault, too, has not noticed it.
        """
        on_import = _runs_on_import(fault, self._tree)
        tests = (
            self._covering.tests_beside(fault.path) if on_import else self._covering.tests_of(fault.path, fault.line)
        )
        in_new_process = on_import or self._covering.runs_before_all_tests(fault.path, fault.line)
        result = Result(Outcome.NOT_RUN)
        while tests:
            result = self._try(fault, tests, in_new_process)
            if result.outcome not in (Outcome.KILLED, Outcome.TIMED_OUT) or result.by not in tests:
                break
            if self._is_noticed(fault, result.by, in_new_process):
                break
            tests = tests[tests.index(result.by) + 1 :]
            result = Result(Outcome.SURVIVED)
        return result

    def _is_noticed(self, fault: Fault, test: str, in_new_process: bool) -> bool:
        """Whether a test that failed once fails because of the fault: not on a busy machine only."""
        if test.startswith(THAT_WAIT) and self._try(fault, [test], in_new_process).outcome is Outcome.SURVIVED:
            return False
        text = (self._tree / fault.path).read_bytes()
        return self._in_fork(fault.path, text, text, [test]).outcome is Outcome.SURVIVED

    def _try(self, fault: Fault, tests: list[str], in_new_process: bool) -> Result:
        file = self._tree / fault.path
        text = file.read_bytes()
        # Also for a fork: tests start commands, which import the file.
        file.write_bytes(fault.applied_to(text))
        try:
            if in_new_process:
                return _in_new_process(self._tree, tests, self._budget)
            return self._in_fork(fault.path, text, fault.applied_to(text), tests)
        finally:
            file.write_bytes(text)

    def _in_fork(self, path: str, text: bytes, faulty: bytes, tests: list[str]) -> Result:
        request = {
            "path": path,
            "text": text.decode(),
            "faulty": faulty.decode(),
            "tests": tests,
            "seconds": self._budget,
        }
        print(json.dumps(request), file=self._requests)
        reply: dict[str, Any] = json.loads(self._replies.readline())
        match reply["outcome"]:
            case "passed":
                return Result(Outcome.SURVIVED)
            case "failed":
                return Result(Outcome.KILLED, reply["by"])
            case "ended" | "timed out":
                return Result(Outcome.TIMED_OUT, reply["by"])
            case "nothing to patch":
                # The function is made when something else runs.
                return _in_new_process(self._tree, tests, self._budget)
            case outcome:
                raise SystemExit(f"{path}: {outcome}: {reply['by']}")


def _runs_on_import(fault: Fault, tree: Path) -> bool:
    """Whether the statement stands outside of all functions: at the start of a line, or in the body of a class."""
    module = ast.parse((tree / fault.path).read_bytes())
    return not any(
        node.lineno <= fault.lines[0] <= (node.end_lineno or node.lineno) and node.body[0].lineno <= fault.lines[0]
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
    )


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "HYPOTHESIS_PROFILE": "mutants", "PYTHONPATH": str(tree / "src")}


def _in_new_process(tree: Path, tests: list[str], budget: float) -> Result:
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))[:FILES_IN_A_NEW_PROCESS]
    listed = tree / "tests-to-run.txt"
    listed.write_text("\n".join(test for test in tests if test.partition("::")[0] in files))
    command = [
        # All that a test starts ends with it, however it ends.
        *("unshare", *_as_root(), "--fork", "--pid", "--mount-proc", "--kill-child"),
        *(sys.executable, "-m", "pytest", "-p", "tests.mutation.selection", "-p", "no:cacheprovider", "-p", "no:cov"),
        *("-x", "--tb=no", "-rfE", "-W", "ignore::pytest.PytestUnraisableExceptionWarning", *files),
    ]
    limits = {"MUTATION_TESTS": str(listed), "MUTATION_SECONDS": str(START_SECONDS + budget)}
    process = subprocess.Popen(
        command,
        cwd=tree,
        env={**_environment(tree), **limits},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        output, _ = process.communicate(timeout=MOST_SECONDS)
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
