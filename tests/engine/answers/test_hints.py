"""Hints: the mistakes with Services that an explanation points out, and rules that are not such mistakes."""

import pytest
from tests.analysis.endpoints.test_endpoints import service
from tests.analysis.endpoints.test_services import slice_of
from tests.engine.answers.test_verdicts import outside
from tests.engine.members import member_in, state_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespaces,
    pod,
    policy,
    port,
    sends,
)

from ringfence.engine.answers.explanations import explain
from ringfence.sets.traffic import Traffic

DB = pod("x/db", {"app": "db"}, ports=[container_port("mysql", 3306)], addresses=["10.0.0.1"])
CLIENT = pod("x/client", {"app": "client"}, addresses=["10.0.0.2"])
MYSQL = Traffic.of("TCP", [(3306, 3306)])


def to_mysql(path: str = "x/mysql", **changes: object) -> Object:
    """A Service that leads from port 80 to the port 3306 of x/db."""
    given = {"ports": [{"port": 80, "targetPort": 3306}], "clusterIP": "10.96.0.1"}
    written = service(path, {"app": "db"})
    return {**written, "spec": {**written["spec"], **given, **changes}}


def ingress_hints(ports: list[Object], *services: Object, asked: Traffic | None = MYSQL) -> tuple[str, ...]:
    """The hints about a rule of x/db that admits everyone on some ports."""
    return hints_of(policy("x/p", labelled(app="db"), ingress=[admits(ports=ports)]), *services, asked=asked)


def egress_hints(peer: Object, *services: Object) -> tuple[str, ...]:
    """The hints about a rule of x/client that names a peer."""
    return hints_of(policy("x/p", labelled(app="client"), egress=[sends(peer)]), *services)


def hints_of(written: Object, *services: Object, asked: Traffic | None = MYSQL) -> tuple[str, ...]:
    state = state_of([DB, CLIENT, written, *services])
    found = explain(state, member_in(state, "x/client"), member_in(state, "x/db"), asked)
    return tuple(
        hint
        for side in (found.egress, found.ingress)
        for one in side.policies
        for rule in one.rules
        for hint in rule.hints
    )


# --- the port of a Service --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [3306, "mysql"])
def test_a_rule_names_the_port_of_a_service_where_the_pods_listen_on_another(target: int | str) -> None:
    leading = to_mysql(ports=[{"port": 80, "targetPort": target}])
    assert ingress_hints([port(80)], leading) == (
        f"80 is the port of Service x/mysql, which leads to port {target} of its pods: a rule must name the pods' port",
    )


def test_a_service_that_keeps_the_port_is_no_mistake() -> None:
    """The rule has the right port and lacks another one of those that were asked for."""
    same = to_mysql(ports=[{"port": 3306, "targetPort": 3306}])
    assert ingress_hints([port(3306)], same, asked=Traffic.of("TCP", [(3306, 3307)])) == ()


@pytest.mark.parametrize(
    ("leading", "ports"),
    [
        pytest.param(to_mysql(), [port(81)], id="another port"),
        pytest.param(to_mysql(), [port(80, "UDP")], id="another protocol"),
        pytest.param(to_mysql(clusterIP="None"), [port(80)], id="a headless Service translates no ports"),
        pytest.param(to_mysql(ports=[{"port": 80, "targetPort": 81}]), [port(80)], id="leads elsewhere"),
        pytest.param(to_mysql(selector={"app": "web"}), [port(80)], id="a Service of other pods"),
        pytest.param(to_mysql(selector={}), [port(80)], id="a Service without a selector"),
        pytest.param(to_mysql("y/mysql"), [port(80)], id="elsewhere"),
        pytest.param(to_mysql(), [port(80), port(3306)], id="a rule that has the port of the pods, too"),
    ],
)
def test_other_rules_give_no_hint_about_ports(leading: Object, ports: list[Object]) -> None:
    assert ingress_hints(ports, leading) == ()


def test_without_a_question_about_a_port_there_is_no_hint() -> None:
    assert ingress_hints([port("none")], to_mysql(), asked=None) == ()


# --- the address of a Service -----------------------------------------------------------------------------------------


def test_a_rule_names_the_address_of_a_service_where_it_had_to_select_pods() -> None:
    assert egress_hints(block("10.96.0.0/16"), to_mysql()) == (
        "10.96.0.1 is the address of Service x/mysql, which a pod's address replaces before policies are looked at: "
        "a rule must select the pods",
    )


@pytest.mark.parametrize(
    ("peer", "leading"),
    [
        pytest.param(block("10.97.0.0/16"), to_mysql(), id="other addresses"),
        pytest.param(block("10.96.0.0/16"), to_mysql(selector={"app": "web"}), id="a Service of other pods"),
        pytest.param(block("0.0.0.0/0"), to_mysql(), id="a block that holds the pod, too"),
        pytest.param(namespaces({}), to_mysql(), id="a selector"),
    ],
)
def test_other_peers_give_no_hint_about_addresses(peer: Object, leading: Object) -> None:
    assert egress_hints(peer, leading) == ()


def test_an_ingress_rule_is_about_sources_so_no_service_is_in_it() -> None:
    written = policy("x/p", labelled(app="db"), ingress=[admits(block("10.96.0.0/16"))])
    assert hints_of(written, to_mysql()) == ()


@pytest.mark.parametrize(
    ("fields", "status", "address"),
    [
        pytest.param({"externalIPs": ["198.51.100.7"]}, {}, "198.51.100.7", id="an external IP"),
        pytest.param(
            {"type": "LoadBalancer"},
            {"loadBalancer": {"ingress": [{"hostname": "lb.example"}, {"ip": "198.51.100.8"}]}},
            "198.51.100.8",
            id="a load balancer",
        ),
    ],
)
def test_every_address_that_nodes_rewrite_is_one_of_the_service(fields: Object, status: Object, address: str) -> None:
    assert egress_hints(block("198.51.100.0/24"), {**to_mysql(**fields), "status": status}) == (
        f"{address} is the address of Service x/mysql, which a pod's address replaces before policies are looked at: "
        "a rule must select the pods",
    )


def test_connections_go_through_a_load_balancer_in_proxy_mode_so_its_address_is_what_policies_see() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "198.51.100.8", "ipMode": "Proxy"}]}}
    assert egress_hints(block("198.51.100.0/24"), {**to_mysql(), "status": status}) == ()


class TestAddressesBehindAService:
    """The API server is the commonest: a Service without a selector, whose EndpointSlices have addresses of hosts."""

    @staticmethod
    def hints(*addresses: str, of: str = "web", selector: dict[str, str] | None = None) -> tuple[str, ...]:
        written = policy("x/p", labelled(app="client"), egress=[sends(block("10.96.0.1/32"))])
        kubernetes = service("x/web", selector or {}, clusterIP="10.96.0.1")
        labels = {"kubernetes.io/service-name": of}
        piece = slice_of("web-1", [{"addresses": list(addresses)}])
        state = state_of([CLIENT, written, kubernetes, {**piece, "metadata": {**piece["metadata"], "labels": labels}}])
        found = explain(state, member_in(state, "x/client"), outside("192.0.2.11/32"), None)
        return tuple(hint for one in found.egress.policies for rule in one.rules for hint in rule.hints)

    def test_a_rule_names_the_address_of_the_service(self) -> None:
        assert self.hints("192.0.2.11") == (
            "10.96.0.1 is the address of Service x/web, which leads to 192.0.2.11: a rule must select what is behind "
            "it",
        )

    def test_a_service_that_leads_elsewhere_gives_no_hint(self) -> None:
        assert self.hints("192.0.2.12") == ()
        assert self.hints("192.0.2.11", of="other") == ()
        assert self.hints("192.0.2.11", selector={"app": "web"}) == ()
