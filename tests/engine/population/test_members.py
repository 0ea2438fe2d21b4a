"""Which pods and workload templates take part, as objects come and go."""

from tests.agent.work import work_of
from tests.engine.members import state_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import node, owned, pod, workload

from ringfence import Cluster
from ringfence.engine.population.pods import Reference
from ringfence.model.decoding import decode
from ringfence.sets.addresses import parse_address


class TestWhatTakesPart:
    def test_a_pod_that_has_ended_does_not(self) -> None:
        state = state_of([pod("x/a", phase="Succeeded"), pod("x/b", phase="Failed"), pod("x/c", phase="Pending")])
        assert [str(one) for one in state.members()] == ["x/c"]

    def test_a_pod_that_ends_is_removed(self) -> None:
        cluster = cluster_of([pod("x/a", addresses=["10.0.0.1"])])
        cluster.upsert(pod("x/a", addresses=["10.0.0.1"], phase="Succeeded"))
        assert not list(cluster.state.members())
        assert cluster.state.members_at(*parse_address("10.0.0.1")) == [], "another pod may already have its address"

    def test_in_a_running_cluster_a_pod_without_an_address_does_not(self) -> None:
        cluster = Cluster(live=True)
        cluster.upsert(pod("x/a"))
        cluster.upsert(pod("x/b", addresses=["10.0.0.1"]))
        assert [str(one) for one in cluster.state.members()] == ["x/b"]
        cluster.upsert(pod("x/a", addresses=["10.0.0.2"]))
        assert {str(one) for one in cluster.state.members()} == {"x/a", "x/b"}

    def test_in_a_running_cluster_a_host_network_pod_needs_an_address_of_its_node(self) -> None:
        cluster = Cluster(live=True)
        cluster.upsert(pod("x/agent", hostNetwork=True, nodeName="n"))
        assert not list(cluster.state.members())
        cluster.upsert(node("n", "192.168.0.1"))
        assert [one.addresses for one in cluster.state.members()] == [(parse_address("192.168.0.1"),)]
        cluster.remove("Node", "", "n")
        assert not list(cluster.state.members())

    def test_in_a_running_cluster_a_host_network_pod_that_has_gone_does_not_come_back_with_its_node(self) -> None:
        written = pod("x/agent", hostNetwork=True, nodeName="n")
        ended, removed = Cluster(live=True), Cluster(live=True)
        for cluster in (ended, removed):
            cluster.upsert(written)
        ended.upsert(written | {"status": {"phase": "Succeeded"}})
        removed.remove("Pod", "x", "agent")
        for cluster in (ended, removed):
            cluster.upsert(node("n", "192.168.0.1"))
            assert not list(cluster.state.members())

    def test_host_network_pods_and_templates_have_the_addresses_that_their_node_has_now(self) -> None:
        written = pod("x/agent", hostNetwork=True, nodeName="n")
        cluster = cluster_of([written, workload("x/proxy", "DaemonSet", written), node("n", "192.168.0.1")])
        for address in ("192.168.0.1", "192.168.0.2"):
            cluster.upsert(node("n", address))
            taking_part = list(cluster.state.host_network_members())
            assert {str(one) for one in taking_part} == {"x/agent", "x/DaemonSet/proxy"}
            assert {one.addresses for one in taking_part} == {(parse_address(address),)}
        cluster.remove("Pod", "x", "agent")
        cluster.remove("DaemonSet", "x", "proxy")
        assert not list(cluster.state.host_network_members())

    def test_the_pods_of_other_nodes_cost_nothing_when_a_node_changes(self) -> None:
        def work(count: int) -> int:
            agents = (pod(f"x/agent-{number}", hostNetwork=True, nodeName=f"n{number}") for number in range(count))
            cluster = cluster_of([*agents, node("n0", "192.168.0.1")])
            changed = decode(node("n0", "192.168.0.2"))
            assert changed
            return work_of(lambda: cluster.state.upsert(changed))

        assert work(200) < 1.5 * work(20)

    def test_a_workload_whose_pods_take_part_is_there_as_well(self) -> None:
        web = Reference("x", "StatefulSet", "web")
        state = state_of([workload("x/web", "StatefulSet", pod("x/t")), owned(pod("x/web-0"), "StatefulSet", "web")])
        assert [str(one) for one in state.members()] == ["x/web-0"]
        assert state.has(web)
        state.remove("StatefulSet", "x", "web")
        assert not state.has(web)
