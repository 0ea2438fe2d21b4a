"""Filters of lists, against the list of all connections, filtered by hand."""

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.population.test_workloads import made, owned_pod
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, container_port, labelled, namespace, pod, pods, policy, port

from ringfence.analysis.lists.connections import Connection
from ringfence.engine.population import Reference
from ringfence.errors import EndpointError, InputError
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

SET = Reference("x", "StatefulSet", "db")
DBS = [made(SET), owned_pod("x/db-0", SET, app="db"), owned_pod("x/db-1", SET, app="db")]
WORLD = [*DBS, pod("x/web", labels={"app": "web"}), pod("y/api", labels={"app": "api"}), namespace("x"), namespace("y")]
TCP_80 = Traffic.of("TCP", ((80, 80),))


def lines(objects: list[Object], **wanted: object) -> list[str]:
    return list(map(str, cluster_of(objects).connections(**wanted)))  # type: ignore[arg-type]


def test_from_and_to_endpoints() -> None:
    assert lines(WORLD, sources=["x/web"], destinations=["y/api", "x/sts/db"]) == [
        "x/web -> x/StatefulSet/db: all traffic",
        "x/web -> y/api: all traffic",
    ]


def test_one_pod_of_a_workload_is_listed_by_its_own_name() -> None:
    assert lines(WORLD, sources=["x/db-0"], destinations=["x/web"]) == ["x/db-0 -> x/web: all traffic"]


def test_an_endpoint_outside_the_cluster_cuts_the_addresses() -> None:
    assert lines(WORLD, sources=["203.0.113.0/24"], destinations=["y/api"]) == ["203.0.113.0/24 -> y/api: all traffic"]


def test_without_endpoints_on_one_side_everything_is_there() -> None:
    assert lines(WORLD, sources=["y/api"]) == [
        "y/api -> x/web: all traffic",
        "y/api -> x/StatefulSet/db: all traffic",
        "y/api -> any address: all traffic",
    ]


def test_only_the_ports_that_are_asked_for() -> None:
    closed = policy("x/p", labelled(app="web"), ingress=[admits(pods({}), ports=[port(80)])])
    assert lines([*WORLD, closed], destinations=["x/web"], port=[80, 443], sources=["x/sts/db", "y/api"]) == [
        "x/StatefulSet/db -> x/web: TCP 80"
    ]


def test_a_port_name_is_that_of_each_destination() -> None:
    one = pod("x/a", ports=[container_port("http", 8080)])
    other = pod("x/b", ports=[container_port("http", 80)])
    assert lines([one, other, pod("x/c")], sources=["x/c"], port="http") == [
        "x/c -> x/a: TCP 8080",
        "x/c -> x/b: TCP 80",
    ]


def test_a_service_stands_for_its_target_ports() -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    web = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "x"}, "spec": spec}
    assert lines([*WORLD, web], sources=["y/api"], destinations=["x/svc/web"]) == ["y/api -> x/web: TCP 8080"]


def test_a_part_of_the_cluster_is_about_either_end() -> None:
    inside = lines(WORLD, namespace="y")
    assert inside == [
        "x/web -> y/api: all traffic",
        "x/StatefulSet/db -> y/api: all traffic",
        "y/api -> x/web: all traffic",
        "y/api -> x/StatefulSet/db: all traffic",
        "y/api -> any address: all traffic",
        "any address -> y/api: all traffic",
    ]
    assert lines(WORLD, selector="app in (api)") == inside


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"sources": ["x/nobody"]}, "x/nobody: there is no pod or workload nobody in namespace x"),
        ({"selector": "a b"}, "-l a b: "),
        ({"by": "node"}, "'node' is not a way to list connections: use namespace, workload or pod"),
        ({"port": "metrics"}, "has no port called metrics"),
        ({"sources": ["pod:x/app=new"]}, "pod:x/app=new does not exist, and lists contain existing pods only"),
    ],
)
def test_what_names_nothing_is_an_error(wanted: dict[str, object], message: str) -> None:
    with pytest.raises((EndpointError, InputError), match=message.replace("(", r"\(")):
        lines(WORLD, **wanted)


members = st.lists(st.sampled_from(sorted(strategies.POD_ADDRESSES)), min_size=1, max_size=3, unique=True)
outside = st.sampled_from(["192.0.2.0/24", "203.0.113.0/24", "2001:db8::/32"])
"""Blocks without pods and nodes: pods in a block are listed as such."""


@settings(max_examples=examples(25))
@given(strategies.clusters(), members, members, outside, st.sampled_from([None, 80, "53/UDP", "all"]))
def test_a_filtered_list_is_the_part_of_the_whole_list(
    objects: list[Object], sources: list[str], destinations: list[str], cidr: str, port: int | str | None
) -> None:
    cluster = cluster_of(objects)
    known = {str(member) for member in cluster.state.members()}
    sources, destinations = ([*(one for one in side if one in known), cidr] for side in (sources, destinations))
    asked: Traffic | None = {80: TCP_80, "53/UDP": Traffic.of("UDP", ((53, 53),))}.get(port)
    found = cluster.connections(pods=True, sources=sources, destinations=destinations, port=port)
    assert set(found) == {
        part
        for one in cluster.connections(pods=True)
        if (part := cut(one, sources, destinations, Addresses.of(ip_network(cidr)), asked))
    }


def cut(
    one: Connection, sources: list[str], destinations: list[str], addresses: Addresses, asked: Traffic | None
) -> Connection | None:
    source = part_of(one.source, sources, addresses)
    destination = part_of(one.destination, destinations, addresses)
    traffic = one.traffic if asked is None else one.traffic & asked
    return Connection(source, destination, traffic) if source and destination and traffic else None


def part_of(end: Reference | Addresses, wanted: list[str], addresses: Addresses) -> Reference | Addresses | None:
    if isinstance(end, Reference):
        return end if str(end) in wanted else None
    return (end & addresses) or None
