"""Explanations: for each side each policy and rule, whether it allows, why not, and where it is written."""

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import state_of
from tests.engine.policies.test_matching import end_of
from tests.engine.policies.test_network_policies import compiled
from tests.model.places import on_line
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespace,
    namespaces,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.engine.answers.explanations import explain
from ringfence.engine.answers.reasons import PairReason, RuleReason, SideReason
from ringfence.engine.answers.verdicts import is_exempt, traffic_between
from ringfence.engine.policies import End
from ringfence.engine.state import State
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

DB = labelled(app="db")
WORLD = [
    namespace("prod"),
    pod("prod/web", {"app": "web"}),
    pod("prod/db", {"app": "db"}, ports=[container_port("mysql", 3306)]),
    pod("staging/web", {"app": "web"}),
]
MYSQL = Traffic.of("TCP", [(3306, 3306)])
ORIGIN = "policies.yaml"


def paths(tree: Any, path: str = "") -> Iterator[str]:
    """The path of every field, in the order in which they are written."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        inner = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key
        yield inner
        yield from paths(child, inner)


def world(*policies: Object, more: list[Object] = WORLD) -> State:
    """The world with policies of which every field is on a line of its own."""
    state = state_of(more)
    for one in policies:
        origin = Origin(ORIGIN, 1, fields={path: on_line(line) for line, path in enumerate(paths(one), start=2)})
        state.upsert(compiled(one).policy, origin)
    return state


def line_of(written: Object, path: str) -> int:
    return list(paths(written)).index(path) + 2


def why(state: State, source: str, destination: str, asked: Traffic | None = MYSQL) -> PairReason:
    return explain(state, end_of(state, source), end_of(state, destination), asked)


def why_rule(rule: Object, source: str = "prod/web", asked: Traffic | None = MYSQL) -> RuleReason:
    """Why the one ingress rule of prod/db allows, or does not."""
    side = why(world(policy("prod/p", DB, ingress=[rule])), source, "prod/db", asked).ingress
    ((reason,),) = (one.rules for one in side.policies)
    return reason


NO_SUCH_PORT = ", and the destination has no port with that name"

# --- a rule -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "allows", "reason"),
    [
        pytest.param(
            {}, True, "it has no peers, so it matches every peer, on all ports", id="a rule that says nothing"
        ),
        pytest.param(admits(pods({})), True, "from[0] matches, on all ports", id="a peer"),
        pytest.param(
            admits(pods(labelled(app="api")), pods(labelled(app="web")), ports=[port(80), port(3306)]),
            True,
            "from[1] matches, on TCP 80,3306",
            id="the second of two peers",
        ),
        pytest.param(
            admits(ports=[port("mysql")]), True, "it has no peers, so it matches every peer, on TCP 3306", id="name"
        ),
        pytest.param(admits(pods(labelled(app="api"))), False, "no peer selects prod/web", id="no peer"),
        pytest.param(
            admits(pods({}), ports=[port(80), port(443), port(53, "UDP")]),
            False,
            "TCP 3306 is not among its ports (TCP 80,443; UDP 53)",
            id="other ports",
        ),
        pytest.param(
            admits(pods(labelled(app="api")), ports=[port(80)]),
            False,
            "no peer selects prod/web, and TCP 3306 is not among its ports (TCP 80)",
            id="neither peers nor ports",
        ),
        pytest.param(
            admits(ports=[port("http")]),
            False,
            f"TCP 3306 is not among its ports: it names http/TCP{NO_SUCH_PORT}",
            id="a name that the destination does not know",
        ),
        pytest.param(
            admits(ports=[port("mysql", "UDP")]),
            False,
            f"TCP 3306 is not among its ports: it names mysql/UDP{NO_SUCH_PORT}",
            id="a name under another protocol",
        ),
        pytest.param(
            admits(ports=[port(80), port("http"), port("mysql", "UDP")]),
            False,
            f"TCP 3306 is not among its ports (TCP 80): it names http/TCP and mysql/UDP{NO_SUCH_PORT}",
            id="names beside numbers",
        ),
    ],
)
def test_why_a_rule_allows_or_not(rule: Object, allows: bool, reason: str) -> None:
    found = why_rule(rule)
    assert (found.allows, found.reason) == (allows, reason)


def test_without_a_question_a_rule_allows_whatever_it_carries() -> None:
    assert why_rule(admits(pods({}), ports=[port(80)]), asked=None).reason == "from[0] matches, on TCP 80"
    lost = why_rule(admits(pods({}), ports=[port("http")]), asked=None)
    assert (lost.allows, lost.reason) == (False, f"its ports mean nothing here: it names http/TCP{NO_SUCH_PORT}")


def test_a_rule_knows_its_two_halves_and_what_its_ports_stand_for() -> None:
    rule = why_rule(admits(pods({}), ports=[port("mysql"), port(80)]))
    assert (rule.selects, rule.carries, rule.traffic) == (True, True, Traffic.of("TCP", [(80, 80), (3306, 3306)]))
    rule = why_rule(admits(pods(labelled(app="api")), ports=[port(3306)]))
    assert (rule.selects, rule.carries) == (False, True)


def test_a_name_in_an_egress_rule_is_looked_up_on_the_destination() -> None:
    written = policy("prod/p", labelled(app="web"), egress=[sends(ports=[port("mysql")])])
    ((rule,),) = (one.rules for one in why(world(written), "prod/web", "prod/db").egress.policies)
    assert (rule.allows, rule.traffic) == (True, MYSQL)


# --- where it is written ----------------------------------------------------------------------------------------------


def test_policies_rules_and_peers_are_found_where_they_are_written() -> None:
    written = policy(
        "prod/p",
        DB,
        ingress=[
            admits(pods(labelled(app="api"))),
            admits(namespaces(labelled(team="a"), labelled(app="web")), block("10.0.0.0/8")),
        ],
    )
    side = why(world(written), "prod/web", "prod/db").ingress
    (reason,) = side.policies
    assert str(reason.place) == f"{ORIGIN}:1"
    first, second = reason.rules

    def at(path: str) -> str:
        return f"{ORIGIN}:{line_of(written, path)}"

    assert str(first.place) == at("spec.ingress[0]")
    assert str(second.place) == at("spec.ingress[1]")
    assert [str(peer.place) for peer in first.peers] == [at("spec.ingress[0].from[0].podSelector.matchLabels.app")]
    assert [str(peer.place) for peer in second.peers] == [
        at("spec.ingress[1].from[0].namespaceSelector.matchLabels.team"),
        at("spec.ingress[1].from[1].ipBlock"),
    ]


def test_an_object_without_an_origin_has_no_places() -> None:
    state = state_of([*WORLD, policy("prod/p", DB, ingress=[admits(pods(labelled(app="api")))])])
    (reason,) = why(state, "prod/web", "prod/db").ingress.policies
    assert (reason.place, reason.rules[0].place, reason.rules[0].peers[0].place) == (None, None, None)


def test_policies_are_listed_by_name_and_only_those_that_isolate() -> None:
    state = world(
        policy("prod/z", DB, ingress=[]),
        policy("prod/a", {}, ingress=[{}]),
        policy("prod/other-pods", labelled(app="web"), ingress=[]),
        policy("prod/other-direction", DB, egress=[]),
        policy("staging/elsewhere", {}, ingress=[]),
    )
    side = why(state, "prod/web", "prod/db").ingress
    assert [one.policy.name for one in side.policies] == ["a", "z"]
    assert [one.rules for one in side.policies][1] == ()


# --- a side -----------------------------------------------------------------------------------------------------------


def verdict_on(side: SideReason) -> tuple[bool, bool, str]:
    return side.isolated, side.allowed, side.exempt


class TestSides:
    def test_a_pod_that_no_policy_isolates_allows_everything(self) -> None:
        side = why(world(), "prod/web", "prod/db").egress
        assert verdict_on(side) == (False, True, "")
        assert (side.traffic, side.policies) == (ALL_TRAFFIC, ())

    def test_both_sides_are_explained_even_if_one_denies(self) -> None:
        state = world(policy("prod/p", {}, ingress=[], egress=[]))
        reason = why(state, "prod/web", "prod/db")
        assert not reason.allowed
        assert [verdict_on(side) for side in (reason.egress, reason.ingress)] == [(True, False, "")] * 2
        assert [side.direction for side in (reason.egress, reason.ingress)] == [Direction.EGRESS, Direction.INGRESS]

    def test_a_pod_always_reaches_itself(self) -> None:
        reason = why(world(policy("prod/p", {}, ingress=[], egress=[])), "prod/db", "prod/db")
        assert reason.allowed
        assert reason.egress.exempt == reason.ingress.exempt == "a pod always reaches itself"

    def test_a_node_always_reaches_its_pods(self) -> None:
        objects = [node("n", "192.168.0.1"), pod("x/a", nodeName="n"), pod("x/h", hostNetwork=True, nodeName="n")]
        state = world(policy("x/p", {}, ingress=[]), more=objects)
        for source in ("192.168.0.1", "x/h"):
            reason = why(state, source, "x/a", None)
            assert reason.allowed
            assert reason.ingress.exempt == "a node always reaches the pods that run on it"

    def test_policies_do_not_apply_outside_the_cluster(self) -> None:
        reason = why(world(policy("prod/p", DB, ingress=[])), "192.0.2.1", "prod/db")
        assert verdict_on(reason.egress) == (False, True, "policies do not apply outside the cluster")
        assert verdict_on(reason.ingress) == (True, False, "")

    def test_a_host_network_pod_is_never_isolated(self) -> None:
        state = world(policy("x/p", {}, egress=[]), more=[pod("x/h", hostNetwork=True), pod("y/a")])
        side = why(state, "x/h", "y/a").egress
        assert verdict_on(side) == (False, True, "x/h uses its node's network, and policies do not apply to it")

    def test_pods_without_a_common_family_cannot_meet(self) -> None:
        more = [pod("x/a", addresses=["10.0.0.1"]), pod("x/b", addresses=["fd00::1"])]
        reason = why(world(policy("x/p", {}, ingress=[admits(pods({}))]), more=more), "x/a", "x/b", None)
        assert not reason.allowed
        assert reason.ingress.exempt == "x/b and x/a have no address family in common, so they cannot meet"

    def test_the_family_that_is_denied_is_named(self) -> None:
        more = [
            pod("x/a", addresses=["10.0.0.1", "fd00::1"]),
            pod("x/b", {"app": "db"}, addresses=["10.0.0.2", "fd00::2"]),
        ]
        state = world(policy("x/p", DB, ingress=[admits(block("10.0.0.0/8"))]), more=more)
        side = why(state, "x/a", "x/b").ingress
        assert (side.allowed, side.denied_over) == (False, (Family.IPV6,))
        ((rule,),) = (one.rules for one in side.policies)
        assert rule.peers[0].reason == "over IPv4 only: ipBlock 10.0.0.0/8 contains x/a's address"

    def test_a_family_that_the_other_end_lacks_is_not_denied(self) -> None:
        more = [pod("x/a", addresses=["10.0.0.1"]), pod("x/b", {"app": "db"}, addresses=["10.0.0.2", "fd00::2"])]
        state = world(policy("x/p", DB, ingress=[admits(block("10.0.0.0/8"))]), more=more)
        side = why(state, "x/a", "x/b").ingress
        assert (side.allowed, side.denied_over) == (True, ())


class TestSeveralAddresses:
    def test_some_may_be_allowed_by_one_peer_and_some_by_another(self) -> None:
        rules = [admits(block("10.0.0.0/26"), block("10.0.0.64/26")), admits(block("10.0.0.128/25"))]
        side = why(world(policy("prod/p", DB, ingress=rules)), "10.0.0.0/24", "prod/db").ingress
        assert side.allowed
        assert not side.denied_for
        assert [rule.allows for one in side.policies for rule in one.rules] == [True, True]

    def test_those_that_are_denied_are_named(self) -> None:
        state = world(policy("prod/p", DB, ingress=[admits(block("10.0.0.0/25"))]))
        side = why(state, "10.0.0.0/24", "prod/db").ingress
        assert not side.allowed
        assert side.denied_for.cidrs() == ["10.0.0.128/25"]

    def test_where_all_are_denied_none_needs_a_name(self) -> None:
        state = world(policy("prod/p", DB, ingress=[admits(block("192.0.2.0/24"))]))
        assert not why(state, "10.0.0.0/24", "prod/db").ingress.denied_for


# --- hints ------------------------------------------------------------------------------------------------------------


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

    def test_a_name_under_another_protocol_is_told(self) -> None:
        assert self.hints(port("mysql", "UDP")) == ("mysql is TCP 3306 of prod/db: the rule names it under UDP",)

    def test_so_is_one_under_the_protocol_of_entries_without_one(self) -> None:
        assert self.hints(port("dns"), labels=labelled(app="dns")) == (
            "dns is UDP 53 of prod/dns: the rule names it under TCP, the protocol of a port entry without one",
        )

    @pytest.mark.parametrize("name", ["mysql", "unknown"])
    def test_nothing_is_told_of_a_name_that_is_right_or_that_no_port_has(self, name: str) -> None:
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


# --- assumptions ------------------------------------------------------------------------------------------------------

IN_TEN = "the address of prod/web is not known: it is taken not to lie in ipBlock 10.0.0.0/8"
IN_ALL = "the address of prod/web is not known: it is taken to lie in ipBlock 0.0.0.0/0"


@pytest.mark.parametrize(
    ("rules", "assumptions"),
    [
        pytest.param([admits(block("10.0.0.0/8"))], (IN_TEN,), id="a no that an address could turn"),
        pytest.param([admits(block("0.0.0.0/0"))], (IN_ALL,), id="a yes that an address could turn"),
        pytest.param([admits(block("10.0.0.0/8")), {}], (), id="a yes that is certain anyway"),
        pytest.param([admits(block("0.0.0.0/0"), pods({}))], (), id="a yes that is certain by another peer"),
        pytest.param([admits(block("10.0.0.0/8"), ports=[port(80)])], (), id="a rule about other ports"),
        pytest.param([admits(pods(labelled(app="api")))], (), id="a no that is certain"),
    ],
)
def test_an_answer_names_the_facts_on_which_it_depends(rules: list[Object], assumptions: tuple[str, ...]) -> None:
    reason = why(world(policy("prod/p", DB, ingress=rules)), "prod/web", "prod/db")
    assert reason.assumptions == assumptions


def test_what_is_certain_over_one_family_may_hang_on_a_fact_over_the_other() -> None:
    dual = [
        pod("x/a", addresses=["10.0.0.1", "fd00::1"]),
        pod("prod/db", {"app": "db"}, addresses=["10.0.0.2", "fd00::2"]),
    ]
    either = admits(block("10.0.0.0/8"), namespaces(labelled(team="a")))
    reason = why(world(policy("prod/p", DB, ingress=[either]), more=dual), "x/a", "prod/db")
    assert not reason.allowed
    (assumption,) = reason.assumptions
    assert assumption.startswith("no Namespace object for x is in the input")


def test_without_a_question_all_that_passes_may_hang_on_a_fact() -> None:
    rules = [admits(pods({}), ports=[port(3306)]), admits(block("0.0.0.0/0"), ports=[port(80)])]
    reason = why(world(policy("prod/p", DB, ingress=rules)), "prod/web", "prod/db", None)
    assert reason.allowed, "surely, but perhaps on less"
    assert reason.assumptions == (IN_ALL,)


def test_a_side_that_surely_denies_makes_the_other_ones_assumptions_pointless() -> None:
    written = policy("prod/p", DB, ingress=[admits(block("10.0.0.0/8"))])
    closed = policy("prod/q", labelled(app="web"), egress=[])
    assert why(world(written, closed), "prod/web", "prod/db").assumptions == ()


def test_policies_that_might_apply_to_a_host_network_pod_are_named() -> None:
    more = [pod("x/h", {"app": "db"}, hostNetwork=True), pod("x/a")]
    state = world(
        policy("x/p", DB, ingress=[]),
        policy("x/q", DB, egress=[]),
        policy("x/r", labelled(app="o"), ingress=[]),
        more=more,
    )
    assert why(state, "x/a", "x/h").assumptions == ("x/h uses its node's network: x/p is taken not to apply to it",)


AUTHORIZATION = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
CILIUM = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "spec": {"ingress": [{}], "endpointSelector": {}},
}


@pytest.mark.parametrize(("unread", "may_allow"), [(CILIUM, True), (AUTHORIZATION, False)])
def test_a_no_is_certain_where_what_is_not_read_can_only_deny(unread: Object, may_allow: bool) -> None:
    named = {**unread, "metadata": {"name": "a", "namespace": "prod"}}
    denying = [*WORLD, named, policy("prod/p", DB, ingress=[])]
    assert bool(why(state_of([*WORLD, named]), "prod/web", "prod/db").assumptions)
    assert bool(why(state_of(denying), "prod/web", "prod/db").assumptions) is may_allow


def test_pods_that_cannot_meet_need_no_assumption() -> None:
    apart = [pod("x/a", addresses=["10.0.0.1"]), pod("x/b", addresses=["fd00::1"])]
    named = {**CILIUM, "metadata": {"name": "a", "namespace": "x"}}
    assert why(state_of([*apart, named]), "x/a", "x/b").assumptions == ()


def test_a_policy_about_nodes_puts_pods_with_their_network_in_doubt() -> None:
    nodes = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": {"name": "a"},
        "spec": {"nodeSelector": {}, "ingress": [{}]},
    }
    state = state_of([pod("x/h", hostNetwork=True), pod("x/a"), nodes])
    (assumption,) = why(state, "x/a", "x/h").assumptions
    assert assumption.startswith("CiliumClusterwideNetworkPolicy.cilium.io a (")
    assert why(state, "x/h", "x/a").assumptions == ()


# --- against the verdict ----------------------------------------------------------------------------------------------

questions = st.none() | st.builds(
    lambda protocol, number: Traffic.of(protocol, [(number, number)]),
    st.sampled_from(strategies.PROTOCOLS),
    st.sampled_from(strategies.PORT_NUMBERS),
)
outside = st.sampled_from([*strategies.OUTSIDE, *strategies.CIDRS]).map(lambda text: Addresses.of(ip_network(text)))


@settings(max_examples=settings().max_examples // 4)
@given(strategies.clusters(), questions, outside)
def test_an_explanation_says_what_the_verdict_says_and_its_rules_say_why(
    objects: list[Object], asked: Traffic | None, address: Addresses
) -> None:
    state = state_of(objects)
    ends: list[End] = [*state.members(), address]
    for source, destination in product(ends, repeat=2):
        reason = explain(state, source, destination, asked)
        passing = traffic_between(state, source, destination)
        assert reason.allowed is (not asked - passing if asked else bool(passing))
        if not is_exempt(state, source, destination):
            for side in (reason.egress, reason.ingress):
                assert_rules_bear_it_out(side)


def assert_rules_bear_it_out(side: SideReason) -> None:
    """A side that allows has a rule that does; one that denies has none, but for another address."""
    allowing = [rule for one in side.policies for rule in one.rules if rule.allows]
    if not side.isolated:
        assert side.policies == ()
        assert side.traffic == (NO_TRAFFIC if "no address family" in side.exempt else ALL_TRAFFIC)
    elif side.allowed:
        assert allowing
    else:
        assert not allowing or side.denied_over or side.denied_for or side.exempt


@settings(max_examples=settings().max_examples // 4)
@given(strategies.clusters(), questions)
def test_an_answer_without_assumptions_survives_learning_every_address(
    objects: list[Object], asked: Traffic | None
) -> None:
    known = [with_addresses(obj) for obj in objects]
    assert_certain_answers_stay(objects, known, asked)


@settings(max_examples=settings().max_examples // 4)
@given(
    strategies.clusters(),
    questions,
    st.dictionaries(st.sampled_from(strategies.NAMESPACES), st.sampled_from(strategies.LABELS)),
)
def test_an_answer_without_assumptions_survives_learning_the_labels_of_namespaces(
    objects: list[Object], asked: Traffic | None, labels: dict[str, dict[str, str]]
) -> None:
    defined = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"}
    more = [namespace(name, **own) for name, own in labels.items() if name not in defined]
    assume(more)
    assert_certain_answers_stay(objects, [*objects, *more], asked)


def with_addresses(obj: Object) -> Object:
    """The object, with both its addresses if it is a pod of which none is known."""
    if obj["kind"] != "Pod" or obj["spec"].get("hostNetwork") or obj["status"]["podIPs"] or "podIP" in obj["status"]:
        return obj
    addresses = strategies.POD_ADDRESSES[f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"]
    return {**obj, "status": {**obj["status"], "podIPs": [{"ip": address} for address in addresses]}}


def assert_certain_answers_stay(less: list[Object], more: list[Object], asked: Traffic | None) -> None:
    before, after = state_of(less), state_of(more)
    names = [str(one) for one in before.members()]
    for source, destination in product(names, repeat=2):
        reason = why(before, source, destination, asked)
        if not reason.assumptions:
            then, now = (
                traffic_between(state, end_of(state, source), end_of(state, destination)) for state in (before, after)
            )
            assert (then & asked == now & asked) if asked else then == now, (source, destination)
