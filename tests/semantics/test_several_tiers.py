"""Several tiers: artificial kinds before and after NetworkPolicy; the engine agrees with the naive evaluator.

The artificial kinds (`tests.engine.policies.artificial_tier`) allow, deny and pass by priority, and their peers and
ports are those of NetworkPolicies, so this holds for any later kind.
"""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from tests import strategies
from tests.engine.policies.artificial_tier import BACK, FRONT, tier_policies, tiered_cluster_of
from tests.engine.policies.artificial_tier import tiered_clusters as clusters
from tests.example_counts import examples
from tests.semantics.objects import Object
from tests.semantics.test_agreement import assert_reach, assert_traffic, assert_verdicts, ports
from tests.semantics.tiered_sequences import TieredSequences

from ringfence import Cluster


@given(clusters())
def test_the_traffic_of_every_pair(objects: list[Object]) -> None:
    assert_traffic(tiered_cluster_of(objects), objects)


@given(clusters(), ports)
def test_the_verdict_on_one_port(objects: list[Object], asked: tuple[str, int]) -> None:
    assert_verdicts(tiered_cluster_of(objects), objects, asked)


@given(clusters(), ports)
def test_who_reaches_a_pod_and_whom_it_reaches(objects: list[Object], asked: tuple[str, int]) -> None:
    assert_reach(tiered_cluster_of(objects), objects, asked)


class Sequences(TieredSequences):
    """Policies are added and removed, priorities and labels change, with questions in between."""

    def cluster_of(self, objects: Iterable[Object]) -> Cluster:
        return tiered_cluster_of(objects)

    @initialize(objects=clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.put(obj)

    @rule(obj=st.one_of(tier_policies, strategies.objects))
    def upsert(self, obj: Object) -> None:
        self.put(obj)

    @rule(kind=st.sampled_from([FRONT, BACK]))
    def remove_what_may_not_be_there(self, kind: str) -> None:
        self.objects.pop((kind, "default", "a"), None)
        self.cluster.remove(kind, "", "a")


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=examples(50), stateful_step_count=20)
