"""A pytest plugin: runs exactly the tests that a file lists, in its order; writes down which probes each test reaches.

`MUTATION_TESTS` names the file with one test on each line, `MUTATION_SECONDS` is how long they may take, and
`PROBES_FOLDER` names the folder for what was reached.
"""

import importlib
import json
import os
import resource
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.probes import MODULE

_not_passed: set[str] = set()


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if listed := os.environ.get("MUTATION_TESTS"):
        wanted = {test: index for index, test in enumerate(Path(listed).read_text().splitlines())}
        items[:] = sorted((item for item in items if item.nodeid in wanted), key=lambda item: wanted[item.nodeid])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome != "passed":
        _not_passed.add(report.nodeid)


@pytest.hookimpl(tryfirst=True, specname="pytest_runtest_protocol")
def pass_over_if_late(item: pytest.Item) -> bool | None:
    """Do not run a test after the time of all is spent. The first one always runs."""
    late = processor_seconds() > float(os.environ.get("MUTATION_SECONDS", "inf"))
    return True if late and item is not item.session.items[0] else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    folder = os.environ.get("PROBES_FOLDER")
    if not folder:
        return (yield)
    probes = importlib.import_module(MODULE)
    before_all_tests = probes.take()
    begun = processor_seconds()
    result = yield
    test = item.nodeid.partition("@")[0] if "PYTEST_XDIST_WORKER" in os.environ else item.nodeid
    seconds = processor_seconds() - begun
    passed = not {test, item.nodeid} & _not_passed
    entries = [
        {"test": "", "probes": before_all_tests},
        {"test": test, "probes": probes.take(), "seconds": seconds, "passed": passed},
    ]
    with (Path(folder) / f"tests-{os.getpid()}").open("a") as file:
        file.writelines(f"{json.dumps(entry)}\n" for entry in entries)
    return result
