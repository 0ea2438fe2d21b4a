"""The administrators' policies, before and after NetworkPolicies: the engine agrees with the naive evaluator."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis.stateful import initialize, rule
from tests import cluster_policy_strategies
from tests.cluster_policy_strategies import clusters
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object
from tests.semantics.test_agreement import assert_reach, assert_traffic, assert_verdicts, ports
from tests.semantics.tiered_sequences import TieredSequences

from ringfence import Cluster


@given(clusters())
def test_the_traffic_of_every_pair(objects: list[Object]) -> None:
    assert_traffic(cluster_of(objects), objects)


@given(clusters(), ports)
def test_the_verdict_on_one_port(objects: list[Object], asked: tuple[str, int]) -> None:
    assert_verdicts(cluster_of(objects), objects, asked)


@given(clusters(), ports)
def test_who_reaches_a_pod_and_whom_it_reaches(objects: list[Object], asked: tuple[str, int]) -> None:
    assert_reach(cluster_of(objects), objects, asked)


class Sequences(TieredSequences):
    """Policies come and go, priorities, tiers, labels and nodes change, with questions in between."""

    def cluster_of(self, objects: Iterable[Object]) -> Cluster:
        return cluster_of(objects)

    @initialize(objects=clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.put(obj)

    @rule(obj=cluster_policy_strategies.objects)
    def upsert(self, obj: Object) -> None:
        self.put(obj)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=examples(50), stateful_step_count=20)
