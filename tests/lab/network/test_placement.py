"""What a cluster leaves open is settled, and nothing else is touched."""

import pytest
from tests.semantics.objects import Object, block, node, pod, policy, sends

from ringfence.cluster import Cluster
from ringfence.engine.population.pods import Reference
from ringfence.errors import LaboratoryError
from ringfence.lab.network.object_addresses import pod_addresses
from ringfence.lab.network.placement import Placement, PlacementOptions
from ringfence.lab.network.planning import plan_topology
from ringfence.lab.network.topology import LabPort, Topology
from ringfence.sets.addresses import FAMILIES, Family

USUAL = PlacementOptions()


def settled(*objects: Object, wishes: PlacementOptions = USUAL) -> tuple[Cluster, Placement]:
    cluster = Cluster()
    for obj in objects:
        cluster.upsert(obj)
    placement = Placement(cluster.state, wishes)
    placement.complete()
    return cluster, placement


def planned(*objects: Object, wishes: PlacementOptions = USUAL) -> Topology:
    return plan_topology(settled(*objects, wishes=wishes)[0].state)


def addresses(topology: Topology, name: str) -> list[str]:
    return list(map(str, topology.pod_by_name[name].addresses))


def deployment(path: str, **labels: str) -> Object:
    namespace, name = path.split("/")
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "it", "ports": [{"containerPort": 80}]}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def service(path: str, selector: dict[str, str], **spec: object) -> Object:
    namespace, name = path.split("/")
    ports = [{"port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "ports": ports, **spec},
    }


def test_a_pod_keeps_the_addresses_it_has() -> None:
    topology = planned(pod("x/a", addresses=["10.9.8.7", "fd00::7"]), pod("x/b", addresses=["10.9.8.6"]))
    assert addresses(topology, "x/a") == ["10.9.8.7", "fd00::7"]
    assert addresses(topology, "x/b") == ["10.9.8.6"]


def test_a_pod_without_an_address_is_given_one_of_every_family_in_use() -> None:
    topology = planned(pod("x/a", addresses=["10.9.8.7", "fd00::7"]), pod("x/b"))
    assert len(addresses(topology, "x/b")) == 2


@pytest.mark.parametrize(
    ("objects", "versions"),
    [
        pytest.param([], {4}, id="usually IPv4"),
        pytest.param([policy("x/p", egress=[sends(block("10.0.0.0/8"))])], {4}, id="whatever policies say of IPv4"),
        pytest.param([policy("x/p", egress=[sends(block("fd00::/8"))])], {4, 6}, id="both, if a policy speaks of IPv6"),
    ],
)
def test_families_without_any_address(objects: list[Object], versions: set[int]) -> None:
    topology = planned(pod("x/a"), *objects)
    assert {ip.version for ip in topology.pod_by_name["x/a"].addresses} == versions


@pytest.mark.parametrize("families", [(Family.IPV4,), (Family.IPV6,), FAMILIES])
def test_families_can_be_wished_for(families: tuple[Family, ...]) -> None:
    topology = planned(pod("x/a"), wishes=PlacementOptions(families=families))
    assert tuple(ip.version for ip in topology.pod_by_name["x/a"].addresses) == families
    assert [len(one.addresses) for one in topology.nodes] == [len(families)]
    assert [len(one.addresses) for one in topology.services] == [len(families)]


def test_a_workload_without_pods_gets_one_that_policies_cannot_tell_from_its_own() -> None:
    cluster, _ = settled(deployment("x/web", app="web"))
    (member,) = [member for member in cluster.state.members() if member.namespace == "x"]
    assert str(member) == "x/web"
    assert member.labels == {"app": "web"}
    assert str(cluster.state.workload(member)) == "x/Deployment/web"
    assert plan_topology(cluster.state).pod_by_name["x/web"].ports == (LabPort(80),)


def test_a_workload_whose_name_a_pod_has_gives_way() -> None:
    topology = planned(pod("x/web"), deployment("x/web", app="web"))
    assert {"x/web", "x/web-deployment"} <= topology.pod_by_name.keys()


def test_a_changed_workload_changes_the_pod_that_stands_for_it() -> None:
    cluster, placement = settled(deployment("x/web", app="web"))
    before = addresses(plan_topology(cluster.state), "x/web")
    placement.remove_stand_in(Reference("x", "Deployment", "web"))
    cluster.upsert(deployment("x/web", app="shop"))
    placement.complete()
    (member,) = [member for member in cluster.state.members() if member.namespace == "x"]
    assert member.labels == {"app": "shop"}
    assert addresses(plan_topology(cluster.state), "x/web") == before


def test_nobody_moves_without_need() -> None:
    cluster, placement = settled(pod("x/b"), pod("x/c"))
    before = addresses(plan_topology(cluster.state), "x/c")
    cluster.upsert(pod("x/a"))
    cluster.upsert(pod("x/c", {"app": "changed"}))
    cluster.remove("Pod", "x", "b")
    placement.complete()
    assert addresses(plan_topology(cluster.state), "x/c") == before


def test_who_was_given_an_address_gives_way_to_who_carries_it() -> None:
    cluster, placement = settled(pod("x/a"))
    (given,) = addresses(plan_topology(cluster.state), "x/a")
    cluster.upsert(pod("x/b", addresses=[given]))
    placement.complete()
    topology = plan_topology(cluster.state)
    assert addresses(topology, "x/b") == [given]
    assert addresses(topology, "x/a") != [given]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        pytest.param(
            [pod("x/a", addresses=["10.0.0.1"]), pod("x/b", addresses=["10.0.0.1"])],
            "pod x/a and pod x/b both have the address 10.0.0.1",
            id="two pods with one address",
        ),
        pytest.param(
            [node("n", "10.0.0.1"), pod("x/a", addresses=["10.0.0.1"])],
            "node n and pod x/a both have the address 10.0.0.1",
            id="a pod with a node's address",
        ),
        pytest.param(
            [pod("x/a", addresses=["127.0.0.1"])],
            "pod x/a has the address 127.0.0.1, which a host cannot have",
            id="an address of no host",
        ),
        pytest.param(
            [node("n", "10.0.0.1"), pod("x/a", hostNetwork=True, nodeName="n", addresses=["10.0.0.2"])],
            "pod x/a is on the host network and reports the address 10.0.0.2, which node n does not have",
            id="a pod and its node that contradict each other",
        ),
    ],
)
def test_what_cannot_be_built(objects: list[Object], message: str) -> None:
    with pytest.raises(LaboratoryError, match=message):
        settled(*objects)


def test_pods_are_spread_over_nodes_but_stay_where_they_are_said_to_be() -> None:
    topology = planned(
        pod("x/a", nodeName="here"), *(pod(f"x/{name}") for name in "bcdef"), wishes=PlacementOptions(nodes=3)
    )
    assert [one.name for one in topology.nodes] == ["here", "node-1", "node-2"]
    assert topology.pod_by_name["x/a"].node == "here"
    crowds = [sum(one.node == host.name for one in topology.pods) for host in topology.nodes]
    assert max(crowds) - min(crowds) <= 1


def test_a_pod_on_the_host_network_has_its_nodes_addresses() -> None:
    topology = planned(
        node("here", "192.168.0.1"), pod("x/a", hostNetwork=True, nodeName="here"), pod("x/b", hostNetwork=True)
    )
    assert addresses(topology, "x/a") == ["192.168.0.1"]
    assert topology.pod_by_name["x/b"].host_network
    assert set(topology.pod_by_name["x/b"].addresses) == set(
        topology.node_by_name[topology.pod_by_name["x/b"].node].addresses
    )


def test_a_pod_on_the_host_network_tells_which_node_it_is_on_by_its_address() -> None:
    known = planned(node("here", "192.168.0.1"), pod("x/a", hostNetwork=True, addresses=["192.168.0.1"]))
    assert known.pod_by_name["x/a"].node == "here"
    unknown = planned(pod("x/a", hostNetwork=True, addresses=["192.168.0.9"]))
    assert unknown.pod_by_name["x/a"].node == "host-192.168.0.9"
    assert list(map(str, unknown.node_by_name["host-192.168.0.9"].addresses)) == ["192.168.0.9"]


def test_a_node_has_what_it_says_and_what_its_pods_say() -> None:
    agent = pod("x/a", hostNetwork=True, nodeName="here", addresses=["192.168.0.1"])
    topology = planned(node("here", "fd00::1"), agent)
    assert set(map(str, topology.node_by_name["here"].addresses)) == {"192.168.0.1", "fd00::1"}


def test_a_finished_pod_is_not_built() -> None:
    assert "x/a" not in planned(pod("x/a", phase="Succeeded")).pod_by_name


def test_a_service_gets_cluster_addresses_and_leads_to_its_pods() -> None:
    topology = planned(pod("x/a", {"app": "a"}, addresses=["10.0.0.1"]), service("x/s", {"app": "a"}))
    built = topology.service_by_name["x/s"]
    assert len(built.addresses) == 1
    ((backend,),) = (port.backends for port in built.ports)
    assert (str(backend.address), backend.port) == ("10.0.0.1", 8080)
    assert LabPort(8080) in topology.pod_by_name["x/a"].ports, "something must answer where a Service leads"


def test_services_that_need_no_address() -> None:
    headless = service("x/headless", {"app": "a"}, clusterIP="None")
    known = service("x/known", {"app": "a"}, clusterIP="10.96.7.7")
    elsewhere = service("x/elsewhere", {}, type="ExternalName", externalName="example.com")
    topology = planned(pod("x/a", {"app": "a"}), headless, known, elsewhere)
    assert topology.service_by_name["x/headless"].addresses == ()
    assert topology.service_by_name["x/headless"].pods == ("x/a",)
    assert list(map(str, topology.service_by_name["x/known"].addresses)) == ["10.96.7.7"]
    assert topology.service_by_name["x/elsewhere"].external_name == "example.com"


def test_somebody_answers_dns() -> None:
    cluster, placement = settled(pod("x/a"))
    assert plan_topology(cluster.state).dns == ("kube-system/dns",)
    assert placement.added_pods == ("kube-system/dns",)


def test_a_cluster_that_brings_its_own_dns_keeps_it() -> None:
    own = pod("kube-system/coredns-1", {"k8s-app": "kube-dns"})
    cluster, placement = settled(own, service("kube-system/kube-dns", {"k8s-app": "kube-dns"}))
    assert plan_topology(cluster.state).dns == ("kube-system/coredns-1",)
    assert placement.added_pods == ()


def test_hosts_outside_answer_on_the_ports_that_rules_name() -> None:
    rule = {**sends(block("192.168.5.10/32")), "ports": [{"port": 8443}, {"protocol": "UDP", "port": 514}]}
    topology = planned(pod("x/a"), policy("x/p", egress=[rule]))
    assert set(topology.outside_ports) == {LabPort(8443), LabPort(514, "UDP")}
    assert "192.168.5.10" in map(str, topology.outside)


def test_what_is_settled_is_what_the_engine_judges() -> None:
    cluster, _ = settled(pod("x/a"), pod("x/b"))
    topology = plan_topology(cluster.state)
    for member in cluster.state.members():
        assert pod_addresses(member) == topology.pod_by_name[str(member)].addresses
        assert member.node
