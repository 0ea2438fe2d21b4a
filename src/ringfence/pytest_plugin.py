"""The pytest plugin: collects the tests of what policies must allow from YAML files, beside tests in Python.

    # pyproject.toml
    [tool.pytest.ini_options]
    ringfence_manifests = ["k8s/"]

pytest imports this module in every project of an environment that has ringfence. So it imports nothing but pytest and
the standard library until there is a test, and it looks at no file that is not small YAML.

Source: pytest's documentation, "Writing plugins" and "Working with non-python tests".
"""

import os
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ringfence.cluster import Cluster
    from ringfence.testing.outcomes import JudgedTest
    from ringfence.testing.reachability_tests import ReachabilityTest

_SUFFIXES = (".yaml", ".yml")
_MOST_BYTES = 1 << 20
_HEAD = 4096
_MARKERS = (b"ringfence/v1", b"ReachabilityTest")
"""What the head of a file has in it that is collected."""

_UNCONFIGURED = "no manifests to test: set ringfence_manifests in pytest's configuration, or use --ringfence-manifests"
_NOTHING_TESTED = "the laboratory could test nothing of this: `ringfence test --lab` says why, for each test"
_CLUSTER = pytest.StashKey[Any]()
_IN_KERNEL = pytest.StashKey["dict[ReachabilityItem, JudgedTest]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting of this plugin."""
    group = parser.getgroup("ringfence", "tests of Kubernetes network policies")
    group.addoption(
        "--ringfence-manifests",
        action="append",
        default=[],
        metavar="PATH",
        help="A file or folder with the manifests that ReachabilityTests are about. Repeatable.",
    )
    group.addoption(
        "--ringfence-context", metavar="NAME", help="Test the live cluster of this kubeconfig context instead."
    )
    group.addoption(
        "--ringfence-lab",
        action="store_true",
        help="Have the kernel judge the ReachabilityTests as well, in a laboratory of network namespaces.",
    )
    parser.addini("ringfence_manifests", "Files and folders with the manifests that tests are about.", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the tests that are collected."""
    config.addinivalue_line("markers", "ringfence: a test of network policies from a YAML file.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ReachabilityFile | None":
    """Collect a small YAML file whose head says that it has tests of ringfence."""
    if file_path.suffix not in _SUFFIXES or not _has_tests(file_path):
        return None
    return ReachabilityFile.from_parent(parent, path=file_path)


def _has_tests(path: Path) -> bool:
    try:
        # Test files are small. A large YAML file is a fixture or a chart, and reading it would slow every project down.
        if path.stat().st_size > _MOST_BYTES:
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return all(marker in head for marker in _MARKERS)


class ReachabilityFile(pytest.File):
    """A file with tests."""

    def collect(self) -> Iterator["ReachabilityItem"]:
        """The tests of the file. Raises CollectError for what is wrong in it."""
        from ringfence.errors import RingfenceError
        from ringfence.testing.finding import find_tests

        try:
            found = find_tests([os.path.relpath(self.path)])
        except RingfenceError as error:
            raise self.CollectError(str(error)) from error
        if found.problems:
            raise self.CollectError("\n".join(map(str, found.problems)))
        names: Counter[str] = Counter()
        for test in found.tests:
            # A node id is divided by `::`, and printed on one line.
            name = " ".join(test.name.replace("::", ": ").split())
            # pytest selects tests by their ids, so two tests of one name need different ones.
            names[name] += 1
            unique = f"{name} #{names[name]}" if names[name] > 1 else name
            yield ReachabilityItem.from_parent(self, name=unique, test=test)


class ReachabilityItem(pytest.Item):
    """One test of a file."""

    def __init__(self, *, test: "ReachabilityTest", **values: Any) -> None:
        super().__init__(**values)
        self.test = test
        self.add_marker("ringfence")

    def runtest(self) -> None:
        """Judge the test. Raises PolicyTestFailure if it does not hold, by the engine or in the laboratory."""
        if not _is_configured(self.config):
            pytest.skip(_UNCONFIGURED)
        if self.config.getoption("ringfence_lab"):
            outcome = _in_kernel(self.session)[self]
            self._note_columns(outcome)
        else:
            (outcome,) = _cluster(self.config).judged([self.test])
        if outcome.is_bad:
            raise PolicyTestFailure(outcome)
        if outcome.status.value == "skipped":
            pytest.skip(outcome.message)

    def _note_columns(self, outcome: "JudgedTest") -> None:
        """What the engine and the kernel say, as properties of the test: pytest writes them into its JUnit."""
        from ringfence.render.judged_tests import column_texts

        self.user_properties += column_texts(outcome.columns).items()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Why the test does not hold, or what is wrong in the manifests, without a traceback."""
        from ringfence.errors import RingfenceError
        from ringfence.testing.assertions import failure_text

        if isinstance(excinfo.value, PolicyTestFailure):
            return f"{self.test.place}: {failure_text(excinfo.value.outcome)}"
        if isinstance(excinfo.value, RingfenceError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test is written."""
        # pytest counts lines from 0.
        return self.path, max(self.test.place.line - 1, 0), self.name


class PolicyTestFailure(Exception):
    """A test of a file does not hold."""

    def __init__(self, outcome: "JudgedTest") -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


@pytest.fixture(scope="session")
def ringfence_cluster(pytestconfig: pytest.Config) -> "Cluster":
    """The cluster of `ringfence_manifests`: a copy of its own, so that a test that changes it changes no other."""
    if not _is_configured(pytestconfig):
        pytest.fail(_UNCONFIGURED, pytrace=False)
    return deepcopy(_cluster(pytestconfig))


def _in_kernel(session: pytest.Session) -> "dict[ReachabilityItem, JudgedTest]":
    """The outcomes of all tests of a session, with a column for the kernel: one laboratory is built for all.

    Raises LaboratoryError where there can be none, or where it could test nothing.
    """
    from ringfence.errors import LaboratoryError
    from ringfence.lab.kernel_outcomes import beside_kernel
    from ringfence.testing.outcomes import JudgedTests

    # Building a laboratory takes seconds, and one serves all tests.
    if _IN_KERNEL not in session.stash:
        items = [one for one in session.items if isinstance(one, ReachabilityItem)]
        cluster = _cluster(session.config)
        judged = beside_kernel(cluster, JudgedTests(tuple(cluster.judged([one.test for one in items]))))
        if not judged.is_tested_in_kernel:
            raise LaboratoryError(_NOTHING_TESTED)
        session.stash[_IN_KERNEL] = dict(zip(items, judged.outcomes, strict=True))
    return session.stash[_IN_KERNEL]


def _is_configured(config: pytest.Config) -> bool:
    return bool(_manifests(config) or config.getoption("ringfence_context"))


def _manifests(config: pytest.Config) -> list[str]:
    """The paths of the option, or else those of the configuration, which are relative to the root of the project."""
    given: list[str] = config.getoption("ringfence_manifests")
    return given or [os.path.relpath(config.rootpath / path) for path in config.getini("ringfence_manifests")]


def _cluster(config: pytest.Config) -> "Cluster":
    """The cluster that is tested, read once. Raises ManifestError for an error that may concern a policy."""
    from ringfence.cluster import Cluster
    from ringfence.errors import ManifestError
    from ringfence.model.problems import errors_about_policies

    # In the stash of the session, so that 100 tests do not read the manifests 100 times.
    if _CLUSTER not in config.stash:
        context = config.getoption("ringfence_context")
        cluster = Cluster.live(context) if context else Cluster.load(*_manifests(config))
        # A test must not pass because a policy is missing from the input.
        if errors := errors_about_policies(cluster.problems):
            raise ManifestError("\n".join(map(str, errors)))
        config.stash[_CLUSTER] = cluster
    found: Cluster = config.stash[_CLUSTER]
    return found
