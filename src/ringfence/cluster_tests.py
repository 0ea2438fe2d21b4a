"""The part of the Python API about tests: their outcomes, the mistakes that they would notice, and recording them."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from datetime import date
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from ringfence.analysis.endpoints import PortArgument, asked_ports
from ringfence.argument_checks import checked_path, checked_patterns
from ringfence.cluster_input import ClusterInput
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.model.problems import errors_about_policies
from ringfence.verdict import explanation_of

if TYPE_CHECKING:
    from ringfence.testing.coverage import Coverage
    from ringfence.testing.judging import Judge
    from ringfence.testing.outcomes import JudgedTest, JudgedTests
    from ringfence.testing.reachability_tests import ReachabilityTest


class ClusterUnderTest(ClusterInput):
    """A cluster that judges tests. What they mean is in `ringfence.testing`."""

    def test(
        self, *paths: str | PathLike[str], exclude: Sequence[str] = (), today: date | None = None
    ) -> "JudgedTests":
        """What this cluster says about the tests in files and folders: true if all of them hold.

        Folders are searched with the folders in them. `today` decides which skips have ended; by default the present
        day. Raises ManifestError for a path that does not exist, and InputError if there is no test.
        """
        from ringfence.testing.finding import find_tests
        from ringfence.testing.outcomes import JudgedTests

        found = find_tests([checked_path(path) for path in paths], exclude=checked_patterns(exclude))
        return JudgedTests(tuple(self.judged(found.tests, today=today)), found.problems)

    def coverage(
        self, *paths: str | PathLike[str], exclude: Sequence[str] = (), today: date | None = None
    ) -> "Coverage":
        """Which mistakes in the policies the tests in files and folders would notice, and which they would miss.

        Paths are as in `test`. Raises InputError also if something is wrong in a test file: it could not count.
        """
        from ringfence.testing.finding import find_tests

        found = find_tests([checked_path(path) for path in paths], exclude=checked_patterns(exclude))
        if found.problems:
            raise InputError("\n".join(map(str, found.problems)))
        return self.coverage_by(found.tests, today=today)

    def coverage_by(self, tests: Iterable["ReachabilityTest"], *, today: date | None = None) -> "Coverage":
        """Which mistakes in the policies these tests would notice: as `coverage`, for tests that have been read."""
        from ringfence.testing.coverage import measure_coverage

        def supposing(test: "ReachabilityTest") -> State:
            return self.supposed_by(test).state

        now = today or date.today()
        return measure_coverage(self.state, self.namespace, tests, today=now, supposing=supposing)

    def recorded_tests(
        self, source: str, destination: str, *, port: PortArgument = None, protocol: str | None = None
    ) -> list[dict[str, Any]]:
        """Tests of what is allowed today, for each pair of workloads that two endpoints name, as in a test file.

        Raises EndpointError for an endpoint that matches nothing, and InputError for more than 1,000 pairs.
        """
        from ringfence.testing.asking import Asking
        from ringfence.testing.recording import record_tests

        ports, asking = asked_ports(port, protocol), Asking(self.state, self.namespace)
        return list(record_tests(asking, source, destination, ports, str(port or "all")))

    def judged(self, tests: Iterable["ReachabilityTest"], *, today: date | None = None) -> Iterator["JudgedTest"]:
        """The outcome of each test, in the order of `tests`, one by one as they are judged.

        A test that supposes changes is judged in a copy of this cluster.
        """
        from ringfence.testing.judging import judged

        now = today or date.today()
        return judged(tests, self._judge(now), lambda test: self.supposed_by(test)._judge(now, self.namespace))

    def _judge(self, today: date, namespace: str = "") -> "Judge":
        from ringfence.testing.judging import Judge

        explain = partial(explanation_of, self.state)
        return Judge(self.state, namespace or self.namespace, today=today, explain=explain)

    def supposed_by(self, test: "ReachabilityTest") -> Self:
        """A copy of this cluster, with what a test supposes. Raises InputError for an error in that."""
        # A copy, because a test may replace pods and namespaces, too, which cannot be supposed and taken back.
        copied = deepcopy(self)
        # Only errors in what the test supposes are reported for it. Those of the input have been reported.
        copied.problems = []
        copied.namespace = test.namespace or self.namespace
        for policy in test.without:
            copied.leave_out(policy)
        if test.after:
            copied.suppose(*test.after)
        if errors := errors_about_policies(copied.problems):
            raise InputError("; ".join(map(str, errors)))
        return copied
