"""A pytest plugin: runs exactly the tests that a file lists, in its order; writes down how long each test took.

`MUTATION_TESTS` names the file with one test on each line, `MUTATION_DURATIONS` the file to write.
"""

import json
import os
from pathlib import Path

import pytest

_durations: dict[str, float] = {}
_not_passed: set[str] = set()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if listed := os.environ.get("MUTATION_TESTS"):
        wanted = {test: index for index, test in enumerate(Path(listed).read_text().splitlines())}
        items[:] = sorted((item for item in items if item.nodeid in wanted), key=lambda item: wanted[item.nodeid])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration
    if report.outcome != "passed":
        _not_passed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    if (written := os.environ.get("MUTATION_DURATIONS")) and "PYTEST_XDIST_WORKER" not in os.environ:
        passed = {test: seconds for test, seconds in _durations.items() if test not in _not_passed}
        Path(written).write_text(json.dumps({"passed": passed, "not_passed": sorted(_not_passed)}))
