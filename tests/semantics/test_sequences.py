"""A cluster that has come a long way is the same as one that starts with what is left."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests import strategies
from tests.semantics import naive
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Key, Object, key_of
from tests.semantics.test_agreement import assert_right, pairs, ports

from ringfence import Cluster

ANY_KEY = st.tuples(
    st.sampled_from(["Pod", "NetworkPolicy", "Namespace", "Node", "Deployment"]),
    st.sampled_from(strategies.NAMESPACES),
    st.sampled_from([*strategies.POD_NAMES, *strategies.POLICY_NAMES, *strategies.NAMESPACES, *strategies.WORKLOADS]),
)


class Sequences(RuleBasedStateMachine):
    """Objects come, change and go in any order, with questions in between."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.objects: dict[Key, Object] = {}

    @initialize(objects=strategies.clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=strategies.objects)
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @rule(obj=strategies.objects)
    def upsert_twice(self, obj: Object) -> None:
        self.upsert(obj)
        self.upsert(obj)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted({kind for kind, _, _ in self.objects})))
        key = data.draw(st.sampled_from(sorted(key for key in self.objects if key[0] == kind)))
        del self.objects[key]
        self.cluster.remove(*key)

    @rule(key=ANY_KEY)
    def remove_what_may_not_be_there(self, key: Key) -> None:
        kind, namespace, name = key
        self.objects.pop((kind, "" if kind in ("Namespace", "Node") else namespace, name), None)
        self.cluster.remove(*key)

    @rule(asked=ports)
    def ask(self, asked: tuple[str, int]) -> None:
        objects = list(self.objects.values())
        protocol, port = asked
        for source, destination in pairs(objects):
            verdict = self.cluster.can(source, destination, port=port, protocol=protocol)
            assert bool(verdict) is naive.allowed(objects, source, destination, protocol, port), (source, destination)

    def teardown(self) -> None:
        fresh, objects = cluster_of(self.objects.values()), list(self.objects.values())
        for source, destination in pairs(objects):
            traffic = self.cluster.can(source, destination).traffic
            assert traffic == fresh.can(source, destination).traffic
            assert_right(objects, source, destination, traffic)
        assert everything(self.cluster) == everything(fresh)


def everything(cluster: Cluster) -> set[str]:
    """All connections, in an order of no meaning."""
    return {repr(connection) for connection in cluster.connections(pods=True)}


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=20)
