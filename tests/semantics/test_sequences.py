"""A cluster after many changes gives the same answers as a new one with the same objects."""

from benchmarks.allowed_pairs import allowed_pairs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests import strategies
from tests.example_counts import examples
from tests.semantics import naive
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Key, Object, admits, key_of, namespaces, pod, pods, policy, sends, stored
from tests.semantics.test_agreement import assert_right, pairs, ports

from ringfence import Cluster
from ringfence.errors import EndpointError

SERVICE_NAMES = ("s", "u")
service_paths = st.tuples(st.sampled_from(strategies.NAMESPACES), st.sampled_from(SERVICE_NAMES))
target_ports = st.sampled_from([*strategies.PORT_NUMBERS, *strategies.PORT_NAMES])
services = st.builds(
    lambda path, port, target, selector: {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": path[0], "name": path[1]},
        "spec": {
            "selector": selector,
            "ports": [{"name": "main", "port": port, "targetPort": target, "protocol": "TCP"}],
        },
    },
    service_paths,
    st.sampled_from(strategies.PORT_NUMBERS),
    target_ports,
    st.sampled_from([{}, {"app": "1"}, {"app": "2"}, {"tier": "1"}]),
)
slices = st.builds(
    # A stored slice may have addresses of another family than its type, and means the same.
    lambda path, port, addresses: stored(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": path[0],
                "name": f"{path[1]}-1",
                "labels": {"kubernetes.io/service-name": path[1]},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": addresses}],
            "ports": [{"name": "main", "port": port, "protocol": "TCP"}],
        }
    ),
    service_paths,
    st.sampled_from(strategies.PORT_NUMBERS),
    st.lists(st.sampled_from(strategies.OUTSIDE), min_size=1, max_size=2),
)
objects_of_all_kinds = st.one_of(strategies.objects, services, slices)

ANY_KEY = st.tuples(
    st.sampled_from(["Pod", "NetworkPolicy", "Namespace", "Node", "Deployment", "Service", "EndpointSlice"]),
    st.sampled_from(strategies.NAMESPACES),
    st.sampled_from(
        [
            *strategies.POD_NAMES,
            *strategies.POLICY_NAMES,
            *strategies.NAMESPACES,
            *strategies.WORKLOADS,
            *SERVICE_NAMES,
        ]
    ),
)


class Sequences(RuleBasedStateMachine):
    """Objects are added, changed and removed in any order, with questions in between."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.objects: dict[Key, Object] = {}

    @initialize(objects=strategies.clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=objects_of_all_kinds)
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @rule(obj=objects_of_all_kinds)
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

    @invariant()
    def reaches_whom_a_fresh_one_reaches(self) -> None:
        """Asked after every step, so that every cache has been filled before."""
        fresh = cluster_of(self.objects.values())
        assert reached(self.cluster, "TCP", 80) == reached(fresh, "TCP", 80)
        assert allowed_pairs(self.cluster.state, "TCP", 80) == allowed_pairs(fresh.state, "TCP", 80)

    @rule(path=service_paths, port=st.sampled_from(strategies.PORT_NUMBERS))
    def ask_a_service(self, path: tuple[str, str], port: int) -> None:
        fresh, name = cluster_of(self.objects.values()), f"{path[0]}/svc/{path[1]}"
        for source in ends(fresh):
            assert answer(self.cluster, source, name, port) == answer(fresh, source, name, port)

    def teardown(self) -> None:
        fresh, objects = cluster_of(self.objects.values()), list(self.objects.values())
        for source, destination in pairs(objects):
            traffic = self.cluster.can(source, destination).traffic
            assert traffic == fresh.can(source, destination).traffic
            assert_right(objects, source, destination, traffic)
        assert everything(self.cluster) == everything(fresh)


def everything(cluster: Cluster) -> set[str]:
    """All connections as a set."""
    return {repr(connection) for connection in cluster.connections(pods=True)}


def ends(cluster: Cluster) -> list[str]:
    """All pods and workloads of the cluster, with their kind, so that no name is ambiguous."""
    members = (one.reference for one in cluster.state.members())
    return sorted(f"{one.namespace}/{one.kind.lower()}/{one.name}" for one in members)


def reached(cluster: Cluster, protocol: str, port: int) -> dict[str, tuple[set[str], set[str]]]:
    """For every pod, which pods can reach it and which it can reach."""
    return {
        one: (
            {str(pod) for pod in cluster.sources(one, port, protocol)},
            {str(pod) for pod in cluster.destinations(one, port, protocol)},
        )
        for one in ends(cluster)
    }


def answer(cluster: Cluster, source: str, destination: str, port: int) -> object:
    """The answer, or that there is none.

    Why there is none may differ: a namespace exists for a cluster from which all objects in it were removed.
    """
    try:
        verdict = cluster.can(source, destination, port=port)
    except EndpointError:
        return None
    return bool(verdict), verdict.traffic


def test_caches_are_renewed_when_policies_change_that_split_no_identity() -> None:
    """No selector reads a label, so identities stay the same while policies are added, changed and removed."""
    world = [pod("x/a"), pod("x/b"), pod("y/c")]
    steps = [
        policy("x/p", egress=[sends(pods({}))]),
        policy("x/p", egress=[]),
        policy("x/q", egress=[sends()]),
        policy("y/p", ingress=[]),
        policy("y/p", ingress=[admits(namespaces({}))]),
    ]
    cluster, present = cluster_of(world), {key_of(one): one for one in world}
    for step in [*steps, *reversed(steps)]:
        cluster.upsert(step)
        present[key_of(step)] = step
        assert reached(cluster, "TCP", 80) == reached(cluster_of(present.values()), "TCP", 80)
    for key in [key for key in present if key[0] == "NetworkPolicy"]:
        cluster.remove(*key)
        del present[key]
        assert reached(cluster, "TCP", 80) == reached(cluster_of(present.values()), "TCP", 80)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=examples(50), stateful_step_count=20)
