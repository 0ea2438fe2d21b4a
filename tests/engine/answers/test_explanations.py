"""Explanations: for each side each policy and rule, whether it allows, why not, and where it is written."""

from ipaddress import ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.engine.answers.explaining import DB, MYSQL, ORIGIN, WORLD, line_of, questions, why, world
from tests.engine.members import state_of
from tests.example_counts import examples
from tests.semantics.objects import (
    Object,
    admits,
    block,
    labelled,
    namespaces,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
)
from tests.sets.test_traffic import traffics

from ringfence.engine.answers.explanations import explain, explain_parts, judge_parts
from ringfence.engine.answers.reasons import RuleReason, SideReason
from ringfence.engine.answers.verdicts import is_exempt, traffic_between
from ringfence.engine.policies import End
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.sets.traffic_parts import parted


def why_rule(rule: Object, source: str = "prod/web", asked: Traffic | None = MYSQL) -> RuleReason:
    """The reason why the one ingress rule of prod/db allows or does not allow."""
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
    assert (lost.allows, lost.reason) == (
        False,
        f"its ports match nothing at this destination: it names http/TCP{NO_SUCH_PORT}",
    )


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


# --- against the verdict ----------------------------------------------------------------------------------------------

outside = st.sampled_from([*strategies.OUTSIDE, *strategies.CIDRS]).map(lambda text: Addresses.of(ip_network(text)))


@settings(max_examples=examples(25))
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
                assert_rules_agree(side)


@given(
    strategies.clusters() | cluster_policy_strategies.clusters(),
    questions,
    st.lists(questions.filter(bool) | traffics, max_size=4),
    outside,
)
def test_parts_of_the_traffic_of_a_pair_are_explained_as_questions_about_each(
    objects: list[Object], asked: Traffic | None, dividing: list[Traffic], address: Addresses
) -> None:
    state = state_of(objects)
    parts = parted(asked or ALL_TRAFFIC, dividing)
    ends: list[End] = [*state.members(), address]
    for source, destination in product(ends, repeat=2):
        known = explain(state, source, destination, asked)
        each = [explain(state, source, destination, part) for part in parts]
        assert explain_parts(state, known, parts) == each
        denied_over = [frozenset((*one.egress.denied_over, *one.ingress.denied_over)) for one in each]
        assert list(judge_parts(state, known, parts)) == [
            (one.allowed, one.assumptions, families) for one, families in zip(each, denied_over, strict=True)
        ]


def assert_rules_agree(side: SideReason) -> None:
    """A side that allows has a rule that does; one that denies has none, but for another address."""
    allowing = [rule for one in side.policies for rule in one.rules if rule.allows]
    if not side.isolated:
        assert side.policies == ()
        assert side.traffic == (NO_TRAFFIC if "no address family" in side.exempt else ALL_TRAFFIC)
    elif side.allowed:
        assert allowing
    else:
        assert not allowing or side.denied_over or side.denied_for or side.exempt
