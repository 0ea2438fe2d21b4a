"""How the agent reports denied packets: in the terms in which the authors of policies write them."""

from typing import Final

import pytest
from tests.agent.cluster_policies import cluster_policy, pods_of, rule
from tests.agent.running import Clock
from tests.engine.members import state_of
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, port, sends

from ringfence.agent import denials
from ringfence.agent.denials import REPEAT_INTERVAL, Denial, Explanations, Repetitions, explain_denial
from ringfence.dataplane.packet_log import DenialCause, LoggedPacket
from ringfence.dataplane.program import Packet
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import parse_address

WEB, DB, OUTSIDE = "10.0.0.1", "10.0.0.2", "192.0.2.7"
PODS = (pod("prod/web", {"app": "web"}, addresses=[WEB]), pod("prod/db", {"app": "db"}, addresses=[DB]))
DB_POLICY = policy(
    "prod/db-policy", labelled(app="db"), ingress=[admits(pods(labelled(app="api")), ports=[port(3306)])]
)


def told(
    *objects: Object,
    source: str = WEB,
    destination: str = DB,
    protocol: int = 6,
    number: int | None = 3306,
    direction: Direction = Direction.INGRESS,
    cause: DenialCause = DenialCause.POLICY,
    dropped: bool = True,
) -> str:
    (family, one), (_, other) = parse_address(source), parse_address(destination)
    logged = LoggedPacket(Packet(family, one, other, protocol, number), direction, cause)
    return str(explain_denial(state_of([*PODS, *objects]), logged, dropped=dropped))


def test_an_explanation_names_both_pods_the_port_and_the_policy_that_does_not_allow_it() -> None:
    assert told(DB_POLICY) == (
        "prod/web -> prod/db TCP/3306 denied by ingress of prod/db-policy: no peer selects prod/web"
    )


def test_a_packet_that_is_not_dropped_is_said_to_be_one_that_would_be_denied() -> None:
    assert "would be denied by ingress of prod/db-policy" in told(DB_POLICY, dropped=False)


def test_an_address_outside_stays_an_address() -> None:
    assert told(DB_POLICY, source=OUTSIDE).startswith("192.0.2.7 -> prod/db TCP/3306 denied by ingress")


def test_the_port_that_is_allowed_instead_is_named() -> None:
    written = told(DB_POLICY | {"spec": DB_POLICY["spec"] | {"ingress": [admits(ports=[port(3306)])]}}, number=80)
    assert "prod/web -> prod/db TCP/80 denied by ingress of prod/db-policy: " in written
    assert "3306" in written


def test_a_packet_denied_by_egress_is_explained_by_the_policies_of_its_source() -> None:
    closed = policy("prod/closed", labelled(app="web"), egress=[])
    assert told(closed, destination=OUTSIDE, direction=Direction.EGRESS) == (
        "prod/web -> 192.0.2.7 TCP/3306 denied by egress of prod/closed: it allows nothing"
    )


def test_every_policy_that_isolates_is_named() -> None:
    other = policy("prod/none", ingress=[])
    assert "of prod/db-policy, prod/none: no peer selects prod/web; it allows nothing" in told(DB_POLICY, other)


class TestAdministratorsPolicies:
    GUARD: Final = cluster_policy("guard", pods_of(app="db"), rule("Deny", pods_of(app="web"), name="no-web"))

    def test_only_the_cluster_policy_that_denies_is_named_with_its_rule(self) -> None:
        more = cluster_policy("more", pods_of(app="db"), rule("Deny"), priority=2)
        assert told(DB_POLICY, self.GUARD, more) == (
            "prod/web -> prod/db TCP/3306 denied by ingress of ClusterNetworkPolicy guard (Admin): rule 0 (no-web) "
            "denies it: from[0] matches, on all ports"
        )

    def test_network_policies_are_named_where_cluster_policies_pass(self) -> None:
        passing = cluster_policy("pass", pods_of(app="db"), rule("Pass"), priority=0)
        assert "denied by ingress of prod/db-policy: no peer selects prod/web" in told(DB_POLICY, passing, self.GUARD)

    def test_a_policy_of_the_baseline_tier_that_denies_is_named(self) -> None:
        baseline = cluster_policy("base", pods_of(app="db"), rule("Deny"), tier="Baseline")
        assert "of ClusterNetworkPolicy base (Baseline): rule 0 denies it" in told(baseline)

    def test_a_policy_that_denies_over_one_family_only_is_named(self) -> None:
        blocks = {"action": "Deny", "to": [{"networks": ["fd00::/64"]}]}
        both = [
            pod(f"prod/{name}", {"app": name}, addresses=[f"10.0.1.{i}", f"fd00::{i}"]) for i, name in enumerate("ab")
        ]
        guard = cluster_policy("guard", pods_of(app="a"), egress=[blocks])
        written = told(*both, guard, source="fd00::", destination="fd00::1", direction=Direction.EGRESS)
        assert "of ClusterNetworkPolicy guard (Admin): rule 0 denies it" in written


def test_other_protocols_have_no_port() -> None:
    assert told(DB_POLICY, protocol=1, number=None).startswith("prod/web -> prod/db ICMP denied by ingress")
    assert "protocol 47 denied" in told(DB_POLICY, protocol=47, number=None)


def test_a_source_that_is_no_known_pod_yet_is_the_reason() -> None:
    written = told(source="10.0.0.9", direction=Direction.EGRESS, cause=DenialCause.UNKNOWN_POD)
    assert written == (
        "10.0.0.9 -> prod/db TCP/3306 denied by egress: no pod of this node is known to have this address yet"
    )


def test_a_source_address_of_another_link_is_the_reason() -> None:
    written = told(direction=Direction.EGRESS, cause=DenialCause.SOURCE)
    assert written == (
        "prod/web -> prod/db TCP/3306 denied by egress: "
        "its source address does not belong to the link of the pod that sent it, or it is sent to a tunnel of nodes"
    )


def test_a_change_since_the_denial_is_the_explanation() -> None:
    assert told().endswith("denied by ingress: it is allowed now")
    gone = told(DB_POLICY, destination="10.0.0.9")
    assert gone == "prod/web -> 10.0.0.9 TCP/3306 denied by ingress: its pod no longer exists"


def test_the_other_family_is_named_where_only_that_is_allowed() -> None:
    both = [pod(f"prod/{name}", {"app": name}, addresses=[f"10.0.1.{i}", f"fd00::{i}"]) for i, name in enumerate("ab")]
    blocks = policy("prod/p", labelled(app="b"), ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])
    assert told(*both, blocks, source="fd00::", destination="fd00::1").endswith(
        "denied by ingress of prod/p: over IPv4 only: ipBlock 10.0.0.0/8 contains prod/a's address"
    )


def test_rules_about_ports_allow_no_icmp() -> None:
    by_port = policy("prod/p", labelled(app="db"), ingress=[admits(ports=[port(80)])])
    assert told(by_port, protocol=1, number=None).endswith("of prod/p: a rule about ports allows no ICMP")


def test_among_pods_that_claim_one_address_the_one_that_is_denied_is_named() -> None:
    successor = pod("prod/next", {"app": "other"}, addresses=[WEB])
    friends = policy("prod/p", labelled(app="db"), ingress=[admits(pods(labelled(app="web")))])
    assert told(friends, successor).startswith("prod/next -> prod/db TCP/3306 denied by ingress of prod/p: no peer")


def test_pods_that_claim_one_address_are_named_where_no_policy_is_the_reason() -> None:
    successor = pod("prod/next", {"app": "other"}, addresses=[DB])
    admitting = policy("prod/p", labelled(app="db"), ingress=[admits(pods(labelled(app="web")))])
    assert told(admitting, successor).endswith(": its address is shared by prod/db and prod/next")


def test_pods_whose_address_is_closed_because_they_share_it_are_named() -> None:
    successor = pod("prod/next", {"app": "other"}, addresses=[DB])
    shared = told(DB_POLICY, successor, cause=DenialCause.CLOSED)
    assert shared.endswith(": its address is shared by prod/db and prod/next")
    assert ": its pod is closed, because its policies are not in force" in told(DB_POLICY, cause=DenialCause.CLOSED)


def test_an_explanation_stays_short_however_many_rules_there_are() -> None:
    rules = [sends(pods(labelled(app=f"a{i}")), ports=[port(i)]) for i in range(1, 30)]
    written = told(policy("prod/many", labelled(app="web"), egress=rules), direction=Direction.EGRESS)
    assert len(written) < 1_000


DENIAL = Denial("a", "b", "TCP", 80, Direction.INGRESS, ("x/p",), "no peer selects a")


def test_an_explanation_names_only_a_few_of_many_policies() -> None:
    many = [policy(f"prod/p{number:02}", labelled(app="db"), ingress=[]) for number in range(12)]
    assert " denied by ingress of prod/p00, prod/p01, " in told(*many)
    assert ", prod/p09 and 2 more: it allows nothing" in told(*many)


class TestExplanations:
    """Explanations take a bounded share of the time, whatever policies tenants write."""

    LOGGED = LoggedPacket(Packet(*parse_address(WEB), parse_address(DB)[1], 6, 3306), Direction.INGRESS)

    @staticmethod
    def explaining(patch: pytest.MonkeyPatch, seconds: float) -> tuple[Explanations, Clock]:
        """Explanations that each take this long, and the clock that they advance."""
        clock = Clock()
        explain = denials.explain_denial

        def slow(state: State, logged: LoggedPacket, *, dropped: bool) -> Denial:
            clock.now += seconds
            return explain(state, logged, dropped=dropped)

        patch.setattr(denials, "explain_denial", slow)
        return Explanations(state_of([*PODS, DB_POLICY]), clock, dropped=True), clock

    def test_an_explanation_that_took_long_leaves_no_time_for_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        explanations, clock = self.explaining(monkeypatch, 1.0)
        assert explanations.explain(self.LOGGED).policies == ("prod/db-policy",)
        unexplained = explanations.explain(self.LOGGED)
        assert str(unexplained) == (
            "prod/web -> prod/db TCP/3306 denied by ingress: "
            "not explained: explanations of denied packets take too long"
        )
        clock.now += 16.9
        assert explanations.explain(self.LOGGED) == unexplained
        clock.now += 0.2
        assert explanations.explain(self.LOGGED).policies == ("prod/db-policy",)

    def test_quick_explanations_are_never_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        explanations, clock = self.explaining(monkeypatch, 0.001)
        for _ in range(1_000):
            assert explanations.explain(self.LOGGED).policies
            clock.now += 0.02

    def test_a_quiet_time_does_not_make_up_for_a_busy_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        explanations, clock = self.explaining(monkeypatch, 0.01)
        clock.now += 3_600
        explained = [bool(explanations.explain(self.LOGGED).policies) for _ in range(100)]
        assert sum(explained) < 12


class TestRepetitions:
    def test_the_first_denial_is_logged(self) -> None:
        assert Repetitions().add(DENIAL, 0) == 0

    def test_repetitions_are_counted_and_logged_later(self) -> None:
        repetitions = Repetitions()
        repetitions.add(DENIAL, 0)
        assert [repetitions.add(DENIAL, seconds) for seconds in (1, 2, 3)] == [None] * 3
        assert repetitions.add(DENIAL, REPEAT_INTERVAL) == 3

    def test_a_different_denial_is_logged_at_once(self) -> None:
        repetitions = Repetitions()
        repetitions.add(DENIAL, 0)
        assert repetitions.add(Denial("c", "b", "TCP", 80, Direction.INGRESS, (), ""), 0) == 0

    def test_repetitions_are_logged_even_if_they_stop(self) -> None:
        repetitions = Repetitions()
        for seconds in (0, 1, 2):
            repetitions.add(DENIAL, seconds)
        assert list(repetitions.overdue(REPEAT_INTERVAL - 1)) == []
        assert list(repetitions.overdue(REPEAT_INTERVAL)) == [(DENIAL, 1)]
        assert repetitions.add(DENIAL, REPEAT_INTERVAL + 1) is None
        assert list(repetitions.overdue(2 * REPEAT_INTERVAL)) == [(DENIAL, 0)]
        assert list(repetitions.overdue(3 * REPEAT_INTERVAL)) == []
        assert repetitions.add(DENIAL, 3 * REPEAT_INTERVAL) == 0, "it is forgotten"

    def test_memory_for_repetitions_is_bounded(self) -> None:
        repetitions = Repetitions()
        for number in range(10_000):
            repetitions.add(Denial("a", "b", "TCP", number, Direction.INGRESS, (), ""), 0)
        assert len(repetitions._reports) <= 1_000
