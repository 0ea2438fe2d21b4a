"""The assumptions of an answer about rewritten addresses and ports: none, unless the answer depends on them."""

import pytest
from tests.analysis.endpoints.test_services import slice_of
from tests.analysis.endpoints.test_targets_by_address import CLIENT, CLOSED, IN_WEB, NODE_PORT
from tests.analysis.endpoints.test_translations import NODES, WEB, balanced
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, pods, policy, port, sends

LOCAL = {"externalTrafficPolicy": "Local"}
TO_PODS = policy("x/out", labelled(app="client"), egress=[sends(pods(IN_WEB))])
FROM_OFFICE = policy("x/in", IN_WEB, ingress=[admits(block("203.0.113.0/24"))])
OPEN = policy("x/in", IN_WEB, ingress=[admits(ports=[port(8080)])])


def assumptions(source: str, destination: str, number: int, *objects: Object) -> tuple[str, ...]:
    return cluster_of([WEB, CLIENT, *NODES, *objects]).can(source, destination, port=number).assumptions


class TestTheOrderOfRewritingAndPolicies:
    def test_a_rule_that_names_the_address_of_the_service_might_count(self) -> None:
        to_address = policy("x/out", labelled(app="client"), egress=[sends(block("10.96.0.1/32"))])
        for destination in ("10.96.0.1", "x/svc/web"):
            found = assumptions("x/client", destination, 80, balanced(clusterIP="10.96.0.1"), to_address)
            assert len(found) == 1
            assert "is rewritten to x/web: the egress policies of x/client are assumed to apply" in found[0]

    def test_a_rule_that_selects_the_pods_behind_a_service_certainly_counts(self) -> None:
        assert assumptions("x/client", "10.96.0.1", 80, balanced(clusterIP="10.96.0.1"), TO_PODS) == ()

    def test_addresses_outside_behind_a_service_might_not_count(self) -> None:
        bare = {**balanced(clusterIP="10.96.0.1")}
        bare["spec"] = {**bare["spec"], "selector": {}}
        piece = slice_of("web-1", [{"addresses": ["192.0.2.11"]}], {"port": 6443, "protocol": "TCP", "name": ""})
        to_host = policy("x/out", labelled(app="client"), egress=[sends(block("192.0.2.11/32"))])
        (found,) = assumptions("x/client", "10.96.0.1", 80, bare, piece, to_host)
        assert "is rewritten to 192.0.2.11" in found

    def test_a_node_port_of_another_node_is_rewritten_after_the_egress_of_the_client(self) -> None:
        written = balanced(type="NodePort", ports=[NODE_PORT], **LOCAL)
        (found,) = assumptions("x/client", "192.168.0.1", 30080, written, TO_PODS)
        assert found.startswith(
            "the node port 30080 of x/Service/web at 192.168.0.1 is rewritten to x/web on node one: "
        )
        assert assumptions("x/client", "192.168.0.2", 30080, written, TO_PODS) == (), "its own node"

    def test_nothing_is_assumed_if_the_egress_is_not_isolated(self) -> None:
        written = balanced(type="NodePort", ports=[NODE_PORT], **LOCAL)
        assert assumptions("x/client", "192.168.0.1", 30080, written) == ()


class TestTheSourceAfterRewriting:
    REPLACED = "may see a node's address, because externalTrafficPolicy is not Local"

    @pytest.mark.parametrize("client", ["203.0.113.7", "198.18.0.1"])
    @pytest.mark.parametrize("destination", ["x/svc/web", "198.51.100.7"])
    def test_a_nodes_address_may_replace_that_of_a_client_outside(self, client: str, destination: str) -> None:
        """So allowed traffic may be denied, and denied traffic may come from the node of the pod."""
        (found,) = assumptions(client, destination, 80, balanced({"ip": "198.51.100.7"}), FROM_OFFICE)
        assert found.endswith(self.REPLACED)

    def test_not_if_only_local_pods_are_used(self) -> None:
        assert assumptions("203.0.113.7", "x/svc/web", 80, balanced({"ip": "198.51.100.7"}, **LOCAL), FROM_OFFICE) == ()

    def test_a_pod_that_uses_an_address_outside_is_such_a_client(self) -> None:
        from_client = policy("x/in", IN_WEB, ingress=[admits(pods(labelled(app="client")))])
        written = balanced({"ip": "198.51.100.7"}, clusterIP="10.96.0.1")
        (found,) = assumptions("x/client", "198.51.100.7", 80, written, from_client)
        assert found.endswith(self.REPLACED)
        assert assumptions("x/client", "10.96.0.1", 80, written, from_client) == ()
        assert assumptions("x/client", "x/svc/web", 80, written, from_client) == ()

    @pytest.mark.parametrize("policies", [[], [OPEN]], ids=["not isolated", "everyone may connect"])
    def test_nothing_is_assumed_if_all_sources_are_treated_alike(self, policies: list[Object]) -> None:
        assert assumptions("203.0.113.7", "x/svc/web", 80, balanced({"ip": "198.51.100.7"}), *policies) == ()

    def test_nor_if_the_client_surely_may_not_connect(self) -> None:
        no_egress = policy("x/out", labelled(app="client"), egress=[])
        assert assumptions("x/client", "198.51.100.7", 80, balanced({"ip": "198.51.100.7"}), no_egress, CLOSED) == ()

    def test_a_load_balancer_in_proxy_mode_connects_itself(self) -> None:
        written = balanced({"ip": "198.51.100.7", "ipMode": "Proxy"}, **LOCAL)
        (found,) = assumptions("203.0.113.7", "198.51.100.7", 80, written, FROM_OFFICE)
        assert found.endswith("may see the load balancer's address, because connections go through the load balancer")


class TestAPodThatReachesItselfThroughItsService:
    WRITTEN = balanced(clusterIP="10.96.0.1")

    @pytest.mark.parametrize("destination", ["x/svc/web", "10.96.0.1"])
    def test_is_assumed_to_be_allowed(self, destination: str) -> None:
        cluster = cluster_of([WEB, self.WRITTEN, CLOSED])
        verdict = cluster.can("x/web", destination, port=80)
        assert verdict.all
        assert [one.partition(" through ")[0] for one in verdict.assumptions] == ["x/web may reach itself"]

    def test_nothing_is_assumed_if_its_policies_allow_it(self) -> None:
        assert assumptions("x/web", "x/svc/web", 80, self.WRITTEN) == ()
        assert assumptions("x/web", "x/svc/web", 80, self.WRITTEN, OPEN) == ()
        assert assumptions("x/web", "10.0.0.1", 80, self.WRITTEN, CLOSED) == (), "by its own address"


def test_nothing_is_assumed_about_connections_that_nobody_rewrites() -> None:
    assert assumptions("203.0.113.7", "x/web", 80, balanced({"ip": "198.51.100.7"}), FROM_OFFICE) == ()
    assert assumptions("x/client", "x/web", 80, pod("x/other"), TO_PODS) == ()
