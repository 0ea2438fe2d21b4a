"""Questions about addresses: an address is that address, a block is each pod in it and the rest."""

import pytest
from tests.analysis.endpoints.test_translations import NODES, WEB, balanced
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, policy, port, sends

from ringfence import Verdict
from ringfence.engine.policies import end_text
from ringfence.errors import EndpointError
from ringfence.sets.traffic import Traffic

CLIENT = pod("x/client", {"app": "client"}, addresses=["10.0.0.9", "fd00::9"], nodeName="two")
IN_WEB = labelled(app="web")
CLOSED = policy("x/closed", IN_WEB, ingress=[])
NODE_PORT = {"port": 80, "targetPort": 8080, "nodePort": 30080}


def ask(source: str, destination: str, number: int | None, *objects: Object) -> Verdict:
    return cluster_of([WEB, CLIENT, *NODES, *objects]).can(source, destination, port=number)


def pairs(verdict: Verdict) -> list[str]:
    return [f"{end_text(one.source)} -> {end_text(one.destination)} {one.asked}" for one in verdict.pairs]


class TestAnAddressOfAPod:
    OVER_IPV4 = policy("x/four", IN_WEB, ingress=[admits(block("0.0.0.0/0"))])

    def test_is_asked_about_over_its_family_only(self) -> None:
        assert ask("10.0.0.9", "10.0.0.1", 80, self.OVER_IPV4).all
        assert ask("x/client", "10.0.0.1", 80, self.OVER_IPV4).all
        assert ask("10.0.0.9", "x/web", 80, self.OVER_IPV4).all
        assert ask("fd00::9", "fd00::1", 80, self.OVER_IPV4).none
        assert ask("x/client", "x/web", 80, self.OVER_IPV4).none, "by name, every family that both have must pass"

    def test_without_a_port_as_well(self) -> None:
        assert ask("10.0.0.9", "10.0.0.1", None, self.OVER_IPV4).all
        assert ask("fd00::9", "fd00::1", None, self.OVER_IPV4).none

    def test_explanation_and_edit_are_about_that_family(self) -> None:
        verdict = ask("fd00::9", "fd00::1", 80, self.OVER_IPV4)
        assert "ingress of x/web: denied\n" in verdict.explain()
        assert verdict.edits
        assert not ask("10.0.0.9", "10.0.0.1", 80, CLOSED).reasons[0].ingress.denied_over

    def test_a_pod_without_the_family_cannot_be_met(self) -> None:
        four = pod("x/only-four", addresses=["10.0.0.4"])
        verdict = ask("x/only-four", "fd00::1", 80, four)
        assert verdict.none
        assert "x/only-four and x/web have no IPv6 address in common, so they cannot meet" in verdict.explain()

    def test_two_addresses_of_different_families_are_an_error(self) -> None:
        with pytest.raises(EndpointError) as raised:
            ask("fd00::9", "10.0.0.1", 80)
        assert str(raised.value) == (
            "fd00::9 and 10.0.0.1 are of different address families, IPv6 and IPv4: they cannot meet"
        )


class TestABlockThatHoldsPods:
    def test_is_judged_for_each_pod_and_for_the_rest(self) -> None:
        isolated = pod("x/db", {"app": "db"}, addresses=["10.0.0.2"])
        verdict = ask("x/client", "10.0.0.0/24", 80, isolated, policy("x/p", labelled(app="db"), ingress=[]))
        assert verdict.result == "some"
        assert [end_text(one.destination) for one in verdict.denied] == ["x/db"]
        assert {end_text(one.destination)[:8] for one in verdict.pairs} == {"x/web", "x/db", "10.0.0.0"}

    def test_as_a_source_as_well(self) -> None:
        only_others = policy("x/p", IN_WEB, ingress=[admits(block("10.0.0.0/24", "10.0.0.9/32"))])
        verdict = ask("10.0.0.0/24", "x/web", 80, only_others)
        assert [end_text(one.source) for one in verdict.denied] == ["x/client"]

    @pytest.mark.parametrize(("whole", "passes"), [("0.0.0.0/0", True), ("::/0", False)])
    def test_a_whole_family_holds_them_over_that_family(self, whole: str, passes: bool) -> None:
        over_ipv4 = policy("x/p", labelled(app="client"), egress=[sends(block("0.0.0.0/0"))])
        assert ask("x/client", whole, 80, over_ipv4).all is passes

    def test_a_block_of_pods_alone_has_no_rest(self) -> None:
        assert pairs(ask("x/client", "10.0.0.1/32", 80)) == ["x/client -> x/web TCP 80"]

    def test_addresses_of_services_in_it_lead_to_what_is_behind_them(self) -> None:
        found = pairs(ask("x/client", "10.96.0.0/30", 80, balanced(clusterIP="10.96.0.1")))
        assert found == ["x/client -> x/web TCP 8080", "x/client -> 10.96.0.0/32, 10.96.0.2/31 TCP 80"]


class TestAnAddressOfAService:
    @pytest.mark.parametrize(
        "written",
        [
            pytest.param(balanced(clusterIP="198.51.100.7"), id="ClusterIP"),
            pytest.param(balanced(externalIPs=["198.51.100.7"]), id="external IP"),
            pytest.param(balanced({"ip": "198.51.100.7"}), id="load balancer"),
        ],
    )
    def test_leads_to_the_pods_behind_it(self, written: Object) -> None:
        assert pairs(ask("x/client", "198.51.100.7", 80, written)) == ["x/client -> x/web TCP 8080"]
        by_port = policy("x/p", IN_WEB, ingress=[admits(ports=[port(8080)])])
        assert ask("x/client", "198.51.100.7", 80, written, by_port).all
        assert ask("x/client", "198.51.100.7", None, written, by_port).traffic == Traffic.of("TCP", [(80, 80)])

    def test_another_port_is_an_error_that_names_those_it_has(self) -> None:
        with pytest.raises(EndpointError) as raised:
            ask("x/client", "198.51.100.7", 81, balanced(externalIPs=["198.51.100.7"]))
        assert str(raised.value) == (
            "198.51.100.7 is the external IP 198.51.100.7 of x/Service/web, which has no port TCP 81; its ports: 80/TCP"
        )

    def test_so_is_a_port_with_nothing_behind_it(self) -> None:
        lonely = {**balanced(externalIPs=["198.51.100.7"])}
        lonely["spec"] = {**lonely["spec"], "selector": {"app": "nobody"}}
        with pytest.raises(EndpointError, match="has no endpoints"):
            ask("x/client", "198.51.100.7", 80, lonely)

    def test_a_service_of_one_family_is_reached_over_that_family(self) -> None:
        over_ipv4 = policy("x/p", IN_WEB, ingress=[admits(block("0.0.0.0/0"))])
        single = balanced(clusterIP="10.96.0.1")
        assert ask("x/client", "10.96.0.1", 80, single, over_ipv4).all
        assert ask("x/client", "x/svc/web", 80, single, over_ipv4).all, "clients have the IPv4 address only"
        assert ask("x/client", "x/svc/web", 80, balanced(ipFamilies=["IPv6"]), over_ipv4).none
        assert ask("x/client", "x/svc/web", 80, balanced(), over_ipv4).none, "it may have both"


class TestAnAddressOfANode:
    def test_a_node_port_leads_to_the_pods_and_other_ports_are_the_nodes(self) -> None:
        written = balanced(type="NodePort", ports=[NODE_PORT])
        assert pairs(ask("x/client", "192.168.0.1", 30080, written)) == ["x/client -> x/web TCP 8080"]
        assert pairs(ask("x/client", "192.168.0.1", 22, written)) == ["x/client -> 192.168.0.1 TCP 22"]

    def test_without_a_port_both_are_asked_about(self) -> None:
        verdict = ask("x/client", "192.168.0.1", None, balanced(type="NodePort", ports=[NODE_PORT]), CLOSED)
        assert verdict.result == "some"
        assert str(verdict.parts[0].refused) == "TCP 30080"
        assert not verdict.traffic.contains("TCP", 30080)
        assert verdict.traffic.contains("TCP", 22)

    def test_a_host_port_leads_to_the_pod(self) -> None:
        server = pod("x/s", {"app": "web"}, nodeName="two", ports=[{"containerPort": 80, "hostPort": 8080}])
        assert pairs(ask("203.0.113.7", "192.168.0.2", 8080, server)) == ["203.0.113.7 -> x/s TCP 80"]
        assert ask("203.0.113.7", "192.168.0.2", 8080, server, CLOSED).none

    def test_of_a_service_and_a_host_port_the_service_comes_first(self) -> None:
        server = pod("x/s", nodeName="two", ports=[{"containerPort": 80, "hostPort": 80}])
        written = balanced({"ip": "192.168.0.2"}, type="LoadBalancer")
        assert pairs(ask("x/client", "192.168.0.2", 80, server, written)) == ["x/client -> x/web TCP 8080"]
        assert pairs(ask("x/client", "192.168.0.2", 22, server, written)) == ["x/client -> 192.168.0.2 TCP 22"]


def test_between_two_addresses_outside_no_policy_decides() -> None:
    found = pairs(ask("203.0.113.7", "198.51.100.0/30", 80, balanced(externalIPs=["198.51.100.1"])))
    assert found == ["203.0.113.7 -> x/web TCP 8080"]
    with pytest.raises(EndpointError, match="no policy decides"):
        ask("203.0.113.7", "198.51.100.0/30", 80)
