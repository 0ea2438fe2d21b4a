"""Compiled policies: the YAML, and the sets of pods, addresses and ports that it means."""

import pytest
from tests.semantics.objects import Object, admits, block, labelled, namespaces, pods, policy, port, sends, term

from ringfence.engine.policies.network_policies import compile_policy
from ringfence.engine.policies.rules import CompiledPolicy, CompiledRule
from ringfence.engine.policies.selection import PodSelection
from ringfence.engine.population.facts import HasLabel, LabelIn
from ringfence.model.decoding import decode
from ringfence.model.objects import NetworkPolicy
from ringfence.model.origin import Origin
from ringfence.model.policies import Direction, defaulted
from ringfence.model.selector_text import parse_selector
from ringfence.model.selectors import EVERYTHING
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

TCP, UDP = Traffic.of("TCP"), Traffic.of("UDP")


def compiled(written: Object, origin: Origin | None = None) -> CompiledPolicy[NetworkPolicy]:
    decoded = decode(written)
    assert isinstance(decoded, NetworkPolicy)
    return compile_policy(defaulted(decoded), origin)


def compiled_rule(written: Object) -> CompiledRule:
    """The one rule of a policy for ingress in namespace x."""
    (rule,) = compiled(policy("x/p", ingress=[written])).rules[Direction.INGRESS]
    return rule


def test_a_policy_is_about_pods_of_its_own_namespace() -> None:
    one = compiled(policy("x/p", labelled(app="db")))
    assert one.subject == PodSelection(parse_selector("app=db"), namespace="x")
    assert (one.namespace, one.name) == ("x", "p")


def test_a_policy_without_a_namespace_is_in_default() -> None:
    written = policy("x/p")
    del written["metadata"]["namespace"]
    assert compiled(written).namespace == "default"
    assert compiled(written).subject.namespace == "default"


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        pytest.param({}, {"Ingress"}, id="nothing said: ingress"),
        pytest.param({"egress": []}, {"Ingress"}, id="an empty list of egress rules does not count"),
        pytest.param({"egress": [{}]}, {"Ingress", "Egress"}, id="an egress rule does"),
        pytest.param({"policyTypes": ["Egress"], "ingress": [{}]}, {"Egress"}, id="policyTypes decide"),
        pytest.param({"policyTypes": ["Ingress"], "egress": [{}]}, {"Ingress"}, id="rules beside them are inert"),
    ],
)
def test_which_directions_a_policy_touches(spec: Object, directions: set[str]) -> None:
    one = compiled(policy("x/p", **{"policyTypes": [], **spec}))
    assert {direction.value for direction in one.rules} == directions


def test_a_direction_without_rules_is_isolated_and_allowed_nothing() -> None:
    assert compiled(policy("x/p", ingress=[])).rules == {Direction.INGRESS: ()}


def test_where_a_policy_was_read_is_kept() -> None:
    origin = Origin("db.yaml", 3)
    assert compiled(policy("x/p"), origin).origin is origin


class TestPeers:
    @pytest.mark.parametrize("written", [{}, {"from": []}, {"from": None}])
    def test_no_peers_are_everyone(self, written: Object) -> None:
        peers = compiled_rule(written).peers
        assert (peers.everyone, peers.selections, peers.block) == (True, (), None)

    @pytest.mark.parametrize(
        ("written", "selection"),
        [
            (pods({}), PodSelection(EVERYTHING, namespace="x")),
            (pods(labelled(app="web")), PodSelection(parse_selector("app=web"), namespace="x")),
            (namespaces({}), PodSelection(EVERYTHING, namespaces=EVERYTHING)),
            (namespaces(labelled(team="a")), PodSelection(EVERYTHING, namespaces=parse_selector("team=a"))),
            (
                namespaces(labelled(team="a"), labelled(app="web")),
                PodSelection(parse_selector("app=web"), namespaces=parse_selector("team=a")),
            ),
        ],
    )
    def test_the_pods_of_a_peer(self, written: Object, selection: PodSelection) -> None:
        peers = compiled_rule(admits(written)).peers
        assert peers.selections == (selection,)
        assert not peers.everyone
        assert not peers.addresses, "selectors never mean addresses"

    def test_selectors_that_say_the_same_are_the_same(self) -> None:
        a = compiled_rule(admits(pods({"matchLabels": {"a": "1", "b": "2"}}))).peers
        b = compiled_rule(admits(pods({"matchLabels": {"b": "2", "a": "1"}}))).peers
        in_words = {
            "matchExpressions": [{"key": key, "operator": "In", "values": [value]} for key, value in ("b2", "a1")]
        }
        assert a == b == compiled_rule(admits(pods(in_words))).peers

    def test_the_addresses_of_all_blocks_of_a_rule_are_one_set(self) -> None:
        peers = compiled_rule(admits(block("10.0.0.0/24", "10.0.0.128/25"), block("10.0.1.0/25"), block("fd00::/64")))
        assert peers.peers.addresses.cidrs() == ["10.0.0.0/25", "10.0.1.0/25", "fd00::/64"]

    def test_what_one_block_leaves_out_another_may_put_in(self) -> None:
        rule = compiled_rule(admits(block("10.0.0.0/8", "10.1.0.0/16"), block("10.1.2.0/24")))
        assert "10.1.2.0/24" in rule.peers.addresses.cidrs()

    @pytest.mark.parametrize(
        ("cidr", "less", "covers"),
        [
            ("0.0.0.0/0", (), True),
            ("::/0", (), True),
            ("0.0.0.0/0", ("10.0.0.0/8",), True),
            ("0.0.0.0/0", ("0.0.0.0/1", "128.0.0.0/1"), False),
            ("0.0.0.0/1", (), False),
        ],
    )
    def test_a_block_of_a_whole_family_is_taken_to_hold_unknown_addresses(
        self, cidr: str, less: tuple[str, ...], covers: bool
    ) -> None:
        found = compiled_rule(admits(block(cidr, *less))).peers.block
        assert found is not None
        assert found.covers_family is covers


class TestPorts:
    @pytest.mark.parametrize(
        ("ports", "traffic", "names"),
        [
            pytest.param([], ALL_TRAFFIC, (), id="no ports: all traffic"),
            pytest.param([{}], TCP, (), id="an empty entry: all TCP"),
            pytest.param([{"protocol": "UDP"}], UDP, (), id="a protocol alone: all its ports"),
            pytest.param([port(80)], Traffic.of("TCP", [(80, 80)]), (), id="a port"),
            pytest.param([port(80, to=90)], Traffic.of("TCP", [(80, 90)]), (), id="a range, with both its ends"),
            pytest.param([port(80, to=80)], Traffic.of("TCP", [(80, 80)]), (), id="a range of one port"),
            pytest.param([port(80), port(53, "UDP")], Traffic(((80, 80),), ((53, 53),)), (), id="ports are ORed"),
            pytest.param([port("http")], NO_TRAFFIC, (("http", "TCP"),), id="a name, whatever it stands for"),
            pytest.param(
                [port("dns", "UDP"), port(53)], Traffic.of("TCP", [(53, 53)]), (("dns", "UDP"),), id="names and numbers"
            ),
        ],
    )
    def test_ports(self, ports: list[Object], traffic: Traffic, names: tuple[tuple[str, str], ...]) -> None:
        rule = compiled_rule(admits(ports=ports))
        assert (rule.traffic, rule.port_names) == (traffic, names)


def test_what_a_policy_reads_is_the_subject_the_peers_and_the_names_of_the_rules_in_force() -> None:
    written = policy(
        "x/p",
        labelled(app="db"),
        ingress=[admits(namespaces(labelled(team="a"), term("tier", "Exists")), ports=[port("http")])],
        egress=[sends(block("10.0.0.0/8")), sends(pods(labelled(role="log")))],
        policyTypes=["Ingress"],
    )
    assert set(compiled(written).read_facts) == {LabelIn("app", frozenset({"db"})), HasLabel("tier"), ("http", "TCP")}
    assert not list(compiled(written).blocks), "egress is not in force"
    written["spec"]["policyTypes"] = ["Egress"]
    assert set(compiled(written).read_facts) == {
        LabelIn("app", frozenset({"db"})),
        LabelIn("role", frozenset({"log"})),
    }
    assert [one.addresses.cidrs() for one in compiled(written).blocks] == [["10.0.0.0/8"]]
