"""The addresses and ports that are rewritten to those of pods, and which of them answers are asked about."""

from ipaddress import ip_network

import pytest
from tests.analysis.endpoints.test_endpoints import service
from tests.analysis.endpoints.test_services import slice_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, node, pod

from ringfence.analysis.endpoints.translations import translations_at
from ringfence.engine.policies import end_text
from ringfence.sets.addresses import Addresses

WEB = pod("x/web", {"app": "web"}, addresses=["10.0.0.1", "fd00::1"], nodeName="one")
NODES = [node("one", "192.168.0.1", "fd09::1"), node("two", "192.168.0.2")]


def balanced(*ingress: Object, **spec: object) -> Object:
    """The Service x/web, from port 80 to 8080, with addresses of a load balancer."""
    return {
        **service("x/web", {"app": "web"}, **spec),
        "status": {"loadBalancer": {"ingress": list(ingress)}},
    }


def translated(cidr: str, *objects: Object) -> list[tuple[str, int, list[str]]]:
    """What each translation is, its port, and what it leads to."""
    state = cluster_of([WEB, *NODES, *objects]).state
    return [
        (str(one), one.port, [f"{end_text(back.end)}:{back.port}" for back in one.backends])
        for one in translations_at(state, Addresses.of(ip_network(cidr)))
    ]


class TestAddressesOfServices:
    def test_cluster_ips(self) -> None:
        written = balanced(clusterIP="10.96.0.1", clusterIPs=["10.96.0.1", "fd96::1"])
        assert translated("10.96.0.0/16", written) == [("the ClusterIP 10.96.0.1 of x/Service/web", 80, ["x/web:8080"])]
        assert translated("fd96::1/128", written) == [("the ClusterIP fd96::1 of x/Service/web", 80, ["x/web:8080"])]

    def test_external_ips(self) -> None:
        written = balanced(externalIPs=["198.51.100.7", "198.51.100.8"])
        assert translated("198.51.100.8/32", written) == [
            ("the external IP 198.51.100.8 of x/Service/web", 80, ["x/web:8080"])
        ]

    def test_addresses_of_load_balancers(self) -> None:
        written = balanced({"hostname": "lb.example"}, {"ip": "198.51.100.9"}, type="LoadBalancer")
        assert translated("198.51.100.0/24", written) == [
            ("the load-balancer address 198.51.100.9 of x/Service/web", 80, ["x/web:8080"])
        ]

    def test_addresses_that_are_not_asked_about(self) -> None:
        assert translated("203.0.113.0/24", balanced({"ip": "198.51.100.9"}, clusterIP="10.96.0.1")) == []

    def test_an_address_leads_to_backends_of_its_family_only(self) -> None:
        four = pod("x/four", {"app": "web"}, addresses=["10.0.0.4"])
        written = balanced(clusterIP="10.96.0.1", clusterIPs=["10.96.0.1", "fd96::1"])
        assert translated("fd96::1/128", four, written)[0][2] == ["x/web:8080"]
        assert translated("10.96.0.1/32", four, written)[0][2] == ["x/web:8080", "x/four:8080"]

    def test_without_a_selector_they_lead_to_what_is_in_endpoint_slices(self) -> None:
        piece = slice_of("web-1", [{"addresses": ["192.0.2.11"]}], {"port": 6443, "protocol": "TCP", "name": ""})
        bare = {**service("x/web", {}, clusterIP="10.96.0.1")}
        assert translated("10.96.0.1/32", bare, piece)[0][2] == ["192.0.2.11:6443"]

    def test_with_nothing_behind_it_an_address_leads_nowhere(self) -> None:
        lonely = service("x/web", {"app": "nobody"}, clusterIP="10.96.0.1")
        assert translated("10.96.0.1/32", lonely) == [("the ClusterIP 10.96.0.1 of x/Service/web", 80, [])]

    def test_a_headless_service_translates_nothing(self) -> None:
        assert translated("0.0.0.0/0", balanced(clusterIP="None")) == []


class TestPortsOfNodes:
    NODE_PORT = balanced(type="NodePort", ports=[{"port": 80, "targetPort": 8080, "nodePort": 30080}])

    def test_a_node_port_is_at_every_node(self) -> None:
        assert translated("192.168.0.0/24", self.NODE_PORT) == [
            ("the node port 30080 of x/Service/web at 192.168.0.1", 30080, ["x/web:8080"]),
            ("the node port 30080 of x/Service/web at 192.168.0.2", 30080, ["x/web:8080"]),
        ]
        assert translated("fd09::1/128", self.NODE_PORT) == [
            ("the node port 30080 of x/Service/web at fd09::1", 30080, ["x/web:8080"])
        ]

    def test_a_host_port_is_at_the_node_of_the_pod(self) -> None:
        server = pod("x/s", nodeName="two", ports=[{"containerPort": 80, "hostPort": 8080}])
        assert translated("192.168.0.0/24", server) == [("the host port 8080 of x/s at 192.168.0.2", 8080, ["x/s:80"])]

    @pytest.mark.parametrize(("host_ip", "leads"), [("192.168.0.2", True), ("0.0.0.0", True), ("127.0.0.1", False)])
    def test_a_host_port_may_be_at_one_address_of_the_node(self, host_ip: str, leads: bool) -> None:
        port = {"containerPort": 80, "hostPort": 8080, "hostIP": host_ip}
        assert bool(translated("192.168.0.2/32", pod("x/s", nodeName="two", ports=[port]))) is leads

    @pytest.mark.parametrize(
        "server",
        [
            pytest.param(pod("x/s", ports=[{"containerPort": 80, "hostPort": 8080}]), id="its node is not known"),
            pytest.param(
                pod("x/s", nodeName="two", hostNetwork=True, ports=[{"containerPort": 80, "hostPort": 80}]),
                id="it has the network of its node, whose ports are its own",
            ),
            pytest.param(pod("x/s", nodeName="two", ports=[{"containerPort": 80}]), id="it has none"),
        ],
    )
    def test_a_pod_to_which_no_port_of_a_node_leads(self, server: Object) -> None:
        assert translated("192.168.0.0/24", server) == []

    def test_a_pod_that_is_gone_has_no_host_port(self) -> None:
        cluster = cluster_of([*NODES, pod("x/s", nodeName="two", ports=[{"containerPort": 80, "hostPort": 8080}])])
        cluster.remove("Pod", "x", "s")
        assert list(translations_at(cluster.state, Addresses.of(ip_network("192.168.0.0/24")))) == []
