"""Coverage: which mistakes in policies the tests would notice, and which they would miss.

Each mutant of each policy (`analysis.mutants`) is put in force, and the tests that may say something else about it are
judged again. One that fails notices the mistake. A mutant that means the same as its policy in every cluster that could
be does not count: no test could notice it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from ringfence.analysis.edits import Omissions, weight
from ringfence.analysis.mutants import ChangedSides, EqualMeanings, Mutant, MutatedPart, changed_sides, mutants_of
from ringfence.engine.state import State
from ringfence.testing.judging import Judge
from ringfence.testing.outcomes import Status
from ringfence.testing.reachability_tests import ReachabilityTest
from ringfence.testing.what_tests_ask import TestedPods, pods_asked_about


class Fate(StrEnum):
    """What becomes of a mutant; the value is the word in JSON."""

    NOTICED = "noticed"
    """A test fails."""
    MISSED = "missed"
    """No test fails, though the pods of the input may connect otherwise."""
    UNSEEN = "unseen"
    """No test fails, and nothing changes for the pods of the input: only for pods that do not exist yet."""
    EQUAL = "equal"
    """It means the same in every cluster that could be."""


class TriedMutant(msgspec.Struct, frozen=True, eq=False):
    """A mutant and what has become of it; `by` is the first test that fails, if one does."""

    mutant: Mutant
    fate: Fate
    by: ReachabilityTest | None = None

    @property
    def counts(self) -> bool:
        """Whether a test could notice it."""
        return self.fate is not Fate.EQUAL


class PartCount(msgspec.Struct, frozen=True):
    """How many parts of one kind there are, and of how many the tests would notice every mistake."""

    part: MutatedPart
    tested: int
    total: int


class Coverage(msgspec.Struct, frozen=True):
    """All mutants with what has become of them, in the order of the policies.

    `unjudged` are tests that did not pass, or that suppose changes of their own: they do not count.
    """

    tried: tuple[TriedMutant, ...]
    tests: int
    unjudged: tuple[ReachabilityTest, ...] = ()

    def of(self, *fates: Fate) -> tuple[TriedMutant, ...]:
        """The mutants with some fate."""
        return tuple(one for one in self.tried if one.fate in fates)

    @property
    def percent(self) -> float:
        """How many of the mutants that count are noticed, in percent; 100 if none counts."""
        counted = sum(one.counts for one in self.tried)
        return 100 * len(self.of(Fate.NOTICED)) / counted if counted else 100.0

    def reaches(self, percent: float) -> bool:
        """Whether at least so many percent of the mutants that count are noticed. It is not rounded."""
        counted = sum(one.counts for one in self.tried)
        return 100 * len(self.of(Fate.NOTICED)) >= percent * counted

    def parts(self) -> tuple[PartCount, ...]:
        """How many policies, rules, peers and ports are tested: those of which every mutant that counts is noticed."""
        found = []
        for part in MutatedPart:
            by_part: dict[object, bool] = {}
            for one in self.tried:
                if one.mutant.part is part and one.counts:
                    key = one.mutant.policy, one.mutant.part_path
                    by_part[key] = by_part.get(key, True) and one.fate is Fate.NOTICED
            found.append(PartCount(part, sum(by_part.values()), len(by_part)))
        return tuple(found)


def measure_coverage(state: State, namespace: str, tests: Iterable[ReachabilityTest], *, today: date) -> Coverage:
    """The coverage of the policies of a state by some tests. Afterwards, the state is as before."""
    judge = Judge(state, namespace, today=today)
    counted: list[ReachabilityTest] = []
    unjudged: list[ReachabilityTest] = []
    for test in tests:
        passes = not test.is_what_if and judge.outcome(test).status is Status.PASSED
        (counted if passes else unjudged).append(test)
    bench = _Bench(state, namespace, counted, today)
    return Coverage(tuple(bench.tried()), len(counted), tuple(unjudged))


class _Bench:
    """Tries the mutants of a state's policies, one after another."""

    def __init__(self, state: State, namespace: str, tests: Sequence[ReachabilityTest], today: date) -> None:
        self._state = state
        self._policies = list(state.tiers.policies())
        self._equal = EqualMeanings(self._policies)
        # Tests that pass without an assumption are judged: to look for assumptions again would take most of the time.
        self._judge = Judge(state, namespace, today=today, thoroughly=False)
        self._tests = [(test, pods_asked_about(state, namespace, test)) for test in tests]
        self._tests = [(test, pods) for test, pods in self._tests if self._judge.holds(test)]

    def tried(self) -> Iterator[TriedMutant]:
        for policy in self._policies:
            for mutant in mutants_of(policy):
                yield self._try(mutant)

    def _try(self, mutant: Mutant) -> TriedMutant:
        if self._equal.is_equal(mutant):
            return TriedMutant(mutant, Fate.EQUAL)
        with changed_sides(self._state, mutant) as changed:
            for number, (test, pods) in enumerate(self._tests):
                if _may_fail(pods, mutant, changed) and not self._judge.holds(test):
                    # Who has noticed one mutant of a policy often notices the next one, too.
                    self._tests.insert(0, self._tests.pop(number))
                    return TriedMutant(mutant, Fate.NOTICED, test)
        return TriedMutant(mutant, Fate.MISSED if changed and self._changes_something(mutant) else Fate.UNSEEN)

    def _changes_something(self, mutant: Mutant) -> bool:
        """Whether any pod of the input may connect otherwise: what one side changes, the other may deny anyway."""
        if mutant.after is not None:
            return weight(self._state, [mutant.after], (), 0) != 0
        policy = mutant.policy.policy
        with self._state.telling_apart([policy]):
            return not Omissions(self._state).change_nothing(policy, None)


def _may_fail(pods: TestedPods, mutant: Mutant, changed: ChangedSides) -> bool:
    """Whether a test that has passed may fail with a mutant in force."""
    if pods.is_about_possible_pods:
        return True
    if pods.is_about_isolation:
        return mutant.may_change_isolation and changed.may_give_reasons(pods.destinations)
    if pods.asks_for_reasons and changed.may_give_reasons(pods.both):
        return True
    return changed.may_concern(pods.sources, pods.destinations, addresses=pods.has_addresses)
