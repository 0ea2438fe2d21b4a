"""Settings of all tests: the effort of hypothesis, the order and grouping of tests, time limits, and skips in CI.

`HYPOTHESIS_PROFILE=ci` or `thorough` tries more examples than the quick default, which has other examples in each run.
Expensive properties have fewer examples than others, in proportion (`tests/example_counts.py`).
"""

import gc
import importlib
import os
import signal
import unittest
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings

from tests.e2e import parts
from tests.forking_program import save_before_forks

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=5)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=5_000, print_blob=True)
# Where only the executed lines matter, or the libraries that they call, the first examples of a property are enough.
settings.register_profile("few", settings.get_profile("ci"), max_examples=5)
# For a deliberate fault, only the first counterexample counts: searching for the smallest one takes minutes.
settings.register_profile("mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Tests of kustomizations run kubectl from PATH, as users do. Where none is installed, they use the kubectl of the end-
# to-end tests.
os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{parts.clients_folder()}"

# A shell has jobs in the background ignore Ctrl-C, and nohup the end of the terminal; so does everything that these
# start: programs that tests interrupt.
for ignored, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, default)

gc.disable()  # Until all tests are collected: nothing that is created before that is garbage.

TESTS: Final = Path(__file__).parent
SHARED_FIXTURES: Final = ("world", "api_server", "browser")
"""Fixtures that start an API server or a browser, in the order in which they name a test's group: each starts once."""
END_TO_END_SECONDS: Final = 600
"""What one test against the real API server may take, with the start of the server that it waits for."""
ROOMS_THAT_WAIT: Final = ("agent", "dataplane", "e2e", "lab", "netlink", "sources/cluster", "web")
"""Folders whose tests wait for packets, processes and the kernel, rather than compute."""
END_OF_LONG_TESTS: Final = 0.7
"""The part of all tests in which long ones start."""
ROOM_OF_THE_BROWSER: Final = "browser"
"""The folder whose tests open pages in a browser, and the mark that they have."""
TESTS_AT_ONCE: Final = {True: 3, False: 20}
"""How many quick tests of a file a worker is given at once, of rooms that wait and of others.

With each test for itself, xdist needs 14 s of a processor for 11,000 tests: it counts all again for each that ends.
"""
COLLECTION_THRESHOLDS: Final = (2_000, 20, 100)
"""When Python looks for garbage in cycles. With its own thresholds that is a tenth of the time of property tests, most
of it for looks at all objects. Larger ones save nothing more: objects leave the processor's cache before the look.
"""
SKIPS_ALLOWED_IN_CI: Final = ("needs a user that is not root", "needs upstream's conformance cases")
"""How the reasons begin for which a test may be skipped in CI. Everything else is installed there.

The conformance cases are data of another project, which are not part of this one.
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Where workers collect all tests, let each import the files of tests in an order of its own.

    In a new checkout, an imported file is compiled. Workers that import all files in one order compile each of them at
    the same time, once per worker: 15 s of a processor in each. So each worker begins with another part of the files,
    and finds the other parts compiled.
    """
    config = session.config
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or "PYTEST_XDIST_WORKER" not in os.environ:
        return
    ignored = [Path(path).resolve() for path in config.getoption("ignore") or ()]
    files = [file for file in sorted(TESTS.rglob("test_*.py")) if not any(map(file.is_relative_to, ignored))]
    number, workers = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    first = len(files) * number // workers
    for file in (*files[first:], *files[:first]):
        with suppress(Exception, pytest.skip.Exception):  # The collection imports it again, and reports the failure.
            importlib.import_module(".".join(file.relative_to(TESTS.parent).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that share an expensive fixture in one worker, and start with the tests that take long.

    Mark what `make test-more` runs, before pytest selects by marks.
    """
    end_to_end = f"{TESTS / 'e2e'}{os.sep}"
    numbers: Counter[Path] = Counter()
    for item in items:
        if _is_property(item):
            item.add_marker(pytest.mark.more_in_ci)
        if _place(item.path).parts[0] == ROOM_OF_THE_BROWSER:
            item.add_marker(getattr(pytest.mark, ROOM_OF_THE_BROWSER))
        if str(item.path).startswith(end_to_end):
            item.add_marker(pytest.mark.timeout(END_TO_END_SECONDS))
        group = _group(item)
        if group is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
        elif group is None and not _is_property(item):
            chunk = numbers[item.path] // TESTS_AT_ONCE[_waits(item.path)]
            numbers[item.path] += 1
            item.add_marker(pytest.mark.xdist_group(f"{_place(item.path)} {chunk}"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        _spread(items)
        for item in items:
            _name_group(item)
    items.sort(key=_priority)


def _name_group(item: pytest.Item) -> None:
    """Append the group to the name of a test. xdist sends the tests of one group to one worker by that name.

    xdist 3.8 appends the group itself, but pytest 9.2 does not look there. Without this function, each worker builds
    the shared fixtures of a module and starts a browser for some tests.
    """
    group = item.get_closest_marker("xdist_group")
    if group is not None:
        item._id = type(item.id).parse(f"{item.nodeid}@{group.args[0]}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remove the group that was appended for xdist from the name of a test: the test can be run again by that name."""
    if "PYTEST_XDIST_WORKER" not in os.environ and report.nodeid.rfind("@") > report.nodeid.rfind("]"):
        report.nodeid = report.nodeid[: report.nodeid.rfind("@")]


def pytest_collection_finish() -> None:
    """Exclude all tests and modules from garbage collection, which starts now: they stay until the end.

    Most tests of the kernel fork a child. A collection in the child visits every object and so copies each page of
    memory that contains one. The tests of the agent's loop, which collects garbage itself, took three times as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    gc.enable()
    save_before_forks()


def _group(item: pytest.Item) -> str | None:
    """The tests of one group run one after another in one worker. None means that the test may run in any worker."""
    fixtures = getattr(item, "fixturenames", ())
    for fixture in SHARED_FIXTURES:
        if fixture in fixtures:
            return fixture
    return _group_of_module_fixtures(item)


def _group_of_module_fixtures(item: pytest.Item) -> str | None:
    """The module of an item that uses fixtures of its module, and their parameters. Each is set up once."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs if info is not None else {}
    shared = [name for name, found in definitions.items() if any(one.scope == "module" for one in found[-1:])]
    if not shared:
        return None
    chosen = {name: _option(item, name, definitions[name][-1].params or ()) for name in shared}
    return " ".join((item.path.stem, *(f"{name}={number}" for name, number in chosen.items() if number is not None)))


def _option(item: pytest.Item, fixture: str, options: Sequence[object]) -> int | None:
    """Which of its parameters a fixture has for a test, or None."""
    called = getattr(item, "callspec", None)
    if called is None or fixture not in called.params:
        return None
    # A test that sets the parameter of the fixture counts its own combinations.
    parameter, index = called.params[fixture], called.indices[fixture]
    return options.index(parameter) if parameter in options else int(index)


def _spread(items: list[pytest.Item]) -> None:
    """Order tests so that the processors are busy from the beginning to the end.

    Of each folder, an equal share runs in each part of the time: some folders compute, and some wait for packets or
    processes. With the folders one after the other, all processes wait for the laboratory at the end, a quarter of the
    time. Long tests come earlier, so that no worker is still busy with one at the end: properties, and tests that share
    what their module builds.
    """
    kinds: dict[tuple[bool, str], list[pytest.Item]] = {}
    for item in items:
        is_long = _is_property(item) or _group(item) is not None
        kinds.setdefault((is_long, _place(item.path).parts[0]), []).append(item)
    places = {
        item: number / len(of_kind) * (END_OF_LONG_TESTS if is_long else 1)
        for (is_long, _), of_kind in kinds.items()
        for number, item in enumerate(of_kind)
    }
    items.sort(key=places.__getitem__)


def _is_property(item: pytest.Item) -> bool:
    """Whether a test has many examples: a property or a state machine."""
    cls = getattr(item, "cls", None)
    return is_hypothesis_test(getattr(item, "obj", None)) or (cls is not None and issubclass(cls, unittest.TestCase))


@cache
def _waits(file: Path) -> bool:
    return any(_place(file).is_relative_to(room) for room in ROOMS_THAT_WAIT)


@cache
def _place(file: Path) -> Path:
    """The position of a file among the tests. Computing it for each of 12,000 tests takes a quarter of a second."""
    return file.relative_to(TESTS)


def _priority(item: pytest.Item) -> int:
    """The sort is stable: within a priority, tests stay in the order of collection."""
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args[0] in SHARED_FIXTURES:
        return SHARED_FIXTURES.index(group.args[0])
    return len(SHARED_FIXTURES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a skip fails unless its reason is allowed there: a missing program must not hide a test."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if not reason.startswith(SKIPS_ALLOWED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where it must run: {reason}"
    return report
