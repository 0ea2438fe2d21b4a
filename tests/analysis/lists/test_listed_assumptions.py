"""The assumptions of a list of connections: those of the connections in it, worded with the pods and without them."""

from tests.engine.population.test_workloads import made
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, policy, port

from ringfence.analysis.endpoints import asked_ports
from ringfence.analysis.lists import connection_assumptions, connection_filter, exposure, list_assumptions
from ringfence.engine.population import Reference

SET = Reference("x", "StatefulSet", "db")
AGENT = Reference("x", "DaemonSet", "agent")


def test_the_list_assumes_that_unknown_labels_have_none_of_the_values_that_policies_name() -> None:
    replica = labelled(**{"statefulset.kubernetes.io/pod-name": "db-0"})
    state = cluster_of([made(SET), made(AGENT), policy("x/p", replica, ingress=[])]).state
    (assumption,) = connection_assumptions(state)
    assert "x/StatefulSet/db" in assumption
    assert connection_assumptions(state, "x") == (assumption,)
    assert connection_assumptions(state, "y") == ()


class TestAssumptionsAboutPeers:
    """They are those of the connections in the list."""

    OBJECTS = (pod("x/a"), pod("y/b"), pod("z/c"), policy("x/p", ingress=[admits(block("10.0.0.0/8"))]))
    TWO = "the addresses of 2 pods, such as y/b, are not known: they are assumed not to lie in ipBlock 10.0.0.0/8"
    ONE = "the address of y/b is not known: it is assumed not to lie in ipBlock 10.0.0.0/8"

    def test_a_namespace_limits_one_end_of_the_connections(self) -> None:
        state = cluster_of(self.OBJECTS).state
        assert connection_assumptions(state) == (self.TWO,)
        assert connection_assumptions(state, "x") == (self.TWO,), "y/b -> x/a is about x"
        assert connection_assumptions(state, "y") == (self.ONE,), "z/c -> x/a is not about y"

    def test_endpoints_limit_both(self) -> None:
        state = cluster_of(self.OBJECTS).state
        to_others = connection_filter(state, "x", destinations=["y/b"])
        from_one = connection_filter(state, "x", sources=["y/b"])
        assert connection_assumptions(state, wanted=to_others) == ()
        assert connection_assumptions(state, wanted=from_one) == (self.ONE,)

    def test_ports_limit_them_at_any_destination(self) -> None:
        """The policy says nothing about addresses on TCP 443, so no answer about it depends on them."""
        only_80 = policy("x/p", ingress=[admits(block("10.0.0.0/8"), ports=[port(80)])])
        state = cluster_of([*self.OBJECTS[:3], only_80]).state
        found = {
            number: connection_assumptions(state, wanted=connection_filter(state, "x", ports=asked_ports(number)))
            for number in (80, 443)
        }
        assert found == {80: (self.TWO,), 443: ()}


def test_the_order_of_cluster_policies_is_an_assumption_about_the_ports_for_which_it_matters() -> None:
    """About addresses, if the list is about all destinations."""

    def egress(name: str, action: str) -> Object:
        rule = {
            "action": action,
            "to": [{"networks": ["10.0.0.0/8"]}],
            "ports": [{"portNumber": {"protocol": "TCP", "port": 80}}],
        }
        return {
            "apiVersion": "policy.networking.k8s.io/v1alpha1",
            "kind": "AdminNetworkPolicy",
            "metadata": {"name": name},
            "spec": {"priority": 1, "subject": {"namespaces": {}}, "egress": [rule]},
        }

    state = cluster_of([pod("x/a"), egress("allows", "Allow"), egress("denies", "Deny")]).state

    def at(number: int, *destinations: str) -> tuple[str, ...]:
        wanted = connection_filter(state, "x", destinations=destinations, ports=asked_ports(number))
        return connection_assumptions(state, wanted=wanted)

    for destinations in ((), ("10.1.2.3",)):
        (order,) = at(80, *destinations)
        assert "priority" in order
        assert at(443, *destinations) == ()
    assert at(80, "192.0.2.1") == (), "neither policy is about it"


def test_addresses_that_are_not_known_are_an_assumption_of_lists_that_contain_addresses() -> None:
    accepted = {"action": "Allow", "to": [{"domainNames": ["example.com"]}]}
    denied = {"action": "Deny", "to": [{"nodes": {}}, {"networks": ["0.0.0.0/0"]}]}
    policies = {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "names"},
        "spec": {"priority": 1, "subject": {"namespaces": {}}, "egress": [accepted, denied]},
    }
    objects = [pod("x/a", addresses=["10.0.0.1"]), pod("y/b", addresses=["10.0.0.2"]), policies]
    state = cluster_of(objects).state
    names = "the addresses that example.com resolve to are not known: they are assumed not to contain"
    nodes = "no Node object is in the input:"
    everywhere = (f"{names} any address", f"{nodes} any address is assumed not to be an address of a node")
    assert connection_assumptions(state) == everywhere
    assert exposure(state).assumptions == everywhere
    to_one = connection_filter(state, "x", destinations=["192.0.2.1"])
    assert connection_assumptions(state, wanted=to_one) == (
        f"{names} 192.0.2.1",
        f"{nodes} 192.0.2.1 is assumed not to be an address of a node",
    )
    assert connection_assumptions(state, wanted=connection_filter(state, "x", destinations=["y/b"])) == ()


def test_in_general_neither_pods_nor_files_are_named() -> None:
    """So the words are the same for more pods, and for a policy that has moved."""
    replicas = [labelled(**{"statefulset.kubernetes.io/pod-name": f"db-{number}"}) for number in (0, 1)]
    unread = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "guard", "namespace": "x"},
        "spec": {"endpointSelector": {}, "ingress": [{"fromEntities": ["cluster"]}]},
    }
    host = pod("y/host", {"app": "host"}, hostNetwork=True)
    policies = [policy(f"x/p{number}", replica, ingress=[]) for number, replica in enumerate(replicas)]
    blocks = policy("x/q", ingress=[admits(block("10.0.0.0/8"))])
    of_hosts = policy("y/h", ingress=[])
    objects = [made(SET), pod("y/b"), host, unread, *policies, blocks, of_hosts]
    label = "the label statefulset.kubernetes.io/pod-name of some pods is not known: it is assumed not to be"
    found = list_assumptions(cluster_of(objects).state).in_general()
    assert found == {
        f"{label} db-0",
        f"{label} db-1",
        "CiliumNetworkPolicy.cilium.io x/guard is not read: it may change the ingress of the pods that it selects",
        "the addresses of some pods are not known: they are assumed not to lie in ipBlock 10.0.0.0/8",
        "some pods may run on the node of an isolated pod: assumed not to, if a node is not known; a node always "
        "reaches the pods that run on it",
        "some pods use their nodes' network: y/h is assumed not to apply to them",
    }
    more = [pod("y/another"), pod("x/another")]
    assert list_assumptions(cluster_of([*more, *objects]).state).in_general() == found
