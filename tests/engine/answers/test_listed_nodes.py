"""A list of connections names each assumption of its lines about pods and their nodes once."""

import pytest
from tests.engine.members import state_of
from tests.semantics.objects import Object, admits, block, labelled, node, pod, policy, workload

from ringfence.engine.answers import assumed_of_hosts, listed_node_assumptions

CLOSED = policy("x/closed", ingress=[], egress=[])
ONE = node("one", "192.168.0.1")
POD = pod("x/a", nodeName="one")
HOST = pod("y/host", hostNetwork=True, nodeName="one")
SECOND_HOST = pod("y/agent", hostNetwork=True, nodeName="one")
AGENT = workload("y/agent", "DaemonSet", pod("y/agent", hostNetwork=True))


def to_nodes(*objects: Object) -> list[str]:
    """The assumptions about connections to nodes, without their reasons."""
    state = state_of(objects)
    return [one.partition(":")[0] for one in listed_node_assumptions(state, state.members())]


def of_hosts(*objects: Object) -> dict[str, list[str]]:
    """The hostNetwork pods about which something is assumed, by what it is."""
    state = state_of(objects)
    found = assumed_of_hosts(state, state.members()).items()
    return {assumption.of_one[1].split()[0]: sorted(map(str, hosts)) for assumption, hosts in found}


class TestToNodes:
    def test_pods_may_reach_their_own_nodes_in_spite_of_policies(self) -> None:
        assert to_nodes(POD, ONE, CLOSED) == [
            "isolated pods are assumed to reach their own nodes only as policies allow"
        ]
        assert to_nodes(POD, ONE) == [], "not isolated"
        assert to_nodes(pod("x/a"), ONE, CLOSED) == [], "no list contains a node that is not known"

    @pytest.mark.parametrize("node_of_host", ["one", "two"])
    def test_a_node_may_be_known_by_a_pod_that_uses_its_network(self, node_of_host: str) -> None:
        host = pod("y/host", hostNetwork=True, nodeName=node_of_host, addresses=["192.168.0.5"])
        text = "isolated pods are assumed to reach their own nodes only as policies allow"
        assert to_nodes(POD, host, CLOSED) == ([text] if node_of_host == "one" else [])

    @pytest.mark.parametrize(("network", "is_named"), [("192.168.0.0/24", True), ("198.51.100.0/24", False)])
    def test_policies_of_administrators_may_deny_a_pod_its_node(self, network: str, is_named: bool) -> None:
        spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}}
        denied = {
            "apiVersion": "policy.networking.k8s.io/v1alpha2",
            "kind": "ClusterNetworkPolicy",
            "metadata": {"name": "no-nodes"},
            "spec": {**spec, "egress": [{"action": "Deny", "to": [{"networks": [network]}]}]},
        }
        text = "pods are assumed to reach their own nodes only as cluster policies allow"
        assert to_nodes(POD, ONE, denied) == ([text] if is_named else [])
        host = pod("y/host", hostNetwork=True, nodeName="one", addresses=["192.168.0.5"])
        assert to_nodes(POD, host, denied) == ([text] if is_named else [])
        on_no_node = pod("z/other", {"app": "other"})
        assert to_nodes(POD, on_no_node, ONE, denied) == ([text] if is_named else []), "one of several pods is enough"


class TestHosts:
    def test_a_pod_on_some_nodes_network_may_reach_isolated_pods(self) -> None:
        assert of_hosts(pod("x/a"), AGENT, CLOSED) == {"may": ["y/DaemonSet/agent"]}
        assert of_hosts(POD, AGENT, CLOSED) == {"may": ["y/DaemonSet/agent"]}
        assert of_hosts(pod("x/a"), HOST, CLOSED) == {"may": ["y/host"]}
        assert of_hosts(pod("x/a"), AGENT) == {}, "not isolated"
        assert of_hosts(pod("x/a", nodeName="two"), HOST, CLOSED) == {}, "both nodes are known"

    def test_it_counts_as_the_node_of_a_pod_that_would_deny_it_something(self) -> None:
        host = HOST | {"status": {"podIP": "192.168.0.1", "podIPs": [{"ip": "192.168.0.1"}]}}
        for objects in ([HOST], [HOST, ONE], [host]):
            assert of_hosts(POD, *objects, CLOSED) == {"uses": ["y/host"]}
            assert of_hosts(POD, *objects) == {}, "not isolated"
            assert of_hosts(pod("x/a", nodeName="two"), *objects, CLOSED) == {}, "on another node"
        admitted = policy("x/closed", ingress=[admits(block("192.168.0.0/24"))])
        assert of_hosts(POD, host, ONE, admitted) == {}, "allowed anyway"

    def test_all_of_them_are_named_whichever_pod_they_run_beside(self) -> None:
        assert of_hosts(POD, HOST, SECOND_HOST, CLOSED) == {"uses": ["y/agent", "y/host"]}
        elsewhere = pod("y/agent", hostNetwork=True, nodeName="two")
        of_b = policy("x/of-b", labelled(app="b"), ingress=[])
        other = pod("x/b", {"app": "b"}, nodeName="two")
        assert of_hosts(POD, HOST, other, elsewhere, CLOSED, of_b) == {"uses": ["y/agent", "y/host"]}
