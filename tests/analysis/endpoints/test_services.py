"""The pods and addresses to which a Service leads, and the ports."""

from typing import Final

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, container_port, pod, workload

from ringfence.analysis.endpoints.services import backends
from ringfence.engine.policies import end_text
from ringfence.errors import EndpointError

TCP_80 = {"port": 80}
WEB = pod("x/web", {"app": "web"}, ports=[container_port("http", 8080)], addresses=["10.0.0.1"])
OLD = pod("x/old", {"app": "web", "old": "yes"}, ports=[container_port("http", 80)], addresses=["10.0.0.2"])
OTHERS = [pod("x/db", {"app": "db"}), pod("y/web", {"app": "web"})]
WORLD = [WEB, OLD, *OTHERS]

Behind = list[tuple[str, str, int | None, int | None]]


def service(*ports: Object, selector: dict[str, str] | None = {"app": "web"}, **spec: object) -> Object:  # noqa: B006
    """The Service x/web."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "x"},
        "spec": {"ports": list(ports), **({} if selector is None else {"selector": selector}), **spec},
    }


def slice_of(
    name: str,
    endpoints: list[Object],
    *ports: Object,
    service: str = "web",
    namespace: str = "x",
    address_type: str = "IPv4",
) -> Object:
    """An EndpointSlice of a Service."""
    labels = {"kubernetes.io/service-name": service}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "addressType": address_type,
        "endpoints": endpoints,
        "ports": list(ports),
    }


def endpoints_of(addresses: list[Object], *ports: Object) -> Object:
    """The v1 Endpoints of x/web."""
    metadata = {"name": "web", "namespace": "x"}
    subsets = [{"addresses": addresses, "ports": list(ports)}]
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}


def behind(*objects: Object, port: int | None = 80, protocol: str = "TCP") -> Behind:
    """End, protocol, target port and Service port of each backend of x/web."""
    state = cluster_of([*WORLD, *objects]).state
    found = backends(state, state.services["x", "web"], protocol, port)
    return [(end_text(one.end), one.protocol, one.port, one.service_port) for one in found]


def refusal(*objects: Object, port: int | None = 80, protocol: str = "TCP") -> str:
    with pytest.raises(EndpointError) as raised:
        behind(*objects, port=port, protocol=protocol)
    return str(raised.value)


class TestSelectors:
    def test_the_pods_of_its_namespace_that_have_all_its_labels(self) -> None:
        assert behind(service(TCP_80, selector={"app": "web", "old": "yes"})) == [("x/old", "TCP", 80, 80)]

    def test_the_template_of_a_workload_stands_for_its_pods(self) -> None:
        template = {"metadata": {"labels": {"app": "new"}}, "spec": {"containers": []}}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "new", "namespace": "x"},
            "spec": {"selector": {"matchLabels": {"app": "new"}}, "template": template},
        }
        assert behind(deployment, service(TCP_80, selector={"app": "new"})) == [("x/Deployment/new", "TCP", 80, 80)]

    def test_a_workload_scaled_to_zero_has_no_pods_behind_a_service(self) -> None:
        blue, green = (
            workload(f"x/{color}", "Deployment", pod("x/any", {"app": "shop"}), replicas=replicas)
            for color, replicas in (("blue", 0), ("green", 2))
        )
        assert behind(blue, green, service(TCP_80, selector={"app": "shop"})) == [("x/Deployment/green", "TCP", 80, 80)]

    def test_a_service_of_a_workload_scaled_to_zero_says_so(self) -> None:
        blue = workload("x/blue", "Deployment", pod("x/any", {"app": "shop"}), replicas=0)
        assert refusal(blue, service(TCP_80, selector={"app": "shop"})).endswith(
            "its target port; x/Deployment/blue would have such pods, but spec.replicas is 0"
        )

    def test_a_selector_that_selects_nothing(self) -> None:
        assert refusal(service(TCP_80, selector={"app": "nobody"})) == (
            "x/Service/web has no endpoints: no pod matches its selector app=nobody, or none has its target port"
        )


class TestTargetPorts:
    @pytest.mark.parametrize(
        ("written", "at_web", "at_old"),
        [
            pytest.param({}, 80, 80, id="none: the port itself"),
            pytest.param({"targetPort": 8080}, 8080, 8080, id="a number"),
            pytest.param({"targetPort": 0}, 80, 80, id="zero counts as none"),
            pytest.param({"targetPort": "http"}, 8080, 80, id="a name, which each pod gives to a port of its own"),
        ],
    )
    def test_where_a_port_leads(self, written: Object, at_web: int, at_old: int) -> None:
        assert behind(service({"port": 80, **written})) == [("x/web", "TCP", at_web, 80), ("x/old", "TCP", at_old, 80)]

    def test_of_two_containers_with_the_name_the_first_counts(self) -> None:
        containers = [{"name": str(number), "ports": [container_port("http", number)]} for number in (9090, 8080)]
        twice = pod("x/twice", {"app": "twice"}, containers=containers)
        written = service({"port": 80, "targetPort": "http"}, selector={"app": "twice"})
        assert behind(twice, written) == [("x/twice", "TCP", 9090, 80)]

    def test_a_pod_without_a_port_of_that_name_is_not_behind_it(self) -> None:
        plain = pod("x/plain", {"app": "web"})
        assert "x/plain" not in {end for end, *_ in behind(plain, service({"port": 80, "targetPort": "http"}))}

    def test_a_name_under_another_protocol_is_another_port(self) -> None:
        written = service({"port": 80, "protocol": "UDP", "targetPort": "http"})
        assert "or none has its target port" in refusal(written, protocol="UDP")


class TestPortsOfTheService:
    SEVERAL = service({"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353})

    def test_the_port_that_is_asked_for(self) -> None:
        assert behind(self.SEVERAL, port=53, protocol="UDP") == [
            ("x/web", "UDP", 5353, 53),
            ("x/old", "UDP", 5353, 53),
        ]

    def test_without_a_port_all_of_them_whatever_their_protocol(self) -> None:
        assert {(protocol, port, own) for _, protocol, port, own in behind(self.SEVERAL, port=None)} == {
            ("TCP", 80, 80),
            ("UDP", 5353, 53),
        }

    @pytest.mark.parametrize(("port", "protocol"), [(81, "TCP"), (53, "TCP"), (80, "UDP")])
    def test_a_port_that_it_does_not_have_is_an_error_that_names_those_it_has(self, port: int, protocol: str) -> None:
        assert refusal(self.SEVERAL, port=port, protocol=protocol) == (
            f"x/Service/web has no port {port}/{protocol}; its ports: 80/TCP, 53/UDP"
        )

    def test_a_service_without_ports_is_an_error(self) -> None:
        stored = service()
        stored["metadata"] |= {"uid": "1"}
        assert refusal(stored, port=None) == "x/Service/web has no ports"
        assert refusal(stored, port=80) == "x/Service/web has no port 80/TCP; its ports: none"


class TestHeadless:
    """Clients connect to the pods' own addresses, on any port."""

    def test_the_port_is_the_pods_own(self) -> None:
        written = service({"port": 80, "targetPort": 8080}, clusterIP="None")
        assert behind(written, port=443) == [("x/web", "TCP", 443, None), ("x/old", "TCP", 443, None)]

    def test_it_needs_no_ports(self) -> None:
        assert behind(service(clusterIP="None"), port=None) == [
            ("x/web", "TCP", None, None),
            ("x/old", "TCP", None, None),
        ]

    def test_without_a_selector_its_endpoint_slices_count(self) -> None:
        written = service(selector=None, clusterIP="None"), slice_of("s", [{"addresses": ["192.0.2.7", "10.0.0.1"]}])
        assert behind(*written) == [("192.0.2.7", "TCP", 80, None), ("x/web", "TCP", 80, None)]


def test_an_external_name_is_an_error() -> None:
    written = service(selector=None, type="ExternalName", externalName="db.example.org")
    assert refusal(written) == (
        "x/Service/web is an alias for the DNS name db.example.org: use the address that it resolves to"
    )


@pytest.mark.parametrize(("name", "leads"), [("db-0", True), ("db-12", True), ("other-0", False)])
def test_a_service_for_one_replica_leads_to_the_template_of_its_stateful_set(name: str, leads: bool) -> None:
    stateful_set = workload("x/db", "StatefulSet", pod("x/any", {"app": "db"}))
    one = service(TCP_80, selector={"app": "db", "statefulset.kubernetes.io/pod-name": name})
    if leads:
        assert behind(one, stateful_set) == [("x/StatefulSet/db", "TCP", 80, 80)]
    else:
        assert "no pod matches its selector" in refusal(one, stateful_set)


def test_a_service_never_selects_by_a_value_that_is_the_same_for_all_pods_and_not_known() -> None:
    deployment = workload("x/db", "Deployment", pod("x/any", {"app": "db"}))
    assert "no pod matches" in refusal(service(TCP_80, selector={"pod-template-hash": "7d9"}), deployment)


class TestSlices:
    """Without a selector, the endpoints are those in EndpointSlices, which users write themselves."""

    HTTP: Final = {"name": "http", "port": 8080, "protocol": "TCP"}
    BARE: Final = service({"name": "http", "port": 80}, selector=None)

    def test_addresses_with_the_port_of_the_slice(self) -> None:
        outside = slice_of("s", [{"addresses": ["192.0.2.7"]}, {"addresses": ["192.0.2.8"]}], self.HTTP)
        assert behind(self.BARE, outside) == [("192.0.2.7", "TCP", 8080, 80), ("192.0.2.8", "TCP", 8080, 80)]

    def test_an_address_of_a_pod_is_the_pod(self) -> None:
        assert behind(self.BARE, slice_of("s", [{"addresses": ["10.0.0.1"]}], self.HTTP)) == [
            ("x/web", "TCP", 8080, 80)
        ]

    def test_a_reference_to_a_pod_is_the_pod(self) -> None:
        referring = {"addresses": ["192.0.2.7"], "targetRef": {"kind": "Pod", "name": "db"}}
        assert behind(self.BARE, slice_of("s", [referring], self.HTTP)) == [("x/db", "TCP", 8080, 80)]

    def test_a_reference_to_an_unknown_pod_is_ignored_and_the_address_counts(self) -> None:
        referring = {"addresses": ["192.0.2.7"], "targetRef": {"kind": "Pod", "name": "gone"}}
        assert behind(self.BARE, slice_of("s", [referring], self.HTTP)) == [("192.0.2.7", "TCP", 8080, 80)]

    def test_several_slices_are_one_service(self) -> None:
        first = slice_of("a", [{"addresses": ["192.0.2.7"]}], self.HTTP)
        second = slice_of("b", [{"addresses": ["192.0.2.8"]}], {**self.HTTP, "port": 8081})
        assert behind(self.BARE, first, second) == [("192.0.2.7", "TCP", 8080, 80), ("192.0.2.8", "TCP", 8081, 80)]

    def test_endpoints_count_like_slices(self) -> None:
        endpoints = endpoints_of([{"ip": "192.0.2.7"}, {"ip": "10.0.0.1"}], self.HTTP)
        assert behind(self.BARE, endpoints) == [("192.0.2.7", "TCP", 8080, 80), ("x/web", "TCP", 8080, 80)]

    def test_slices_win_over_endpoints(self) -> None:
        outside = slice_of("s", [{"addresses": ["192.0.2.8"]}], self.HTTP)
        endpoints = endpoints_of([{"ip": "192.0.2.7"}], self.HTTP)
        assert behind(self.BARE, outside, endpoints) == [("192.0.2.8", "TCP", 8080, 80)]
        assert behind(self.BARE, endpoints, outside) == [("192.0.2.8", "TCP", 8080, 80)]

    def test_a_selector_wins_over_endpoints(self) -> None:
        selecting = service({"name": "http", "port": 80}, selector={"old": "yes"})
        assert behind(selecting, endpoints_of([{"ip": "192.0.2.7"}], self.HTTP)) == [("x/old", "TCP", 80, 80)]

    @pytest.mark.parametrize(
        "piece",
        [
            pytest.param(
                slice_of("s", [{"addresses": ["192.0.2.7"], "conditions": {"ready": False}}], HTTP), id="not ready"
            ),
            pytest.param(slice_of("s", [{"addresses": ["192.0.2.7"]}], {**HTTP, "name": "other"}), id="another port"),
            pytest.param(
                slice_of("s", [{"addresses": ["192.0.2.7"]}], {**HTTP, "protocol": "UDP"}), id="another protocol"
            ),
            pytest.param(slice_of("s", [{"addresses": ["192.0.2.7"]}], {"name": "http"}), id="a port without a number"),
            pytest.param(slice_of("s", [{"addresses": ["192.0.2.7"]}], HTTP, service="db"), id="of another Service"),
            pytest.param(slice_of("s", [{"addresses": ["192.0.2.7"]}], HTTP, namespace="y"), id="of another namespace"),
            pytest.param(
                slice_of("s", [{"addresses": ["example.org"]}], HTTP, address_type="FQDN"),
                id="a name instead of an address",
            ),
            pytest.param(slice_of("s", [], HTTP), id="empty"),
        ],
    )
    def test_what_is_not_an_endpoint(self, piece: Object) -> None:
        assert refusal(self.BARE, piece) == (
            "x/Service/web has no endpoints: it has no selector, and no EndpointSlice or Endpoints with ready "
            "addresses is in the input"
        )

    def test_unknown_readiness_counts_as_ready(self) -> None:
        unknown = slice_of("s", [{"addresses": ["192.0.2.7"], "conditions": {}}], self.HTTP)
        assert behind(self.BARE, unknown) == [("192.0.2.7", "TCP", 8080, 80)]

    def test_a_service_with_a_selector_needs_no_slices(self) -> None:
        stale = slice_of("s", [{"addresses": ["192.0.2.7"]}], self.HTTP)
        assert {end for end, *_ in behind(service({"name": "http", "port": 80}), stale)} == {"x/web", "x/old"}
