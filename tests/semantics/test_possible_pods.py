"""The universe of possible pods: the engine and the naive evaluator agree about each, once it is put into the world."""

from hypothesis import given
from hypothesis import strategies as st
from tests.possible_pods import NAME, may_receive, may_send, possible_pods, with_pod, worlds
from tests.semantics.judges import cluster_of
from tests.semantics.objects import NAME_LABEL, Object, container_port, namespace, pod


def test_the_universe_has_every_assignment_in_every_namespace() -> None:
    listed = list(possible_pods([namespace("x", team="a"), pod("y/a")]))
    assert len(listed) == (2 + 4) * 4**3, "three values and absence of each key, two namespaces, and four to come"
    assert {one.namespace_labels[NAME_LABEL] for one in listed} == {"x", "y", "new"}
    assert {"kubernetes.io/metadata.name": "x", "team": "a"} in [one.namespace_labels for one in listed]


@given(worlds(), st.data())
def test_the_engine_judges_a_pod_that_has_come_by_the_letter(world: list[Object], data: st.DataObject) -> None:
    possible = data.draw(st.sampled_from(list(possible_pods(world))))
    existing = next(f"{one['metadata']['namespace']}/a" for one in world if one["kind"] == "Pod")
    cluster = cluster_of(with_pod(world, possible, ports=[container_port("http", 80)]))
    come = f"{possible.namespace}/{NAME}"
    for number in (80, 81, 90):
        assert bool(cluster.can(come, existing, port=number)) is may_send(world, possible, existing, "TCP", number)
    assert bool(cluster.can(existing, come, port=80)) is may_receive(
        world, possible, existing, "TCP", 80, names=["http"]
    )
