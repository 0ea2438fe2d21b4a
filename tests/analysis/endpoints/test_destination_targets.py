"""The targets of a question at the ends of a destination: ports by number, range and name, through Services."""

import pytest
from tests.analysis.endpoints.test_endpoints import service
from tests.semantics.judges import cluster_of
from tests.semantics.objects import container_port, pod

from ringfence.analysis.endpoints.destination_targets import Targets, targets
from ringfence.analysis.endpoints.endpoints import resolve
from ringfence.analysis.endpoints.ports import asked_ports
from ringfence.engine.policies import end_text
from ringfence.errors import EndpointError

WORLD = [
    pod("x/new", {"app": "web"}, ports=[container_port("http", 8080), container_port("metrics", 9100)]),
    pod("x/old", {"app": "web"}, ports=[container_port("http", 80)]),
    pod("x/db", {"app": "db"}),
    service(
        "x/web",
        {"app": "web"},
        ports=[{"name": "web", "port": 80, "targetPort": "http"}, {"name": "admin", "port": 9000}],
    ),
    service("x/headless", {"app": "web"}, clusterIP="None", ports=[{"name": "web", "port": 80}]),
    service("x/unnamed", {"app": "db"}, ports=[{"port": 3306}]),
]


def asked(destination: str, *ports: int | str) -> Targets:
    state = cluster_of(WORLD).state
    return targets(state, resolve(state, destination, "x"), asked_ports(ports or None))


def texts(destination: str, *ports: int | str) -> list[str]:
    """Each target as `END TRAFFIC`, with the port of a Service that leads there."""
    return [
        f"{end_text(one.end)} {one.asked}" + (f" from {one.service_port}" if one.service_port else "")
        for one in asked(destination, *ports).found
    ]


def refusal(destination: str, *ports: int | str) -> str:
    with pytest.raises(EndpointError) as raised:
        asked(destination, *ports)
    return str(raised.value)


class TestPods:
    def test_numbers_are_asked_of_every_pod(self) -> None:
        assert texts("app=web", 80, "8000-8080") == ["x/new TCP 80,8000-8080", "x/old TCP 80,8000-8080"]

    def test_a_name_is_the_port_that_each_pod_gives_it(self) -> None:
        assert texts("app=web", "http") == ["x/new TCP 8080", "x/old TCP 80"]

    def test_pods_without_a_port_of_the_name_are_left_out_and_listed(self) -> None:
        assert texts("app=web", "metrics") == ["x/new TCP 9100"]
        assert [(str(pod), str(name)) for pod, name in asked("app=web", "metrics").unnamed] == [("x/old", "metrics")]

    def test_their_other_ports_still_count(self) -> None:
        assert texts("app=web", "metrics", 22) == ["x/new TCP 22,9100", "x/old TCP 22"]

    def test_without_ports_all_traffic_is_asked(self) -> None:
        assert texts("db") == ["x/db None"]
        assert texts("db", "all", 80) == ["x/db None"]

    def test_a_name_that_no_pod_has_is_an_error_with_the_names_that_there_are(self) -> None:
        assert refusal("app=web", "metric") == (
            "app=web has no port called metric; its port names: http (TCP 80), http (TCP 8080), metrics (TCP 9100)"
        )
        assert refusal("new", "http/UDP") == (
            "new has no port called http/UDP; its port names: http (TCP 8080), metrics (TCP 9100)"
        )
        assert refusal("db", "http", 80) == "db has no port called http; its port names: none"

    def test_a_name_means_nothing_outside_the_cluster(self) -> None:
        assert texts("192.0.2.1", 80) == ["192.0.2.1 TCP 80"]
        assert refusal("192.0.2.1", "http") == (
            "192.0.2.1 is outside the cluster, where a port name such as http means nothing: use a number"
        )


class TestServices:
    def test_a_number_or_a_name_is_a_port_of_the_service(self) -> None:
        at_targets = ["x/new TCP 8080 from 80", "x/old TCP 80 from 80"]
        assert texts("svc/web", 80) == at_targets
        assert texts("svc/web", "web") == at_targets

    def test_of_a_range_the_ports_that_the_service_has(self) -> None:
        assert texts("svc/web", "8000-9999") == ["x/new TCP 9000 from 9000", "x/old TCP 9000 from 9000"]

    def test_a_port_that_is_asked_for_twice_is_asked_once(self) -> None:
        assert texts("svc/web", "admin", 9000) == texts("svc/web", 9000)

    def test_a_port_that_it_does_not_have_is_an_error_with_the_ports_that_it_has(self) -> None:
        ports = "its ports: 80/TCP, 9000/TCP"
        assert refusal("svc/web", 80, 81) == f"x/Service/web has no port 81/TCP; {ports}"
        assert refusal("svc/web", "1-79") == f"x/Service/web has no port in TCP 1-79; {ports}"
        assert refusal("svc/web", "http") == (
            "x/Service/web has no port called http; its port names: admin (TCP 9000), web (TCP 80)"
        )
        assert refusal("svc/unnamed", "mysql") == "x/Service/unnamed has no port called mysql; its port names: none"

    def test_behind_a_headless_service_numbers_and_names_are_the_pods_own(self) -> None:
        assert texts("svc/headless", 80) == ["x/new TCP 80", "x/old TCP 80"]
        assert texts("svc/headless", "http") == ["x/new TCP 8080", "x/old TCP 80"]
