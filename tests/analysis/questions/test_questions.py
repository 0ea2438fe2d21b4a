"""Questions and answers: all, some or none of the pairs, addresses and ports; Services and their target ports."""

import pytest
from tests.analysis.endpoints.test_endpoints import service
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, container_port, labelled, namespace, pod, pods, policy, port

from ringfence import Cluster, RingfenceError, Verdict
from ringfence.engine.policies import end_text
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

HTTP = container_port("http", 8080)
WORLD = [
    namespace("x"),
    pod("x/client", {"app": "client"}),
    pod("x/stranger", {"app": "stranger"}),
    pod("x/new", {"app": "web", "release": "new"}, ports=[HTTP]),
    pod("x/old", {"app": "web", "release": "old"}, ports=[container_port("http", 80)]),
    service(
        "x/web",
        {"app": "web"},
        ports=[{"name": "http", "port": 80, "targetPort": "http"}, {"name": "admin", "port": 9000}],
    ),
    service("x/headless", {"app": "web"}, clusterIP="None"),
]
ONLY_NEW = policy("x/p", labelled(release="old"), ingress=[])
FROM_CLIENT = policy("x/p", labelled(app="web"), ingress=[admits(pods(labelled(app="client")), ports=[port("http")])])


def tcp(*numbers: int) -> Traffic:
    return Traffic.of("TCP", [(number, number) for number in numbers])


def ask(source: str, destination: str, number: int | None = None, protocol: str = "TCP", *policies: Object) -> Verdict:
    return cluster_of([*WORLD, *policies]).can(f"x/{source}", f"x/{destination}", port=number, protocol=protocol)


def denied(verdict: Verdict) -> list[str]:
    return [f"{end_text(pair.source)} -> {end_text(pair.destination)}" for pair in verdict.denied]


class TestSeveralPods:
    def test_an_answer_is_yes_if_every_pair_is_allowed(self) -> None:
        verdict = ask("client", "app=web", 80)
        assert verdict
        assert len(verdict.pairs) == 2
        assert denied(verdict) == []

    def test_an_answer_is_no_if_one_pair_is_denied_and_names_the_pair(self) -> None:
        verdict = ask("client", "app=web", 80, "TCP", ONLY_NEW)
        assert not verdict
        assert denied(verdict) == ["x/client -> x/old"]

    def test_every_source_is_paired_with_every_other_pod_among_the_destinations(self) -> None:
        verdict = ask("*", "app=web", 80, "TCP", ONLY_NEW)
        assert len(verdict.pairs) == 6
        assert denied(verdict) == ["x/client -> x/old", "x/stranger -> x/old", "x/new -> x/old"]

    def test_every_pair_has_reasons_denied_pairs_first(self) -> None:
        reasons = ask("client", "app=web", 80, "TCP", ONLY_NEW).reasons
        assert [(end_text(one.destination), one.allowed) for one in reasons] == [("x/old", False), ("x/new", True)]

    def test_without_a_port_an_answer_is_no_unless_some_traffic_passes_between_every_pair(self) -> None:
        verdict = ask("client", "app=web", None, "TCP", FROM_CLIENT)
        assert verdict.traffic == NO_TRAFFIC, "8080 to the one, 80 to the other"
        assert not verdict
        assert ask("client", "new", None, "TCP", FROM_CLIENT).traffic == tcp(8080)
        assert ask("client", "app=web").traffic == ALL_TRAFFIC


class TestThreeResults:
    """An answer that is not `all` does not mean that nothing is allowed: `none` does."""

    def test_of_several_pods_all_some_or_none_are_allowed(self) -> None:
        closed = policy("x/p", labelled(app="web"), ingress=[])
        assert results(ask("client", "app=web", 80)) == ("all", True, True, False)
        assert results(ask("client", "app=web", 80, "TCP", ONLY_NEW)) == ("some", False, True, False)
        assert results(ask("client", "app=web", 80, "TCP", closed)) == ("none", False, False, True)

    def test_of_several_addresses_some_are_allowed(self) -> None:
        from_one_range = policy("x/p", labelled(release="old"), ingress=[admits(block("192.168.0.0/16"))])
        world = cluster_of([*WORLD, from_one_range])
        assert results(world.can("192.168.7.0/24", "x/old", port=80)) == ("all", True, True, False)
        assert results(world.can("0.0.0.0/0", "x/old", port=80)) == ("some", False, True, False)
        assert results(world.can("203.0.113.0/24", "x/old", port=80)) == ("none", False, False, True)

    def test_without_a_port_all_traffic_is_asked(self) -> None:
        verdict = ask("client", "new", None, "TCP", FROM_CLIENT)
        assert results(verdict) == ("some", False, True, False)
        assert results(ask("client", "new")) == ("all", True, True, False)
        assert results(ask("stranger", "new", None, "TCP", FROM_CLIENT)) == ("none", False, False, True)

    def test_something_passes_even_if_no_port_is_open_to_all(self) -> None:
        verdict = ask("client", "app=web", None, "TCP", FROM_CLIENT)
        assert (verdict.traffic, verdict.none) == (NO_TRAFFIC, False)

    def test_of_a_service_some_ports_are_allowed(self) -> None:
        assert results(ask("client", "svc/web")) == ("all", True, True, False)
        assert results(ask("client", "svc/web", None, "TCP", FROM_CLIENT)) == ("some", False, True, False)

    def test_parts_are_the_pairs_and_addresses_that_are_treated_alike(self) -> None:
        from_one_range = policy(
            "x/p", labelled(release="old"), ingress=[admits(block("192.168.0.0/16"), ports=[port(80)])]
        )
        verdict = cluster_of([*WORLD, from_one_range]).can("192.0.0.0/8", "x/old", port=80)
        assert [(end_text(one.source), str(one.passing), str(one.refused)) for one in verdict.parts] == [
            ("192.168.0.0/16", "TCP 80", "nothing"),
            ("192.0.0.0/8 except 192.168.0.0/16", "nothing", "TCP 80"),
        ]

    def test_a_pair_behind_several_ports_of_a_service_is_one_part(self) -> None:
        parts = ask("client", "svc/web", None, "TCP", FROM_CLIENT).parts
        assert [(end_text(one.destination), str(one.passing), str(one.refused)) for one in parts] == [
            ("x/new", "TCP 80", "TCP 9000"),
            ("x/old", "TCP 80", "TCP 9000"),
        ]

    def test_the_addresses_of_the_node_of_a_pod_are_always_allowed(self) -> None:
        closed = policy("x/p", labelled(app="a"), ingress=[])
        on_node = {**pod("x/a", {"app": "a"}), "status": {"hostIP": "10.0.0.5"}}
        verdict = cluster_of([on_node, closed]).can("10.0.0.0/24", "x/a", port=80)
        assert verdict.result == "some"
        assert [end_text(one.source) for one in verdict.parts if one.passing] == ["10.0.0.5"]


def results(verdict: Verdict) -> tuple[str, bool, bool, bool]:
    assert bool(verdict) is verdict.all
    return verdict.result, verdict.all, verdict.any, verdict.none


class TestSeveralPorts:
    """All ports of a question count: the result is about all of them."""

    CLOSED_BUT_8000_TO_8010 = policy("x/p", labelled(app="web"), ingress=[admits(ports=[port(8000, to=8010)])])

    def ask(self, destination: str, *ports: int | str) -> Verdict:
        return cluster_of([*WORLD, self.CLOSED_BUT_8000_TO_8010]).can("x/client", f"x/{destination}", port=ports)

    def test_all_some_or_none_of_the_ports_pass(self) -> None:
        assert results(self.ask("new", 8000, 8010)) == ("all", True, True, False)
        assert results(self.ask("new", 8000, 8080)) == ("some", False, True, False)
        assert results(self.ask("new", "8000-8080")) == ("some", False, True, False)
        assert results(self.ask("new", 22, "http")) == ("none", False, False, True)

    def test_the_traffic_is_what_passes_of_that_which_is_asked(self) -> None:
        assert self.ask("new", "8005-8080", 22).traffic == Traffic.of("TCP", [(8005, 8010)])
        assert self.ask("new", 22).traffic == NO_TRAFFIC

    def test_a_name_that_stands_for_other_ports_at_other_pods(self) -> None:
        verdict = cluster_of([*WORLD, FROM_CLIENT]).can("x/client", "x/app=web", port="http")
        assert verdict
        assert verdict.traffic == tcp(80, 8080)

    def test_reasons_are_given_for_ports_that_the_same_rules_allow(self) -> None:
        explained = self.ask("new", "8000-8080", 22).explanations
        assert [(str(one.pair.asked), one.reason.allowed) for one in explained] == [
            ("TCP 22,8011-8080", False),
            ("TCP 8000-8010", True),
        ]

    def test_two_rules_may_allow_a_range_together(self) -> None:
        rest = policy("x/q", labelled(app="web"), ingress=[admits(ports=[port(8011, to=9000)])])
        cluster = cluster_of([*WORLD, self.CLOSED_BUT_8000_TO_8010, rest])
        verdict = cluster.can("x/client", "x/new", port="8000-8080")
        assert verdict
        assert [str(one.pair.asked) for one in verdict.explanations] == ["TCP 8000-8010", "TCP 8011-8080"]
        assert all(one.reason.allowed for one in verdict.explanations)
        for edit in verdict.edits:
            cluster.upsert(edit.after)
        assert cluster.can("x/client", "x/new", port="8000-8080").none, "the edits forbid all that was asked"


class TestServices:
    def test_the_port_of_a_service_is_judged_at_its_target_ports(self) -> None:
        verdict = ask("client", "svc/web", 80, "TCP", FROM_CLIENT)
        assert verdict
        assert [(end_text(pair.destination), pair.port, pair.service_port) for pair in verdict.pairs] == [
            ("x/new", 8080, 80),
            ("x/old", 80, 80),
        ]
        assert not ask("stranger", "svc/web", 80, "TCP", FROM_CLIENT)
        assert not ask("client", "svc/web", 9000, "TCP", FROM_CLIENT)

    def test_without_a_port_the_answer_is_in_ports_of_the_service(self) -> None:
        assert ask("client", "svc/web").traffic == tcp(80, 9000)
        assert ask("client", "svc/web", None, "TCP", FROM_CLIENT).traffic == tcp(80)
        assert ask("client", "svc/web", None, "TCP", ONLY_NEW).traffic == NO_TRAFFIC, "a connection may meet any pod"

    def test_traffic_to_one_port_is_that_port(self) -> None:
        assert ask("client", "svc/web", 80, "TCP", FROM_CLIENT).traffic == tcp(80)
        assert ask("stranger", "svc/web", 80, "TCP", FROM_CLIENT).traffic == NO_TRAFFIC

    def test_behind_a_headless_service_ports_are_the_pods_own(self) -> None:
        assert not ask("client", "svc/headless", 80, "TCP", FROM_CLIENT), "8080 is the port of one of them"
        assert ask("client", "svc/headless").traffic == ALL_TRAFFIC

    def test_ports_keep_their_protocols(self) -> None:
        dns = service(
            "x/dns", {"app": "web"}, ports=[{"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53}]
        )
        only_udp = policy("x/p", labelled(app="web"), ingress=[admits(ports=[port(53, "UDP")])])
        assert ask("client", "svc/dns", 53, "UDP", dns, only_udp)
        assert not ask("client", "svc/dns", 53, "TCP", dns, only_udp)
        assert ask("client", "svc/dns", None, "TCP", dns, only_udp).traffic == Traffic.of("UDP", [(53, 53)])

    def test_a_service_may_be_a_source_too(self) -> None:
        assert [end_text(pair.source) for pair in ask("svc/web", "client", 80).pairs] == ["x/new", "x/old"]


def test_an_answer_prints_its_result_and_its_question() -> None:
    assert repr(ask("client", "old", 80, "UDP", ONLY_NEW)) == "<Verdict: none, x/client to x/old on UDP 80>"
    assert repr(ask("client", "new")) == "<Verdict: all, x/client to x/new>"


def test_a_pod_always_reaches_itself() -> None:
    assert ask("old", "old", 80, "TCP", ONLY_NEW).traffic == tcp(80)


def test_assumptions_of_all_pairs_are_listed_once() -> None:
    verdict = ask(
        "client", "app=web", 80, "TCP", policy("x/p", labelled(app="web"), ingress=[admits(block("10.0.0.0/8"))])
    )
    assert verdict.assumptions == (
        "the address of x/client is not known: it is assumed not to lie in ipBlock 10.0.0.0/8",
    )


@pytest.mark.parametrize(
    ("number", "protocol", "message"),
    [
        (0, "TCP", "0 is not a valid port: use a number from 1 to 65535"),
        (65536, "TCP", "65536 is not a valid port: use a number from 1 to 65535"),
        (-1, "TCP", "-1 is not a valid port: use a number from 1 to 65535"),
        (None, "ICMP", "'ICMP' is not a protocol of NetworkPolicies: use TCP, UDP or SCTP"),
    ],
)
def test_invalid_ports_and_protocols_are_refused(number: int | None, protocol: str, message: str) -> None:
    with pytest.raises(RingfenceError) as raised:
        ask("client", "old", number, protocol)
    assert str(raised.value) == message


class TestChangedClusters:
    """An answer is about the cluster as it was. Its reasons are never computed from a changed cluster."""

    @pytest.fixture
    def cluster(self) -> Cluster:
        return cluster_of(WORLD)

    @pytest.mark.parametrize("late", ["traffic", "denied", "reasons", "assumptions", "edits"])
    def test_reasons_are_not_computed_from_a_changed_cluster(self, cluster: Cluster, late: str) -> None:
        verdict = cluster.can("x/client", "x/old", port=80)
        cluster.remove("Pod", "x", "old")
        assert verdict.all, "the result stays as it was"
        with pytest.raises(RingfenceError, match="the cluster has changed since this answer: ask again"):
            getattr(verdict, late)

    def test_reasons_that_are_already_computed_stay_available(self, cluster: Cluster) -> None:
        verdict = cluster.can("x/client", "x/old", port=80)
        explained = verdict.explain()
        cluster.remove("Pod", "x", "old")
        assert verdict.explain() == explained

    def test_what_a_question_was_about_does_not_depend_on_the_cluster(self, cluster: Cluster) -> None:
        verdict = cluster.can("x/client", "x/old", port=80)
        cluster.remove("Pod", "x", "old")
        (pair,) = verdict.pairs
        assert (end_text(pair.source), end_text(pair.destination), pair.port) == ("x/client", "x/old", 80)
        assert not verdict.note

    def test_what_is_noted_about_a_single_pod_is_not_computed_from_a_changed_cluster(self, cluster: Cluster) -> None:
        verdict = cluster.can("x/client", "x/client", port=80)
        cluster.remove("Pod", "x", "old")
        assert verdict.all
        with pytest.raises(RingfenceError, match="the cluster has changed since this answer: ask again"):
            assert verdict.note
