"""Rulings: the decisions of a stack of profiles for one port, for all peers and for all outside addresses."""

from tests.engine.members import member_in
from tests.engine.policies.artificial_tier import BACK, FRONT, TieredCluster, acting, tier_policy, tiered_cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.engine.policies.port_rulings import PortRulings
from ringfence.engine.policies.profiles import PortQuestion, own_ports
from ringfence.engine.policies.rules import Action
from ringfence.engine.policies.rulings import Rulings
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family, parse_address
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

WORLD = [
    pod("x/subject", {"app": "subject"}, ports=[container_port("http", 8080)]),
    pod("x/friend", {"app": "friend"}, ports=[container_port("http", 80)]),
    pod("x/foe", {"app": "foe"}),
]
SUBJECT = labelled(app="subject")
FRIEND, FOE = (namespaces({}, labelled(app=name)) for name in ("friend", "foe"))


class Ruled:
    """The decisions of the policies of a cluster for x/subject."""

    def __init__(self, *written: Object, direction: Direction = Direction.INGRESS) -> None:
        self.cluster: TieredCluster = tiered_cluster_of([*WORLD, *written])
        self.state = self.cluster.state
        self.rulings = Rulings(self.state.population, self.state._selections)
        self.on_ports = PortRulings(self.state.population, self.state._selections)
        self.subject = self.state.identity(member_in(self.state, "x/subject"))
        self.stack = self.state.tiers.stack(self.subject, direction)
        self.own = own_ports(self.stack, self.subject)

    def with_peer(self, path: str) -> Traffic:
        bit = self.state.identity(member_in(self.state, path)).bit
        (found,) = (
            traffic for peers, traffic in self.rulings.on_peers(self.stack, self.own, Family.IPV4) if peers >> bit & 1
        )
        return found

    def with_address(self, text: str) -> Traffic:
        cells = self.rulings.on_addresses(self.stack, self.own)
        (found,) = (traffic for within, traffic in cells if within.contains(*parse_address(text)))
        return found

    def on_port(self, path: str, number: int) -> tuple[bool, bool]:
        """Whether the first profile allows, and denies, a TCP port with a peer."""
        peer = self.state.identity(member_in(self.state, path))
        question = PortQuestion(Family.IPV4, "TCP", number)
        # The first question about a pair is answered by the rules, the next one by the ruling for all peers.
        first, second = (self.on_ports.on_pair(self.stack[0], self.subject, peer, question) for _ in range(2))
        allow, deny = self.on_ports.on_port(self.stack[0], self.subject, question)
        allowed, denied = bool(allow >> peer.bit & 1), bool(deny >> peer.bit & 1)
        assert first is second is (Action.ALLOW if allowed else Action.DENY if denied else Action.PASS)
        return allowed, denied


def tcp(*numbers: int) -> Traffic:
    return Traffic.of("TCP", [(number, number) for number in numbers])


def test_the_rules_of_network_policies_add_up() -> None:
    ruled = Ruled(
        policy("x/p", SUBJECT, ingress=[admits(pods(labelled(app="friend")), ports=[port(80)])]),
        policy("x/q", SUBJECT, ingress=[admits(ports=[port(81)])]),
    )
    assert ruled.with_peer("x/friend") == tcp(80, 81)
    assert ruled.with_peer("x/foe") == tcp(81)
    assert ruled.with_address("192.0.2.1") == tcp(81)
    assert ruled.on_port("x/foe", 80) == (False, True)


def test_a_rule_that_passes_skips_the_rest_of_its_profile_only() -> None:
    rules = [acting("pass", FRIEND, block("192.0.2.0/24"), ports=[port(80)]), acting("deny")]
    ruled = Ruled(tier_policy(FRONT, "a", subject=SUBJECT, ingress=rules))
    assert ruled.with_peer("x/friend") == ruled.with_address("192.0.2.1") == tcp(80), "what no profile decides"
    assert ruled.with_peer("x/foe") == ruled.with_address("192.0.3.1") == NO_TRAFFIC
    assert ruled.on_port("x/friend", 80) == (False, False)
    assert ruled.on_port("x/friend", 81) == (False, True)


def test_what_is_passed_gets_the_decision_of_the_next_profile() -> None:
    ruled = Ruled(
        tier_policy(FRONT, "a", subject=SUBJECT, ingress=[acting("deny", FOE), acting("pass")]),
        policy("x/p", SUBJECT, ingress=[admits(ports=[port(80)])]),
    )
    assert ruled.with_peer("x/friend") == ruled.with_address("192.0.2.1") == tcp(80)
    assert ruled.with_peer("x/foe") == NO_TRAFFIC


def test_what_network_policies_allow_or_deny_is_no_question_for_a_tier_behind_them() -> None:
    ruled = Ruled(
        policy("x/http", SUBJECT, ingress=[admits(FRIEND, ports=[port(80)])]),
        tier_policy(BACK, "refuse", subject=SUBJECT, ingress=[acting("deny", FRIEND), acting("allow", FOE)]),
    )
    assert ruled.with_peer("x/friend") == tcp(80)
    assert ruled.with_peer("x/foe") == NO_TRAFFIC


def test_the_subject_resolves_port_names_for_ingress_and_each_destination_for_egress() -> None:
    ingress = Ruled(policy("x/p", SUBJECT, ingress=[admits(ports=[port("http")])]))
    assert ingress.with_peer("x/friend") == ingress.with_address("192.0.2.1") == tcp(8080)
    assert ingress.on_port("x/friend", 8080) == (True, False)
    egress = Ruled(policy("x/p", SUBJECT, egress=[sends(ports=[port("http")])]), direction=Direction.EGRESS)
    assert egress.with_peer("x/friend") == tcp(80)
    assert egress.with_peer("x/foe") == egress.with_address("192.0.2.1") == NO_TRAFFIC
    assert egress.on_port("x/friend", 80) == (True, False)


def test_selectors_never_mean_addresses_outside_the_cluster() -> None:
    ruled = Ruled(policy("x/p", SUBJECT, ingress=[admits(namespaces({})), admits(block("192.0.2.0/24"))]))
    assert ruled.with_address("192.0.2.1") == ALL_TRAFFIC
    assert ruled.with_address("192.0.3.1") == NO_TRAFFIC


def test_a_cached_ruling_is_given_up_when_labels_change() -> None:
    ruled = Ruled(policy("x/p", SUBJECT, ingress=[admits(pods(labelled(app="friend")))]))
    assert ruled.on_port("x/foe", 80) == (False, True)
    ruled.cluster.upsert(pod("x/foe", {"app": "friend"}))
    assert ruled.on_port("x/foe", 80) == (True, False)
