"""Judges tests: compares what each expects with the answers of a cluster."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from time import perf_counter
from typing import assert_never

from ringfence.engine.state import State
from ringfence.errors import InputError, UndecidedError
from ringfence.testing.asking import Asking
from ringfence.testing.judging_connections import judge_connection
from ringfence.testing.judging_invariants import judge_no_cross_namespace, judge_no_path
from ringfence.testing.judging_isolation import judge_default_deny, judge_isolation
from ringfence.testing.judging_only_these import judge_only_these
from ringfence.testing.outcomes import Explain, Explanation, Finding, JudgedTest, Status
from ringfence.testing.reachability_tests import (
    Acceptance,
    Connects,
    DefaultDeny,
    IsIsolated,
    NoCrossNamespace,
    NoPath,
    OnlyThese,
    ReachabilityTest,
    Skip,
)


class Judge:
    """Judges tests in one state. The endpoints that tests name are cached until an object changes.

    Policies may be supposed and taken back between two tests (`State.supposing`). With `explain`, an outcome says why.
    Without `with_assumptions`, answers are not searched for assumptions, which takes most of the time: an outcome is
    then right only if there are none. `today` decides which skips have expired.
    """

    def __init__(
        self,
        state: State,
        namespace: str,
        *,
        today: date,
        explain: Explain | None = None,
        with_assumptions: bool = True,
    ) -> None:
        self._asking = Asking(state, namespace)
        self._explain = explain
        self._with_assumptions = with_assumptions
        self._today = today

    def outcome(self, test: ReachabilityTest) -> JudgedTest:
        """The outcome of a test in the state as it is now. The caller applies the changes that the test supposes."""
        if test.skip and self.skips(test):
            return JudgedTest(test, Status.SKIPPED, test.skip.reason)
        start = perf_counter()
        outcome = self._judged(test)
        if test.skip:
            outcome = _expired(outcome, test.skip)
        return _timed(outcome, perf_counter() - start)

    def holds(self, test: ReachabilityTest) -> bool:
        """Whether a test passes. A skipped test holds."""
        return not self.outcome(test).is_bad

    def skips(self, test: ReachabilityTest) -> bool:
        """Whether a test is skipped today."""
        return test.skip is not None and (test.skip.until is None or self._today <= test.skip.until)

    def _judged(self, test: ReachabilityTest) -> JudgedTest:
        try:
            finding = self._find(test)
        except (InputError, UndecidedError) as error:
            return JudgedTest(test, Status.ERROR, str(error))
        # Also if the test would fail: with other facts it could pass, so neither outcome is known.
        if finding.assumptions and Acceptance.ASSUMPTIONS not in test.accepted:
            message = (
                "the answer depends on information that the input lacks; add it, or add accept: assumptions to the test"
            )
            return JudgedTest(test, Status.ERROR, message, None, finding.assumptions)
        if finding.holds:
            return JudgedTest(test, Status.PASSED, assumptions=finding.assumptions)
        return JudgedTest(test, Status.FAILED, finding.message, self._why(finding), finding.assumptions)

    def _why(self, finding: Finding) -> Explanation | None:
        if self._explain is None or finding.question is None:
            return None
        return self._explain(finding.question, finding.is_reversible)

    def _find(self, test: ReachabilityTest) -> Finding:
        asking, with_assumptions = self._asking, self._with_assumptions
        match test.expectation:
            case Connects() as expectation:
                return judge_connection(asking, test, expectation, with_assumptions=with_assumptions)
            case OnlyThese() as expectation:
                return judge_only_these(asking, test, expectation, with_assumptions=with_assumptions)
            case IsIsolated() as expectation:
                return judge_isolation(asking, test, expectation, with_assumptions=with_assumptions)
            case NoPath() as expectation:
                return judge_no_path(asking, test, expectation, with_assumptions=with_assumptions)
            case NoCrossNamespace() as expectation:
                return judge_no_cross_namespace(asking, expectation, with_assumptions=with_assumptions)
            case DefaultDeny() as expectation:
                return judge_default_deny(asking, expectation, with_assumptions=with_assumptions)
        assert_never(test.expectation)


def judged(
    tests: Iterable[ReachabilityTest], judge: Judge, supposing: Callable[[ReachabilityTest], Judge]
) -> Iterator[JudgedTest]:
    """The outcome of each test, in their order.

    `supposing` makes the judge of a test that supposes changes, or raises InputError if they cannot be applied. It is
    called once for consecutive tests with the same changes.
    """
    changes: object = None
    changed_judge = judge
    for test in tests:
        if not test.is_what_if or judge.skips(test):
            yield judge.outcome(test)
            continue
        try:
            # Only the last state is kept. States are large, and files usually have such tests one after another.
            if changes != test.changes:
                changes, changed_judge = test.changes, supposing(test)
        except InputError as error:
            # The next test with the same changes tries again, and gets the same message of its own.
            changes = None
            yield supposed_error(test, str(error))
            continue
        yield changed_judge.outcome(test)


def supposed_error(test: ReachabilityTest, message: str) -> JudgedTest:
    """The outcome of a test whose changes cannot be applied."""
    return JudgedTest(test, Status.ERROR, f"the changes that the test supposes cannot be applied: {message}")


def _expired(outcome: JudgedTest, skip: Skip) -> JudgedTest:
    """The outcome of a test whose skip has expired: a failure, whether the test passes or not."""
    # A skip that has expired must be looked at even if the test passes now, because nobody else would remove it.
    passes = outcome.status is Status.PASSED
    found = "the test passes now: remove skip and until" if passes else f"without it: {outcome.message}"
    message = f"the skip expired after {skip.until} ({skip.reason}); {found}"
    return JudgedTest(outcome.test, Status.FAILED, message, outcome.explanation, outcome.assumptions)


def _timed(outcome: JudgedTest, seconds: float) -> JudgedTest:
    return JudgedTest(outcome.test, outcome.status, outcome.message, outcome.explanation, outcome.assumptions, seconds)
