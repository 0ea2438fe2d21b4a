"""Cluster policies on a node: which ones the agent takes in, when it takes them in, and what they mean for its pods."""

from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.cluster_policies import (
    CLUSTER,
    EVERYWHERE,
    admin_policy,
    cluster_policy,
    in_namespaces,
    pods_of,
    rule,
)
from tests.agent.events import listing, removed, upserted
from tests.agent.running import Clock
from tests.cluster_policy_strategies import clusters
from tests.semantics.objects import Object, admits, key_of, labelled, namespace, node, pod, policy

from ringfence.agent import local_policies
from ringfence.agent.intake import Intake
from ringfence.agent.time_account import TimeAccount
from ringfence.agent.view import View
from ringfence.engine.answers import allows
from ringfence.engine.answers.verdicts import side_traffic
from ringfence.engine.policies import PoliciesInForce
from ringfence.engine.population import Reference
from ringfence.model.policies import Direction
from ringfence.sets.addresses import parse_address
from ringfence.sources.cluster import Event, Removed, Unreadable

HERE = node("here", "192.168.0.1")
DB = pod("x/db", {"app": "db"}, addresses=["10.0.0.2"], nodeName="here")
WEB = pod("x/web", {"app": "web"}, addresses=["10.0.0.1"], nodeName="there")
DENIED = rule("Deny")


class Node:
    """The view of the node `here`, and the intake that fills it. No time is charged to any namespace."""

    def __init__(self, *written: Object) -> None:
        self.clock = Clock()
        self.view = View("here")
        self.intake = Intake(self.view, TimeAccount(self.clock, self.clock))
        self.take(*listing(HERE, *written))

    def add(self, *events: Event) -> None:
        for event in events:
            self.clock.now += 0.001
            self.intake.add(event, self.clock.now)

    def take(self, *events: Event) -> None:
        """Deliver events, and take in everything that waits."""
        self.add(*events)
        while self.intake:
            self.intake.serve()

    def in_force(self) -> set[str]:
        """The policies that are in the state."""
        return {str(one) for one in self.view.state.tiers.policies()}

    def reaches(self, source: str = "x/web", destination: str = "x/db") -> bool:
        one, other = (self.view.state.pod(*path.split("/")) for path in (source, destination))
        assert one
        assert other
        return allows(self.view.state, one, other, ("TCP", 80))


class TestWhichAreTakenIn:
    @pytest.mark.parametrize(
        ("subject", "is_in_force"),
        [
            pytest.param(EVERYWHERE, True, id="all namespaces"),
            pytest.param(in_namespaces(team="a"), True, id="the namespace of a pod of the node, by its label"),
            pytest.param(in_namespaces(team="b"), False, id="another namespace"),
            pytest.param(in_namespaces(**{"kubernetes.io/metadata.name": "x"}), True, id="a namespace, by its name"),
            pytest.param(pods_of(app="db"), True, id="a pod of the node"),
            pytest.param(pods_of(app="web"), False, id="a pod of another node"),
            pytest.param(pods_of(app="host"), False, id="a hostNetwork pod"),
            pytest.param(
                {"pods": {"namespaceSelector": labelled(team="b"), "podSelector": {}}}, False, id="pods elsewhere"
            ),
        ],
    )
    def test_policies_that_select_a_pod_of_the_node_are_in_force(self, subject: Object, is_in_force: bool) -> None:
        host = pod("x/host", {"app": "host"}, addresses=["192.168.0.1"], nodeName="here", hostNetwork=True)
        here = Node(namespace("x", team="a"), namespace("y", team="b"), DB, WEB, host)
        here.take(upserted(cluster_policy("p", subject, DENIED)))
        assert here.in_force() == ({"p"} if is_in_force else set())
        assert here.view.counts()[CLUSTER] == 1
        assert not here.view.problems

    def test_cluster_policies_decide_before_network_policies(self) -> None:
        here = Node(DB, WEB, policy("x/open", labelled(app="db"), ingress=[admits()]))
        assert here.reaches()
        here.take(upserted(cluster_policy("p", pods_of(app="db"), DENIED)))
        assert not here.reaches()
        here.take(upserted(cluster_policy("q", pods_of(app="db"), rule("Accept"), priority=0)))
        assert here.reaches()
        here.take(Removed(CLUSTER, "", "q"))
        assert not here.reaches()

    def test_two_kinds_may_have_policies_of_one_name(self) -> None:
        here = Node(DB, WEB, cluster_policy("p", pods_of(app="none")), admin_policy("p", pods_of(app="db"), DENIED))
        assert not here.reaches()
        here.take(Removed(CLUSTER, "", "p"))
        assert not here.reaches()
        idle = Node(WEB, cluster_policy("p", pods_of(app="db"), DENIED), admin_policy("p", pods_of(app="none")))
        idle.take(removed(admin_policy("p", pods_of(app="none"))), upserted(DB))
        assert not idle.reaches()

    def test_cluster_policies_never_count_as_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They count neither against their own limit nor against the limits of tenants."""
        for limit in ("MOST_BYTES", "MOST_BYTES_OF_ALL", "ALWAYS"):
            monkeypatch.setattr(local_policies, limit, 500)
        large = [cluster_policy(f"p{i}", pods_of(app="db"), DENIED, DENIED, DENIED) for i in range(5)]
        here = Node(*large, DB, policy("x/open", labelled(app="db"), ingress=[]))
        assert here.in_force() == {"p0", "p1", "p2", "p3", "p4", "x/open"}
        assert not here.view.excessive


class TestWhatWakesThem:
    def test_a_new_pod_wakes_its_policies_and_is_taken_in_after_them(self) -> None:
        here = Node(WEB, cluster_policy("p", pods_of(app="db"), DENIED))
        assert here.in_force() == set()
        seen: list[bool] = []
        upsert = here.view.state.upsert

        def noted(obj: Any) -> None:
            upsert(obj)
            if here.view.state.pod("x", "db"):
                seen.append(here.reaches())

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(here.view.state, "upsert", noted)
            here.take(upserted(DB))
        assert seen == [False]

    def test_a_pod_that_is_relabelled_wakes_the_policies_that_select_it_now(self) -> None:
        other = pod("x/db", {"app": "other"}, addresses=["10.0.0.2"], nodeName="here")
        here = Node(WEB, other, cluster_policy("p", pods_of(app="db"), DENIED))
        here.take(upserted(DB))
        assert not here.reaches()

    def test_a_namespace_that_is_relabelled_wakes_the_policies_that_select_it_now(self) -> None:
        here = Node(namespace("x"), WEB, DB, cluster_policy("p", in_namespaces(team="a"), DENIED))
        assert here.in_force() == set()
        here.take(upserted(namespace("x", team="a")))
        assert not here.reaches()
        here.take(upserted(namespace("x", team="b")))
        assert here.reaches()

    def test_a_namespace_whose_object_is_deleted_wakes_the_policies_that_select_it_now(self) -> None:
        without = {"namespaces": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}}
        here = Node(namespace("x", team="a"), WEB, DB, cluster_policy("p", without, DENIED))
        assert here.in_force() == set()
        here.take(removed(namespace("x")))
        assert not here.reaches()

    def test_a_policy_that_arrives_together_with_new_labels_of_a_namespace_is_placed_by_these(self) -> None:
        """In either order of the two events, the policy is placed by the labels that the namespace will have."""
        for order in (1, -1):
            here = Node(namespace("x"), WEB, DB)
            changes = [namespace("x", team="a"), cluster_policy("p", in_namespaces(team="a"), DENIED)][::order]
            here.take(*map(upserted, changes))
            assert not here.reaches()

    def test_a_policy_that_was_deleted_before_the_pod_comes_is_not_woken(self) -> None:
        here = Node(WEB, cluster_policy("p", pods_of(app="db"), DENIED))
        here.take(Removed(CLUSTER, "", "p"), upserted(DB))
        assert here.reaches()

    def test_a_new_version_that_waits_when_the_pod_comes_is_the_one_that_is_woken(self) -> None:
        here = Node(WEB, cluster_policy("p", pods_of(app="db"), DENIED))
        here.take(upserted(DB), upserted(cluster_policy("p", pods_of(app="db"), rule("Accept"))))
        assert here.reaches()


class TestTurns:
    def test_cluster_policies_are_taken_in_before_the_changes_of_all_namespaces(self) -> None:
        here = Node(DB, WEB)
        here.add(upserted(policy("x/open", labelled(app="db"), ingress=[])))
        here.add(upserted(cluster_policy("p", pods_of(app="db"), DENIED)))
        here.intake.serve()
        assert here.in_force() == {"p"}

    def test_cluster_policies_that_wait_close_no_namespace(self) -> None:
        here = Node(DB)
        here.add(upserted(cluster_policy("p", pods_of(app="db"), DENIED)))
        here.clock.now += 100
        assert here.intake.overdue() == set()
        assert here.intake.is_urgent

    def test_a_pod_is_released_when_its_cluster_policies_are_taken_in(self) -> None:
        here = Node(DB)
        here.add(upserted(cluster_policy("p", pods_of(app="db"), DENIED)))
        assert not here.intake.has_applied("", here.clock.now)
        here.take()
        assert here.intake.has_applied("", here.clock.now)


class TestWhatCannotBeEnforced:
    NAMES: Final[Object] = {"domainNames": ["*.example.com"]}

    def egress(self, *rules: Object) -> Object:
        return cluster_policy("p", pods_of(app="db"), egress=list(rules))

    def to(self, action: str, *peers: Object) -> Object:
        return {"action": action, "to": list(peers)}

    def problem(self, here: Node) -> str:
        return here.view.problems[CLUSTER, "", "p"]

    def test_a_deny_by_domain_names_denies_everything(self) -> None:
        here = Node(DB, WEB, self.egress(self.to("Deny", self.NAMES)))
        assert not here.reaches("x/db", "x/web")
        assert here.reaches("x/web", "x/db")
        assert self.problem(here) == (
            "spec.egress[0].to[0].domainNames: the agent does not know the addresses of domain names, so the rule "
            "denies everything"
        )
        assert here.view.uids[CLUSTER, "", "p"] == "uid-of-p"

    def test_an_accept_by_domain_names_accepts_nothing_by_them(self) -> None:
        rules = self.to("Accept", self.NAMES, pods_of(app="web")), self.to("Deny", {"networks": ["0.0.0.0/0"]})
        here = Node(DB, WEB, self.egress(*rules))
        assert here.reaches("x/db", "x/web"), "the other peer counts"
        assert "to[0].domainNames" in self.problem(here)
        assert "accepts nothing by it" in self.problem(here)
        here.take(upserted(self.egress(self.to("Accept", self.NAMES), rules[1])))
        assert not here.reaches("x/db", "x/web")

    def test_a_rule_with_errors_fails_closed(self) -> None:
        wrong = {"namespaces": {"matchExpressions": [{"key": "a", "operator": "in"}]}}
        here = Node(DB, WEB, cluster_policy("p", pods_of(app="db"), rule("Pass", wrong)))
        assert not here.reaches()
        assert self.problem(here).endswith(": rules with errors deny everything, or accept nothing")

    def test_a_policy_whose_tier_is_unknown_is_not_in_force(self) -> None:
        here = Node(DB, WEB, cluster_policy("p", pods_of(app="db"), DENIED, tier="Middle"))
        assert here.reaches()
        assert self.problem(here).endswith("this version of it is not in force")

    def test_a_problem_names_only_some_of_many_peers(self) -> None:
        here = Node(DB, WEB, self.egress(*[self.to("Deny", self.NAMES)] * 20))
        assert self.problem(here).count("domainNames") == 10
        assert self.problem(here).endswith("; and more")

    def test_an_unreadable_cluster_policy_is_a_problem(self) -> None:
        here = Node(DB, WEB)
        here.take(Unreadable(CLUSTER, "", "p", "not JSON"))
        assert self.problem(here) == "not JSON"

    def test_a_policy_that_selects_no_pod_of_the_node_is_no_problem_of_the_node(self) -> None:
        assert not Node(WEB, self.egress(self.to("Deny", self.NAMES))).view.problems


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """A cluster that becomes another one, object by object. Some pods run on the node, the others run elsewhere."""
    before, after = draw(clusters()), draw(clusters())
    for obj in (*before, *after):
        if obj["kind"] == "Pod":
            obj["spec"]["nodeName"] = draw(st.sampled_from(["here", "here", "there"]))
    goes = {key_of(obj) for obj in before} - {key_of(obj) for obj in after}
    changes: list[Event] = [Removed(*key) for key in sorted(goes)]
    changes += map(upserted, (obj for obj in after if obj["kind"] in FOLLOWED))
    return [*listing(*(obj for obj in before if obj["kind"] in FOLLOWED)), *draw(st.permutations(changes))]


FOLLOWED = (
    "Namespace",
    "Node",
    "Pod",
    "NetworkPolicy",
    "ClusterNetworkPolicy",
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
)


@given(stories(), st.randoms(use_true_random=False))
def test_the_pods_of_the_node_are_treated_as_if_all_policies_were_taken_in(story: list[Event], random: Any) -> None:
    """The result does not depend on the turns in between.

    A policy that the state leaves out, and that is taken in later, decides about no packet of the node's pods.
    """
    followed = {one.partition(".")[0] for one in FOLLOWED}
    whole, here = View(), Node()
    for event in story:
        if isinstance(event, Removed) and event.kind.partition(".")[0] not in followed:
            continue
        whole.apply(event)
        here.add(event)
        if random.random() < 0.5:
            here.intake.serve()
    here.take()
    for subject, peer in product(whole.state.members(), repeat=2):
        own = here.view.state.member(Reference(subject.namespace, "Pod", subject.name))
        other = here.view.state.member(Reference(peer.namespace, "Pod", peer.name))
        assert own
        assert other
        if subject.node == "here":
            for direction in Direction:
                expected = side_traffic(whole.state, subject, direction, peer)
                assert side_traffic(here.view.state, own, direction, other) == expected


class TestWhenTheyAreCompiled:
    """A policy of 1.5 MB takes long to compile, so that is a step of its own, before the one that applies it."""

    def test_a_policy_is_compiled_before_it_is_applied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        here = Node(DB, WEB)
        apply = here.view.prepare(upserted(cluster_policy("p", pods_of(app="db"), DENIED)))
        monkeypatch.setattr(PoliciesInForce, "upsert", lambda *_: pytest.fail("it is compiled again"))
        apply()
        assert not here.reaches()
        assert not here.view.defects
        assert "" not in here.view.state.namespaces.names()

    def test_a_policy_that_reads_nodes_means_the_nodes_at_the_time_when_it_is_applied(self) -> None:
        denied = [{"action": "Deny", "to": [{"nodes": {}}]}]
        here = Node(DB, WEB)
        apply = here.view.prepare(upserted(cluster_policy("p", pods_of(app="db"), egress=denied)))
        here.take(upserted(node("new", "192.168.0.9")))
        apply()
        [policy] = here.view.state.tiers.policies()
        [rule] = policy.rules[Direction.EGRESS]
        assert rule.peers.addresses.contains(*parse_address("192.168.0.9"))
