"""Each change of a population reaches every reader once."""

from tests.engine.members import member

from ringfence.engine.population.changes import ChangeRecord, ChangeRecords
from ringfence.engine.population.facts import LabelIn
from ringfence.engine.population.identities import Identity
from ringfence.engine.population.pods import Member
from ringfence.engine.population.population import Population

A, B = member("x/a", {"app": "1"}), member("x/b", {"app": "2"})
APP_1 = LabelIn("app", frozenset({"1"}))


class TestRecords:
    def test_a_record_starts_with_the_pods_that_are_there(self) -> None:
        assert ChangeRecords().start([A, B]).take() == ({A, B}, set())

    def test_a_change_is_taken_once(self) -> None:
        records = ChangeRecords()
        record = records.start([])
        records.note(pods=[A])
        assert record.take() == ({A}, set())
        assert record.take() == (set(), set())

    def test_every_reader_gets_every_change(self) -> None:
        records = ChangeRecords()
        first, second = records.start([]), records.start([])
        records.note(pods=[A])
        assert first.take() == ({A}, set())
        records.note(pods=[B])
        assert second.take() == ({A, B}, set())
        assert first.take() == ({B}, set())

    def test_a_record_that_no_reader_holds_is_dropped(self) -> None:
        records = ChangeRecords()
        dropped, kept = records.start([]), records.start([])
        del dropped
        records.note(pods=[A])
        assert kept.take() == ({A}, set())


class TestOfAPopulation:
    def start(self, *pods: Member) -> tuple[Population, ChangeRecord]:
        population = Population()
        for pod in pods:
            population.add(pod)
        return population, population.record_changes()

    def test_pods_that_are_there_are_changes_for_a_new_reader(self) -> None:
        population, record = self.start(A, B)
        assert population.take_changes(record) == ({A, B}, set())

    def test_pods_that_are_added_and_removed(self) -> None:
        population, record = self.start(A)
        population.take_changes(record)
        population.add(B)
        assert population.take_changes(record) == ({B}, set())
        population.discard(A)
        assert population.take_changes(record) == ({A}, set())

    def test_a_pod_that_is_added_and_removed_at_once_never_was(self) -> None:
        population, record = self.start()
        population.add(A)
        population.discard(A)
        assert population.take_changes(record) == (set(), set())

    def test_a_fact_that_tells_pods_apart_moves_the_smaller_part_and_changes_nothing_else(self) -> None:
        more = [member("x/c", {"app": "3"}), member("x/d", {"app": "4"})]
        population, record = self.start(A, B, *more)
        population.take_changes(record)
        population.start_reading([APP_1])
        assert population.take_changes(record) == ({A}, set())

    def test_an_identity_whose_facts_change_is_named_and_its_pods_are_not(self) -> None:
        population, record = self.start(A)
        population.take_changes(record)
        identity: Identity = population.identity_of(A)
        population.start_reading([APP_1])
        assert population.take_changes(record) == (set(), {identity})
