"""What holds for all tests: how hard hypothesis tries, what runs beside what, how long a test may take, what CI skips.

`HYPOTHESIS_PROFILE=ci` or `thorough` tries more than the quick default of a working day, which has other examples in
each run. Expensive properties have fewer examples than others, in proportion (`tests/example_counts.py`).
"""

import gc
import os
import signal
import unittest
from collections import Counter
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings

from tests.e2e import parts
from tests.forking_program import save_before_forks

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=10)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=5_000, print_blob=True)
# Where only the lines that run matter, or the libraries that they call, the first examples of a property are enough.
settings.register_profile("few", settings.get_profile("ci"), max_examples=5)
# Of a deliberate fault only the first counterexample counts: looking for the smallest one takes minutes.
settings.register_profile("mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Tests of kustomizations run kubectl as users do, from PATH: where none is installed, the one of the end-to-end tests.
os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{parts.clients_folder()}"

# A shell has jobs in the background ignore Ctrl-C, and nohup the end of the terminal; so does everything that these
# start: programs that tests interrupt.
for ignored, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, default)

gc.disable()  # until all tests are collected: none of what is made until then is garbage

TESTS: Final = Path(__file__).parent
SHARED_FIXTURES: Final = ("world", "api_server", "browser")
"""Fixtures that start an API server or a browser, in the order in which they name a test's group: each starts once."""
END_TO_END_SECONDS: Final = 600
"""What one test against the real API server may take, with the start of the server that it waits for."""
ROOMS_THAT_WAIT: Final = ("agent", "dataplane", "e2e", "lab", "netlink")
"""Folders whose tests wait for packets, processes and the kernel, rather than compute."""
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
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests that share something expensive in one worker, and lets the workers begin with what takes long.

    Marks what `make test-more` runs, before pytest selects by marks.
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
            chunk = numbers[item.path] // TESTS_AT_ONCE[_waits(item)]
            numbers[item.path] += 1
            item.add_marker(pytest.mark.xdist_group(f"{_place(item.path)} {chunk}"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        _spread(items)
        for item in items:
            _name_group(item)
    items.sort(key=_priority)


def _name_group(item: pytest.Item) -> None:
    """Add the group to the name of a test, by which xdist sends the tests of a group to one worker.

    xdist 3.8 does that itself, where pytest 9.2 does not look for it: without this, each worker builds what a module
    shares, and starts a browser for some tests.
    """
    group = item.get_closest_marker("xdist_group")
    if group is not None:
        item._id = type(item.id).parse(f"{item.nodeid}@{group.args[0]}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gives a test the name back to which xdist has added its group: by that name, it can be run once more."""
    if "PYTEST_XDIST_WORKER" not in os.environ and report.nodeid.rfind("@") > report.nodeid.rfind("]"):
        report.nodeid = report.nodeid[: report.nodeid.rfind("@")]


def pytest_collection_finish() -> None:
    """Leaves all tests and modules out of garbage collection, which begins now: they stay until the end.

    Most tests of the kernel fork a child, which pays twice for a look at them: it copies each page of memory that has
    one. The tests of the agent's loop, which collects garbage itself, took three times as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    gc.enable()
    save_before_forks()


def _group(item: pytest.Item) -> str | None:
    """The tests of one group run one after the other in the same worker; None: the test runs anywhere."""
    fixtures = getattr(item, "fixturenames", ())
    for fixture in SHARED_FIXTURES:
        if fixture in fixtures:
            return fixture
    return _group_of_module_fixtures(item)


def _group_of_module_fixtures(item: pytest.Item) -> str | None:
    """The module of an item that uses fixtures of its module, and their parameters: each is set up once."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs if info is not None else {}
    shared = [name for name, found in definitions.items() if any(one.scope == "module" for one in found[-1:])]
    if not shared:
        return None
    chosen = {name: _option(item, name, definitions[name][-1].params or ()) for name in shared}
    return " ".join((item.path.stem, *(f"{name}={number}" for name, number in chosen.items() if number is not None)))


def _option(item: pytest.Item, fixture: str, options: Sequence[object]) -> int | None:
    """Which of its parameters a fixture has for a test; None: it has none."""
    called = getattr(item, "callspec", None)
    if called is None or fixture not in called.params:
        return None
    # A test that gives the fixture its parameter counts its own combinations.
    parameter, index = called.params[fixture], called.indices[fixture]
    return options.index(parameter) if parameter in options else int(index)


def _spread(items: list[pytest.Item]) -> None:
    """Order tests so that the processors have work from the beginning to the end.

    What takes long comes first, so that no worker is still busy with it at the end: properties, and tests that share
    what their module builds. Within what takes long, and within what does not, tests that wait for packets or processes
    are spread among those that compute.
    """
    kinds: dict[tuple[bool, bool], list[pytest.Item]] = {}
    for item in items:
        is_short = not _is_property(item) and _group(item) is None
        kinds.setdefault((is_short, _waits(item)), []).append(item)
    places = {
        item: (is_short, number / len(of_kind))
        for (is_short, _), of_kind in kinds.items()
        for number, item in enumerate(of_kind)
    }
    items.sort(key=places.__getitem__)


def _is_property(item: pytest.Item) -> bool:
    """Whether a test has many examples: a property, or a machine of rules."""
    cls = getattr(item, "cls", None)
    return is_hypothesis_test(getattr(item, "obj", None)) or (cls is not None and issubclass(cls, unittest.TestCase))


def _waits(item: pytest.Item) -> bool:
    return _place(item.path).parts[0] in ROOMS_THAT_WAIT


@cache
def _place(file: Path) -> Path:
    """Where a file is among the tests: asked anew for each of 12,000 tests, it takes a quarter of a second."""
    return file.relative_to(TESTS)


def _priority(item: pytest.Item) -> int:
    """The order of the sort is stable: within a priority, tests stay as they were collected."""
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args[0] in SHARED_FIXTURES:
        return SHARED_FIXTURES.index(group.args[0])
    return len(SHARED_FIXTURES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip fails, unless its reason is one that is allowed there: a missing program must not hide a test."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if not reason.startswith(SKIPS_ALLOWED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where it must run: {reason}"
    return report
