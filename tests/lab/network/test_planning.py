"""The topology of a cluster in which everything is filled in."""

from ipaddress import ip_address

import pytest
from tests.lab.network.test_placement import placed, planned, service
from tests.semantics.objects import Object, admits, block, container_port, node, pod, policy, sends

from ringfence.lab.network.planning import plan_topology
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork
from ringfence.lab.network.topology import LabPort


def test_a_service_gets_cluster_addresses_and_leads_to_its_pods() -> None:
    topology = planned(pod("x/a", {"app": "a"}, addresses=["10.0.0.1"]), service("x/s", {"app": "a"}))
    built = topology.service_by_name["x/s"]
    assert len(built.addresses) == 1
    ((backend,),) = (port.backends for port in built.ports)
    assert (str(backend.address), backend.port) == ("10.0.0.1", 8080)
    assert LabPort(8080) in topology.pod_by_name["x/a"].ports, "something must answer where a Service leads"


def test_hosts_outside_answer_on_the_ports_that_rules_name() -> None:
    rule = {**sends(block("192.168.5.10/32")), "ports": [{"port": 8443}, {"protocol": "UDP", "port": 514}]}
    topology = planned(pod("x/a"), policy("x/p", egress=[rule]))
    assert set(topology.outside_ports) == {LabPort(8443), LabPort(514, "UDP")}
    assert "192.168.5.10" in map(str, topology.outside)


def test_services_that_need_no_address() -> None:
    headless = service("x/headless", {"app": "a"}, clusterIP="None")
    known = service("x/known", {"app": "a"}, clusterIP="10.96.7.7")
    elsewhere = service("x/elsewhere", {}, type="ExternalName", externalName="example.com")
    topology = planned(pod("x/a", {"app": "a"}), headless, known, elsewhere)
    assert topology.service_by_name["x/headless"].addresses == ()
    assert topology.service_by_name["x/headless"].pods == ("x/a",)
    assert list(map(str, topology.service_by_name["x/known"].addresses)) == ["10.96.7.7"]
    assert topology.service_by_name["x/elsewhere"].external_name == "example.com"


def ports(*numbers: int, to: str = "192.168.5.10/32", **more: int) -> Object:
    """A policy whose egress rule names ports of a block; with `endPort=N` the last one is the start of a range."""
    named = [{"port": number} for number in numbers]
    named[-1] |= more
    return policy("x/p", egress=[{**sends(block(to)), "ports": named}])


@pytest.mark.parametrize(
    ("objects", "outside"),
    [
        pytest.param([ports(8443, 443)], [443, 8443], id="in order"),
        pytest.param([ports(443), ports(443)], [443], id="each once"),
        pytest.param([ports(8000, endPort=9000)], [8000], id="a range by its first port"),
        pytest.param([ports(1, endPort=65535)], [80], id="all ports name none"),
        pytest.param([policy("x/p", egress=[sends(block("10.0.0.0/8"))])], [80], id="a rule without ports names none"),
        pytest.param([policy("x/p", ingress=[{**admits(block("10.0.0.0/8")), "ports": [{"port": 1}]}])], [80]),
    ],
)
def test_the_ports_of_hosts_outside(objects: list[Object], outside: list[int]) -> None:
    assert planned(pod("x/a"), *objects).outside_ports == tuple(map(LabPort, outside))


def test_a_requested_host_is_built_unless_it_has_a_pods_or_a_nodes_address() -> None:
    cluster, _ = placed(pod("x/a", addresses=["10.0.0.1"]), node("n", "192.168.0.1"))
    requested = [ip_address(text) for text in ("8.8.8.8", "10.0.0.1", "192.168.0.1", "8.8.8.8")]
    assert list(map(str, plan_topology(cluster.state, requested).outside)) == ["8.8.8.8"]


def test_hosts_outside_are_of_the_families_that_pods_have() -> None:
    both = policy("x/p", egress=[sends(block("192.168.5.10/32"), block("2001:db8:1::/64"))])
    assert {ip.version for ip in planned(pod("x/a", addresses=["10.0.0.1"]), both).outside} == {4}


@pytest.mark.parametrize(("kind", "outside"), [(PodNetwork.ROUTED, {"10.0.0.1"}), (PodNetwork.BRIDGE, set())])
def test_no_host_outside_has_an_address_of_a_nodes_pod_range(kind: PodNetwork, outside: set[str]) -> None:
    """What is sent there goes to the node: the first address of the range is its own."""
    ranged = node("n", "192.168.0.1") | {"spec": {"podCIDRs": ["10.0.0.0/24"]}}
    one = pod("x/a", addresses=["10.0.0.7"], nodeName="n")
    cluster, _ = placed(ranged, one, policy("x/p", ingress=[admits(block("10.0.0.0/24"))]))
    topology = plan_topology(cluster.state, network=NodeNetwork(kind))
    assert {str(ip) for ip in topology.outside} - {"203.0.113.10"} == outside


def test_a_pod_on_the_host_network_answers_on_its_own_ports_only() -> None:
    """A Service that leads to its address may mean another pod of the node."""
    agent = pod("x/a", {"app": "a"}, hostNetwork=True, nodeName="n", ports=[container_port("http", 9)])
    topology = planned(node("n", "192.168.0.1"), agent, service("x/s", {"app": "a"}))
    assert topology.pod_by_name["x/a"].ports == (LabPort(9),)


def test_a_service_without_pods_has_no_backends() -> None:
    ((port,),) = (one.ports for one in planned(service("x/s", {"app": "none"})).services if one.name == "x/s")
    assert port.backends == ()


def test_a_slice_of_addresses_outside_the_cluster_leads_there() -> None:
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s-1", "namespace": "x", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["198.51.100.7"]}],
        "ports": [{"port": 8080}],
    }
    without_selector = service("x/s", {})
    del without_selector["spec"]["selector"]
    (built,) = (one for one in planned(without_selector, slice_).services if one.name == "x/s")
    backends = [(str(backend.address), backend.port) for port in built.ports for backend in port.backends]
    assert backends == [("198.51.100.7", 8080)]
