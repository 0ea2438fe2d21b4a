"""The laboratory chooses what a cluster leaves open, and changes nothing else."""

import pytest
from tests.semantics.objects import Object, block, node, pod, policy, sends, workload

from ringfence.cluster import Cluster
from ringfence.engine.population.pods import Reference
from ringfence.lab.network.object_addresses import pod_addresses
from ringfence.lab.network.placement import Placement, PlacementOptions
from ringfence.lab.network.planning import plan_topology
from ringfence.lab.network.topology import LabPort, Topology
from ringfence.sets.addresses import FAMILIES, Family

DEFAULT = PlacementOptions()
WEB = Reference("x", "Deployment", "web")


def placed(*objects: Object, options: PlacementOptions = DEFAULT) -> tuple[Cluster, Placement]:
    cluster = Cluster()
    for obj in objects:
        cluster.upsert(obj)
    placement = Placement(cluster.state, options)
    placement.complete()
    return cluster, placement


def planned(*objects: Object, options: PlacementOptions = DEFAULT) -> Topology:
    cluster, placement = placed(*objects, options=options)
    return plan_topology(cluster.state, workloads=placement.workloads)


def standing_for(topology: Topology) -> dict[str, str]:
    return {one.name: one.workload for one in topology.pods if one.workload}


def addresses(topology: Topology, name: str) -> list[str]:
    return list(map(str, topology.pod_by_name[name].addresses))


def deployment(path: str, *, replicas: int = 1, **labels: str) -> Object:
    namespace, name = path.split("/")
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "it", "ports": [{"containerPort": 80}]}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template, "replicas": replicas},
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
def test_families_can_be_chosen(families: tuple[Family, ...]) -> None:
    topology = planned(pod("x/a"), options=PlacementOptions(families=families))
    assert tuple(ip.version for ip in topology.pod_by_name["x/a"].addresses) == families
    assert [len(one.addresses) for one in topology.nodes] == [len(families)]
    assert [len(one.addresses) for one in topology.services] == [len(families)]


def test_a_workload_without_pods_gets_one_that_policies_cannot_tell_from_its_own() -> None:
    cluster, _ = placed(deployment("x/web", app="web"))
    (member,) = [member for member in cluster.state.members() if member.namespace == "x"]
    assert str(member) == "x/web"
    assert member.labels["app"] == "web"
    assert str(cluster.state.workload(member)) == "x/Deployment/web"
    assert plan_topology(cluster.state).pod_by_name["x/web"].ports == (LabPort(80),)


def test_a_workload_that_may_have_several_pods_gets_two() -> None:
    cluster, placement = placed(deployment("x/web", app="web", replicas=3))
    members = [member for member in cluster.state.members() if member.namespace == "x"]
    assert sorted(map(str, members)) == ["x/web-0", "x/web-1"]
    assert {cluster.state.workload(member) for member in members} == {WEB}
    topology = plan_topology(cluster.state, workloads=placement.workloads)
    assert standing_for(topology) == {"x/web-0": "x/web", "x/web-1": "x/web"}
    assert addresses(topology, "x/web-0") != addresses(topology, "x/web-1")


def test_one_pod_of_a_template_on_the_host_network_is_enough() -> None:
    agents = workload("x/agent", "DaemonSet", pod("x/any", hostNetwork=True))
    assert "x/agent" in planned(agents).pod_by_name


def test_a_workload_scaled_to_zero_gets_no_pod() -> None:
    assert planned(deployment("x/web", app="web", replicas=0)).pod_by_name.keys() == {"kube-system/dns"}


def test_workloads_of_the_same_name_get_pods_of_different_names() -> None:
    twins = [workload("x/web", kind, pod("x/any"), replicas=2) for kind in ("Deployment", "StatefulSet")]
    assert standing_for(planned(*twins)) == {
        "x/web-0": "x/web",
        "x/web-1": "x/web",
        "x/web-statefulset-0": "x/web-statefulset",
        "x/web-statefulset-1": "x/web-statefulset",
    }
    one, two = workload("x/web", "DaemonSet", pod("x/any")), workload("x/web", "Job", pod("x/any"))
    assert planned(one, two).pod_by_name.keys() >= {"x/web-0", "x/web-1", "x/web-job"}


def test_a_scaled_workload_changes_the_pods_that_stand_for_it() -> None:
    cluster, placement = placed(deployment("x/web", app="web", replicas=3))
    placement.remove_stand_ins(WEB)
    cluster.upsert(deployment("x/web", app="web", replicas=1))
    placement.complete()
    assert [str(member) for member in cluster.state.members() if member.namespace == "x"] == ["x/web"]
    assert placement.workloads == {}


def test_a_workload_whose_name_a_pod_has_gets_a_pod_of_another_name() -> None:
    topology = planned(pod("x/web"), deployment("x/web", app="web"))
    assert {"x/web", "x/web-deployment"} <= topology.pod_by_name.keys()


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_workload_takes_the_name_of_no_pod(replicas: int) -> None:
    taken = [pod("x/web", {"app": "a"}), pod("x/web-deployment", {"app": "b"}), pod("x/web-deployment-2", {"app": "c"})]
    cluster, _ = placed(*taken, deployment("x/web", app="web", replicas=replicas))
    apps = {member.name: member.labels["app"] for member in cluster.state.members() if member.namespace == "x"}
    standing = ["web-deployment-3"] if replicas == 1 else ["web-deployment-3-0", "web-deployment-3-1"]
    assert apps == {"web": "a", "web-deployment": "b", "web-deployment-2": "c"} | dict.fromkeys(standing, "web")


def test_a_changed_workload_changes_the_pod_that_stands_for_it() -> None:
    cluster, placement = placed(deployment("x/web", app="web"))
    before = addresses(plan_topology(cluster.state), "x/web")
    placement.remove_stand_ins(WEB)
    cluster.upsert(deployment("x/web", app="shop"))
    placement.complete()
    (member,) = [member for member in cluster.state.members() if member.namespace == "x"]
    assert member.labels["app"] == "shop"
    assert addresses(plan_topology(cluster.state), "x/web") == before


def test_a_pod_does_not_move_without_need() -> None:
    cluster, placement = placed(pod("x/b"), pod("x/c"))
    before = addresses(plan_topology(cluster.state), "x/c")
    cluster.upsert(pod("x/a"))
    cluster.upsert(pod("x/c", {"app": "changed"}))
    cluster.remove("Pod", "x", "b")
    placement.complete()
    assert addresses(plan_topology(cluster.state), "x/c") == before


def test_a_changed_pod_stays_on_its_node() -> None:
    cluster, placement = placed(pod("x/a"), pod("x/b"), pod("x/c"), options=PlacementOptions(nodes=3))
    before = plan_topology(cluster.state).pod_by_name["x/c"].node
    cluster.remove("Pod", "x", "b")
    cluster.upsert(pod("x/a", {"app": "changed"}))
    cluster.upsert(pod("x/c", {"app": "changed"}))
    placement.complete()
    assert plan_topology(cluster.state).pod_by_name["x/c"].node == before


def test_a_node_takes_the_address_that_a_pod_added_later_reports() -> None:
    """... in place of the one that it was given, and so do the other pods on its network."""
    cluster, placement = placed(pod("x/a", hostNetwork=True, nodeName="n"))
    cluster.upsert(pod("x/b", addresses=["192.168.0.2"], hostNetwork=True, nodeName="n"))
    placement.complete()
    topology = plan_topology(cluster.state)
    assert list(map(str, topology.node_by_name["n"].addresses)) == ["192.168.0.2"]
    assert addresses(topology, "x/a") == addresses(topology, "x/b") == ["192.168.0.2"]


def test_an_address_that_a_pod_reports_is_not_given_to_another() -> None:
    topology = planned(pod("x/a", addresses=["10.244.0.1"]), pod("x/b", addresses=["10.244.0.2"]), pod("x/c"))
    assert addresses(topology, "x/c") == ["10.244.0.4"]


def test_a_pod_that_was_given_an_address_loses_it_to_a_pod_that_reports_it() -> None:
    cluster, placement = placed(pod("x/a"))
    (given,) = addresses(plan_topology(cluster.state), "x/a")
    cluster.upsert(pod("x/b", addresses=[given]))
    placement.complete()
    topology = plan_topology(cluster.state)
    assert addresses(topology, "x/b") == [given]
    assert addresses(topology, "x/a") != [given]


def test_pods_are_spread_over_nodes_but_stay_where_they_are_said_to_be() -> None:
    topology = planned(
        pod("x/a", nodeName="here"), *(pod(f"x/{name}") for name in "bcdef"), options=PlacementOptions(nodes=3)
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


def test_a_pod_is_added_that_answers_dns() -> None:
    cluster, placement = placed(pod("x/a"))
    assert plan_topology(cluster.state).dns == ("kube-system/dns",)
    assert placement.added_pods == ("kube-system/dns",)


def test_a_cluster_that_brings_its_own_dns_keeps_it() -> None:
    own = pod("kube-system/coredns-1", {"k8s-app": "kube-dns"})
    cluster, placement = placed(own, service("kube-system/kube-dns", {"k8s-app": "kube-dns"}))
    assert plan_topology(cluster.state).dns == ("kube-system/coredns-1",)
    assert placement.added_pods == ()


def test_the_engine_judges_what_is_built() -> None:
    cluster, _ = placed(pod("x/a"), pod("x/b"))
    topology = plan_topology(cluster.state)
    for member in cluster.state.members():
        assert pod_addresses(member) == topology.pod_by_name[str(member)].addresses
        assert member.node
