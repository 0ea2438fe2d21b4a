"""Who can reach an endpoint, and what it can reach."""

from collections.abc import Iterable

import pytest
from tests.analysis.test_endpoints import service
from tests.analysis.test_questions import FROM_CLIENT, ONLY_NEW, WORLD
from tests.engine.population.test_workloads import made
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod, policy

from ringfence import RingfenceError
from ringfence.engine.population.pods import Reference
from ringfence.errors import InputError


def names(found: Iterable[object]) -> list[str]:
    return sorted(map(str, found))


def test_who_reaches_a_pod() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.sources("x/new", 8080)) == ["x/client"]
    assert names(cluster.sources("x/new", 80)) == []
    assert names(cluster.sources("x/client", 80)) == ["x/new", "x/old", "x/stranger"]


def test_who_reaches_all_pods_behind_a_service() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.sources("x/svc/web", 80)) == ["x/client"]


def test_what_a_pod_reaches() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.destinations("x/client", 8080)) == ["x/new", "x/stranger"]
    assert names(cluster.destinations("x/stranger", 8080)) == ["x/client"]


def test_what_each_of_several_pods_reaches() -> None:
    cluster = cluster_of([*WORLD, ONLY_NEW])
    assert names(cluster.destinations("x/app=web", 80)) == ["x/client", "x/stranger"]


def test_a_node_reaches_its_pods() -> None:
    objects = [pod("x/h", hostNetwork=True, nodeName="n"), pod("x/a", nodeName="n"), pod("x/b", nodeName="m")]
    cluster = cluster_of([*objects, policy("x/p", ingress=[])])
    assert names(cluster.sources("x/a", 80)) == ["x/h"]
    assert names(cluster.destinations("x/h", 80)) == ["x/a"]


def test_a_set_of_pods_is_a_collection() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    found = cluster.sources("x/client", 80)
    client, old = (cluster.state.member(Reference("x", "Pod", name)) for name in ("client", "old"))
    assert old in found
    assert client not in found
    assert client in cluster.sources("x/old", 80)
    assert len(found) == len(list(found)) == 3
    assert repr(found) == "<3 pods>"


def test_a_set_of_pods_cannot_be_read_after_the_cluster_has_changed() -> None:
    cluster = cluster_of(WORLD)
    found = cluster.sources("x/client", 80)
    cluster.upsert(FROM_CLIENT)
    with pytest.raises(RingfenceError, match="the cluster has changed since this answer: ask again"):
        len(found)


@pytest.mark.parametrize("outside", ["192.0.2.7", "192.0.2.0/24"])
def test_addresses_outside_the_cluster_are_refused(outside: str) -> None:
    cluster = cluster_of(WORLD)
    for question in (cluster.sources, cluster.destinations):
        with pytest.raises(RingfenceError, match=f"{outside} is outside the cluster: name a pod, a workload or a Ser"):
            question(outside, 80)


def test_a_service_that_also_leads_outside_the_cluster_is_refused() -> None:
    bare = service("x/mixed", {}, ports=[{"port": 80}])
    endpoints = [
        {"addresses": ["192.0.2.7"]},
        {"addresses": ["192.0.2.8"], "targetRef": {"kind": "Pod", "name": "new"}},
    ]
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s", "namespace": "x", "labels": {"kubernetes.io/service-name": "mixed"}},
        "endpoints": endpoints,
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    cluster = cluster_of([*WORLD, bare, piece])
    with pytest.raises(RingfenceError, match=r"x/svc/mixed leads to 192\.0\.2\.7, which is outside the cluster"):
        cluster.sources("x/svc/mixed", 80)
    assert cluster.can("x/client", "x/svc/mixed", port=80)


def test_a_workload_stands_for_its_pods() -> None:
    cluster = cluster_of([*WORLD, made(Reference("x", "Deployment", "api"))])
    assert names(cluster.destinations("x/api", 80)) == ["x/client", "x/new", "x/old", "x/stranger"]


@pytest.mark.parametrize("question", ["sources", "destinations"])
@pytest.mark.parametrize(
    ("port", "protocol", "message"),
    [
        (0, "TCP", "0 is not a valid port: use a number from 1 to 65535"),
        (65536, "TCP", "65536 is not a valid port: use a number from 1 to 65535"),
        (80, "tcp", "'tcp' is not a protocol of NetworkPolicies: use TCP, UDP or SCTP"),
    ],
)
def test_a_port_that_does_not_exist_is_refused(question: str, port: int, protocol: str, message: str) -> None:
    cluster = cluster_of([pod("x/a"), pod("x/b")])
    with pytest.raises(InputError) as refusal:
        getattr(cluster, question)("x/a", port, protocol)
    assert str(refusal.value) == message
