"""Coverage: which mistakes in policies the tests would notice, and which they would miss.

Each mutant of each policy (`analysis.mutants`) is put in force, and the tests whose outcome it may change are judged
again. If one fails, the mistake is noticed. A mutant that means the same as its policy in every possible cluster does
not count: no test of the policies could notice it. A test that supposes changes is judged with these changes and the
mutant; it cannot notice a mistake in a policy that it leaves out or replaces.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from ringfence.analysis.edits import Omissions, weight
from ringfence.analysis.mutants import ChangedSides, EqualMeanings, Mutant, MutatedPart, changed_sides, mutants_of
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.testing.judging import Judge
from ringfence.testing.outcomes import Status
from ringfence.testing.reachability_tests import ReachabilityTest
from ringfence.testing.what_tests_ask import TestedPods, pods_asked_about


class Fate(StrEnum):
    """The result for a mutant; the value is the word in JSON."""

    NOTICED = "noticed"
    """A test fails."""
    MISSED = "missed"
    """No test fails, though the pods of the input may connect otherwise."""
    UNSEEN = "unseen"
    """No test fails, and nothing changes for the pods of the input: only for pods that do not exist yet."""
    EQUAL = "equal"
    """It means the same in every possible cluster."""


class TriedMutant(msgspec.Struct, frozen=True, eq=False):
    """A mutant and its result; `by` is the first test that fails, if one does."""

    mutant: Mutant
    fate: Fate
    by: ReachabilityTest | None = None

    @property
    def counts(self) -> bool:
        """Whether a test could notice it."""
        return self.fate is not Fate.EQUAL


class PartCount(msgspec.Struct, frozen=True):
    """The number of parts of one kind, and the number of those in which the tests would notice every mistake."""

    part: MutatedPart
    tested: int
    total: int


class Coverage(msgspec.Struct, frozen=True):
    """The results for all mutants, in the order of the policies.

    `unjudged` are tests that did not pass, or whose changes cannot be applied: they do not count.
    """

    tried: tuple[TriedMutant, ...]
    tests: int
    unjudged: tuple[ReachabilityTest, ...] = ()

    def of(self, *fates: Fate) -> tuple[TriedMutant, ...]:
        """The mutants with one of some results."""
        return tuple(one for one in self.tried if one.fate in fates)

    @property
    def percent(self) -> float:
        """The percentage of the mutants that count which are noticed; 100 if none counts."""
        counted = sum(one.counts for one in self.tried)
        return 100 * len(self.of(Fate.NOTICED)) / counted if counted else 100.0

    def reaches(self, percent: float) -> bool:
        """Whether at least this percentage of the mutants that count is noticed, without rounding."""
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
                    # One mistake that would be missed is enough: then the part is not tested, however many others would
                    # be noticed.
                    by_part[key] = by_part.get(key, True) and one.fate is Fate.NOTICED
            found.append(PartCount(part, sum(by_part.values()), len(by_part)))
        return tuple(found)


Suppose = Callable[[ReachabilityTest], State]
"""Makes the state with what a test supposes; raises InputError if that cannot be."""


def measure_coverage(
    state: State, namespace: str, tests: Iterable[ReachabilityTest], *, today: date, supposing: Suppose
) -> Coverage:
    """The coverage of the policies of a state by some tests. Afterwards, the state is as before.

    `supposing` is called once for all tests with the same changes, and only one of its states is held at a time.
    """
    # Grouped, because making a state with the supposed changes takes much longer than judging tests in it.
    of_changes: dict[object, dict[int, ReachabilityTest]] = {}
    every = list(tests)
    for number, test in enumerate(every):
        of_changes.setdefault(test.changes if test.is_what_if else None, {})[number] = test
    passing, plain = _passing(state, namespace, of_changes.pop(None, {}), today)
    tried = list(_MutantTester(state, namespace, plain, today).tried())
    for some in of_changes.values():
        try:
            supposed = supposing(next(iter(some.values())))
        except InputError:
            continue
        numbers, supposing_tests = _passing(supposed, namespace, some, today)
        passing |= numbers
        tester = _MutantTester(supposed, namespace, supposing_tests, today)
        # One test that notices a mistake is enough, so only what was missed so far is tried again.
        tried = [one if one.fate is Fate.NOTICED else tester.tried_again(one) for one in tried]
    return Coverage(tuple(tried), len(passing), tuple(one for i, one in enumerate(every) if i not in passing))


def _passing(
    state: State, namespace: str, tests: Mapping[int, ReachabilityTest], today: date
) -> tuple[set[int], list[ReachabilityTest]]:
    """The numbers of the tests that pass, and these tests."""
    judge = Judge(state, namespace, today=today)
    passing = {number: test for number, test in tests.items() if judge.outcome(test).status is Status.PASSED}
    return set(passing), list(passing.values())


class _MutantTester:
    """Tries the mutants of a state's policies, one after another."""

    def __init__(self, state: State, namespace: str, tests: Sequence[ReachabilityTest], today: date) -> None:
        self._state = state
        # Only tests that pass without an assumption are used. Searching for assumptions again, for each mutant, would
        # take most of the time.
        self._judge = Judge(state, namespace, today=today, with_assumptions=False)
        self._tests = [(test, pods_asked_about(state, namespace, test)) for test in tests]
        self._tests = [(test, pods) for test, pods in self._tests if self._judge.holds(test)]

    def tried(self) -> Iterator[TriedMutant]:
        """All mutants of the policies of the state."""
        policies = list(self._state.tiers.policies())
        equal = EqualMeanings(policies)
        for policy in policies:
            for mutant in mutants_of(policy):
                yield TriedMutant(mutant, Fate.EQUAL) if equal.is_equal(mutant) else self._try(mutant)

    def tried_again(self, one: TriedMutant) -> TriedMutant:
        """The result in this state for a mutant that no test has noticed in another state.

        A mutant that changes nothing beside the policies there may be noticed here, where policies are left out.
        """
        present = self._state.policies.present(one.mutant.policy.policy)
        # Where the policy is left out or replaced, its mutant says nothing about what the test is for.
        if not self._tests or present is None or present.policy != one.mutant.policy.policy:
            return one
        test, _ = self._first_failing(one.mutant)
        return TriedMutant(one.mutant, Fate.NOTICED, test) if test else one

    def _try(self, mutant: Mutant) -> TriedMutant:
        test, changed = self._first_failing(mutant)
        if test:
            return TriedMutant(mutant, Fate.NOTICED, test)
        return TriedMutant(mutant, Fate.MISSED if changed and self._changes_something(mutant) else Fate.UNSEEN)

    def _first_failing(self, mutant: Mutant) -> tuple[ReachabilityTest | None, ChangedSides]:
        """A test that fails with a mutant in force, if one does, and what the mutant changes."""
        with changed_sides(self._state, mutant) as changed:
            for number, (test, pods) in enumerate(self._tests):
                # Most mutants concern few pods. To rule tests out first is what makes coverage of large clusters
                # possible.
                if _may_fail(pods, mutant, changed) and not self._judge.holds(test):
                    # A test that notices one mutant of a policy often notices the next one: try it first.
                    self._tests.insert(0, self._tests.pop(number))
                    return test, changed
        return None, changed

    def _changes_something(self, mutant: Mutant) -> bool:
        """Whether a mutant changes any connection of the input: what one side allows, the other may still deny."""
        # With the limit 0, the weight is found as soon as anything changes, without counting the rest.
        if mutant.after is not None:
            return weight(self._state, [mutant.after], (), 0) != 0
        policy = mutant.policy.policy
        with self._state.policies.telling_apart([policy]):
            return not Omissions(self._state).change_nothing(policy, None)


def _may_fail(pods: TestedPods, mutant: Mutant, changed: ChangedSides) -> bool:
    """Whether a test that has passed may fail with a mutant in force."""
    # What a mutant changes is known for existing pods only, so such a test is always judged.
    if pods.is_about_possible_pods:
        return True
    if pods.is_about_isolation:
        return mutant.may_change_isolation and changed.may_give_reasons(pods.destinations)
    if pods.asks_for_reasons and changed.may_give_reasons(pods.both):
        return True
    return changed.may_concern(pods.sources, pods.destinations, addresses=pods.has_addresses)
