"""Changes of policies in several tiers, with questions in between: the engine agrees with the naive evaluator."""

from collections.abc import Iterable

from benchmarks.allowed_pairs import allowed_pairs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.semantics.objects import Key, Object, key_of
from tests.semantics.test_agreement import assert_traffic, assert_verdicts, ports
from tests.semantics.test_sequences import everything, reached

from ringfence import Cluster


class TieredSequences(RuleBasedStateMachine):
    """Subclasses define the clusters, and the objects that are added."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = self.cluster_of(())
        self.objects: dict[Key, Object] = {}

    def cluster_of(self, objects: Iterable[Object]) -> Cluster:
        """A new cluster of these objects."""
        raise NotImplementedError

    def put(self, obj: Object) -> None:
        """Add an object, or replace the one with its kind and name."""
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
        assert_verdicts(self.cluster, list(self.objects.values()), asked)

    @invariant()
    def reaches_whom_a_fresh_one_reaches(self) -> None:
        """Asked after every step, so that every cache has been filled before."""
        fresh = self.cluster_of(self.objects.values())
        assert reached(self.cluster, "TCP", 80) == reached(fresh, "TCP", 80)
        assert allowed_pairs(self.cluster.state, "TCP", 80) == allowed_pairs(fresh.state, "TCP", 80)

    def teardown(self) -> None:
        assert_traffic(self.cluster, list(self.objects.values()))
        assert everything(self.cluster) == everything(self.cluster_of(self.objects.values()))
