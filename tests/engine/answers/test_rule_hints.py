"""Hints about a rule that denies: a Service's port or address in place of the pod's, a name under another protocol."""

import pytest
from tests.engine.answers.explaining import DB, WORLD, why, world
from tests.semantics.objects import Object, admits, block, container_port, labelled, pod, pods, policy, port, sends


def service(path: str, selector: dict[str, str] | None, *ports: Object, **more: str) -> Object:
    owner, name = path.split("/")
    spec = {"selector": selector, "ports": list(ports), **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": owner}, "spec": spec}


class TestServicePortHints:
    """The commonest mistake about ports: the Service's is written where the pods' is needed."""

    RULE = admits(pods({}), ports=[port(80)])

    def hints(self, *services: Object, rule: Object = RULE) -> tuple[str, ...]:
        state = world(policy("prod/p", DB, ingress=[rule]), more=[*WORLD, *services])
        ((reason,),) = (one.rules for one in why(state, "prod/web", "prod/db").ingress.policies)
        return reason.hints

    def test_the_service_and_the_port_behind_it_are_named(self) -> None:
        assert self.hints(service("prod/db", {"app": "db"}, {"port": 80, "targetPort": 3306})) == (
            "80 is the port of Service prod/db, which leads to port 3306 of its pods: a rule must name the pods' port",
        )

    def test_also_by_name(self) -> None:
        assert self.hints(service("prod/db", {"app": "db"}, {"port": 80, "targetPort": "mysql"})) == (
            "80 is the port of Service prod/db, which leads to port mysql of its pods: a rule must name the pods' port",
        )

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(service("prod/db", {"app": "web"}, {"port": 80, "targetPort": 3306}), id="of other pods"),
            pytest.param(service("staging/db", {"app": "db"}, {"port": 80, "targetPort": 3306}), id="of elsewhere"),
            pytest.param(service("prod/db", None, {"port": 80, "targetPort": 3306}), id="without a selector"),
            pytest.param(service("prod/db", {"app": "db"}, {"port": 80}), id="that translates nothing"),
            pytest.param(service("prod/db", {"app": "db"}, {"port": 81, "targetPort": 3306}), id="of another port"),
            pytest.param(
                service("prod/db", {"app": "db"}, {"port": 80, "protocol": "UDP", "targetPort": 3306}),
                id="of another protocol",
            ),
            pytest.param(
                service("prod/db", {"app": "db"}, {"port": 80, "targetPort": 8080}),
                id="that leads to a port nobody asked for",
            ),
            pytest.param(
                service("prod/db", {"app": "db"}, {"port": 80, "targetPort": 3306}, clusterIP="None"),
                id="that is headless, and leads from no port to another",
            ),
        ],
    )
    def test_no_hint_comes_from_a_service(self, other: Object) -> None:
        assert self.hints(other) == ()

    def test_a_rule_that_allows_needs_no_hint(self) -> None:
        one = service("prod/db", {"app": "db"}, {"port": 80, "targetPort": 3306})
        assert self.hints(one, rule=admits(pods({}), ports=[port(80), port(3306)])) == ()

    def test_nor_does_one_that_selects_others(self) -> None:
        one = service("prod/db", {"app": "db"}, {"port": 80, "targetPort": 3306})
        assert self.hints(one, rule=admits(pods(labelled(app="api")), ports=[port(80)])) == ()


class TestProtocolHints:
    """A port name belongs to one protocol, and a port entry without a protocol means TCP."""

    def hints(self, *ports: Object, labels: Object = DB) -> tuple[str, ...]:
        more = [pod("prod/dns", {"app": "dns"}, ports=[container_port("dns", 53, "UDP")])]
        rule = admits(pods({}), ports=ports)
        state = world(policy("prod/p", labels, ingress=[rule]), more=[*WORLD, *more])
        destination = "prod/db" if labels == DB else "prod/dns"
        ((reason,),) = (one.rules for one in why(state, "prod/web", destination).ingress.policies)
        return reason.hints

    def test_a_name_under_another_protocol_is_reported(self) -> None:
        assert self.hints(port("mysql", "UDP")) == ("mysql is TCP 3306 of prod/db: the rule names it under UDP",)

    def test_so_is_one_under_the_protocol_of_entries_without_one(self) -> None:
        assert self.hints(port("dns"), labels=labelled(app="dns")) == (
            "dns is UDP 53 of prod/dns: the rule names it under TCP, the protocol of a port entry without one",
        )

    @pytest.mark.parametrize("name", ["mysql", "unknown"])
    def test_a_name_that_is_right_or_that_no_port_has_needs_no_hint(self, name: str) -> None:
        assert self.hints(port(name)) == ()


class TestClusterIPHints:
    """An ipBlock with the address of a Service never matches: by then the connection goes to a pod."""

    RULE = sends(block("10.96.0.0/16"))

    def hints(self, *, cluster_ip: str, selector: str = "db", rule: Object = RULE) -> tuple[str, ...]:
        behind = service("prod/db", {"app": selector}, {"port": 80})
        behind["spec"]["clusterIP"] = cluster_ip
        state = world(policy("prod/p", labelled(app="web"), egress=[rule]), more=[*WORLD, behind])
        ((reason,),) = (one.rules for one in why(state, "prod/web", "prod/db").egress.policies)
        return reason.hints

    def test_the_service_is_named(self) -> None:
        assert self.hints(cluster_ip="10.96.0.7") == (
            "10.96.0.7 is the address of Service prod/db, which a pod's address replaces before policies are looked "
            "at: a rule must select the pods",
        )

    @pytest.mark.parametrize("cluster_ip", ["10.97.0.7", "fd00::7", "", "None"])
    def test_another_address_is_not_a_hint(self, cluster_ip: str) -> None:
        assert self.hints(cluster_ip=cluster_ip) == ()

    def test_nor_is_a_service_of_other_pods(self) -> None:
        assert self.hints(cluster_ip="10.96.0.7", selector="web") == ()

    def test_a_rule_that_selects_the_pods_needs_none(self) -> None:
        assert self.hints(cluster_ip="10.96.0.7", rule=sends(block("10.96.0.0/16"), pods({}))) == ()
