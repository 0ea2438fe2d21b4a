"""The administrators' policies, before and after NetworkPolicies: the engine agrees with the naive evaluator."""

from benchmarks.allowed_pairs import allowed_pairs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests import cluster_policy_strategies
from tests.cluster_policy_strategies import clusters
from tests.semantics import naive
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Key, Object, key_of
from tests.semantics.test_agreement import assert_right, pairs, pod_names, ports, short
from tests.semantics.test_sequences import everything, reached

from ringfence import Cluster


@given(clusters())
def test_the_traffic_of_every_pair(objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    for source, destination in pairs(objects):
        assert_right(objects, source, destination, cluster.can(source, destination).traffic)


@given(clusters(), ports)
def test_the_verdict_on_one_port(objects: list[Object], asked: tuple[str, int]) -> None:
    cluster = cluster_of(objects)
    protocol, port = asked
    for source, destination in pairs(objects):
        verdict = cluster.can(source, destination, port=port, protocol=protocol)
        assert bool(verdict) is naive.allowed(objects, source, destination, protocol, port), (source, destination)


@given(clusters(), ports)
def test_who_reaches_a_pod_and_whom_it_reaches(objects: list[Object], asked: tuple[str, int]) -> None:
    cluster, names = cluster_of(objects), pod_names(objects)
    protocol, port = asked
    for one in names:
        others = [name for name in names if name != one or naive.is_several(objects, one)]
        assert {short(pod.reference) for pod in cluster.sources(one, port, protocol)} == {
            other for other in others if naive.allowed(objects, other, one, protocol, port)
        }
        assert {short(pod.reference) for pod in cluster.destinations(one, port, protocol)} == {
            other for other in others if naive.allowed(objects, one, other, protocol, port)
        }


class Sequences(RuleBasedStateMachine):
    """Policies come and go, priorities, tiers, labels and nodes change, with questions in between."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.objects: dict[Key, Object] = {}

    @initialize(objects=clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=cluster_policy_strategies.objects)
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted({kind for kind, _, _ in self.objects})))
        key = data.draw(st.sampled_from(sorted(key for key in self.objects if key[0] == kind)))
        del self.objects[key]
        self.cluster.remove(*key)

    @rule(asked=ports)
    def ask(self, asked: tuple[str, int]) -> None:
        objects = list(self.objects.values())
        protocol, port = asked
        for source, destination in pairs(objects):
            verdict = self.cluster.can(source, destination, port=port, protocol=protocol)
            assert bool(verdict) is naive.allowed(objects, source, destination, protocol, port), (source, destination)

    @invariant()
    def reaches_whom_a_fresh_one_reaches(self) -> None:
        """Asked after every step, so that every cache has been filled before."""
        fresh = cluster_of(self.objects.values())
        assert reached(self.cluster, "TCP", 80) == reached(fresh, "TCP", 80)
        assert allowed_pairs(self.cluster.state, "TCP", 80) == allowed_pairs(fresh.state, "TCP", 80)

    def teardown(self) -> None:
        fresh, objects = cluster_of(self.objects.values()), list(self.objects.values())
        for source, destination in pairs(objects):
            traffic = self.cluster.can(source, destination).traffic
            assert traffic == fresh.can(source, destination).traffic
            assert_right(objects, source, destination, traffic)
        assert everything(self.cluster) == everything(fresh)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=20)
