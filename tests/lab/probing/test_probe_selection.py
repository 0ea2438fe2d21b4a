"""The probes that a user selects."""

from ipaddress import ip_address

import pytest
from tests.lab.clusters import HTTP, service
from tests.lab.network.test_placement import placed
from tests.semantics.objects import Object, node, pod, workload

from ringfence.errors import EndpointError
from ringfence.lab.network.planning import plan_topology
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork
from ringfence.lab.network.topology import LabPort
from ringfence.lab.probing.probe_selection import EndpointResolver, select_probes
from ringfence.lab.probing.probes import endpoint_name

A, B = pod("x/a", {"app": "a"}, ports=HTTP), pod("x/b", {"app": "b"}, ports=HTTP)


def resolver(*objects: Object, namespace: str = "default") -> EndpointResolver:
    cluster, _ = placed(*objects)
    return EndpointResolver(cluster.state, plan_topology(cluster.state), namespace)


def selected(source: str, destination: str, *ports: LabPort) -> list[str]:
    lead = service("x/s", {"app": "b"})
    found = select_probes(resolver(A, B, lead), source, destination, ports)
    return [f"{endpoint_name(one.source)} -> {endpoint_name(one.destination)} {one.port}" for one in found]


def test_without_ports_the_destinations_own_ones_and_one_more_are_probed() -> None:
    assert selected("x/a", "x/b") == ["x/a -> x/b 8080/TCP", "x/a -> x/b 9999/TCP"]


def test_given_ports_are_probed() -> None:
    assert selected("x/a", "x/b", LabPort(1), LabPort(2, "UDP")) == ["x/a -> x/b 1/TCP", "x/a -> x/b 2/UDP"]


def test_a_service_means_the_pods_and_target_ports_behind_it() -> None:
    assert selected("x/a", "x/svc/s", LabPort(80)) == ["x/a -> x/b 8080/TCP"]
    assert selected("x/a", "x/svc/s") == ["x/a -> x/b 8080/TCP"]


def test_every_pod_that_an_endpoint_names_takes_part_but_not_with_itself() -> None:
    assert selected("x/*", "x/*", LabPort(1)) == ["x/b -> x/a 1/TCP", "x/a -> x/b 1/TCP"]


def test_an_address_of_no_pod_is_a_host_outside() -> None:
    assert selected("x/a", "198.51.100.7", LabPort(1)) == ["x/a -> 198.51.100.7 1/TCP"]
    assert selected("198.51.100.7", "x/a", LabPort(1)) == ["198.51.100.7 -> x/a 1/TCP"]


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        pytest.param("x/a", "x/missing", "missing", id="no pod of that name"),
        pytest.param("x/a", "10.0.0.0/8", "10.0.0.0/8 is more than one address: name a single one", id="a range"),
        pytest.param("10.0.0.0/31", "x/a", "10.0.0.0/31 is more than one address", id="a range of two"),
        pytest.param("x/a", "172.18.0.1", "172.18.0.1 is node node-1: name a pod", id="a node"),
    ],
)
def test_what_cannot_be_probed(source: str, destination: str, message: str) -> None:
    with pytest.raises(EndpointError) as caught:
        selected(source, destination)
    assert message in str(caught.value)


def test_an_address_in_a_pod_range_that_no_pod_has_cannot_be_probed() -> None:
    ranged = node("n", "192.168.0.1") | {"spec": {"podCIDRs": ["10.0.0.0/24"]}}
    cluster, _ = placed(ranged, pod("x/a", addresses=["10.0.0.7"], nodeName="n"))
    bridged = plan_topology(cluster.state, network=NodeNetwork(PodNetwork.BRIDGE))
    message = r"10.0.0.1 is in the pod range of node n \(10.0.0.0/24\), and no pod has it: name a pod, or an address"
    with pytest.raises(EndpointError, match=message):
        select_probes(EndpointResolver(cluster.state, bridged, "x"), "a", "10.0.0.1")


def test_one_pod_is_named_in_the_default_namespace() -> None:
    assert resolver(A, B, namespace="x").pod("a").name == "x/a"


def test_a_workload_is_its_first_pod_where_one_is_wanted() -> None:
    assert resolver(workload("x/w", "StatefulSet", A, replicas=3)).pod("x/sts/w").name == "x/w-0"


@pytest.mark.parametrize("text", ["x/*", "198.51.100.7"])
def test_several_pods_and_addresses_are_not_one_pod(text: str) -> None:
    with pytest.raises(EndpointError, match="does not name exactly one pod"):
        resolver(A, B).pod(text)


def test_an_address_of_a_pod_is_that_pod() -> None:
    with_address = pod("x/c", addresses=["10.0.0.1"])
    assert resolver(with_address).pod("10.0.0.1").addresses == (ip_address("10.0.0.1"),)
