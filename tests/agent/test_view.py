"""The view: the state that an agent builds from watch events."""

import pytest
from tests.agent.events import listing, removed, upserted
from tests.semantics.objects import Object, admits, annotated, block, namespace, node, pod, policy, port, term

from ringfence.agent import local_policies
from ringfence.agent.view import DIVIDING, FOLLOWED_KINDS, View
from ringfence.engine.answers import allows
from ringfence.engine.population.pods import Reference
from ringfence.engine.state import State
from ringfence.model.kinds import CLUSTER_POLICY_KINDS
from ringfence.model.objects import Pod
from ringfence.sources.cluster.events import Alive, Listed, Removed, Unreadable, Upserted, WatchInterrupted

WEB = pod("x/web", addresses=["10.0.0.1"])
DB = pod("x/db", {"app": "db"}, addresses=["10.0.0.2"])
CLOSED = policy("x/closed", {"matchLabels": {"app": "db"}}, ingress=[])


def view_of(*written: Object) -> View:
    view = View()
    for event in listing(*written):
        view.apply(event)
    return view


def reaches(view: View, source: str = "web", destination: str = "db", port: int = 80) -> bool:
    one, other = (view.state.member(Reference("x", "Pod", name)) for name in (source, destination))
    assert one
    assert other
    return allows(view.state, one, other, ("TCP", port))


class TestCompleteness:
    def test_a_view_is_complete_when_every_kind_was_listed(self) -> None:
        view = View()
        *most, last = listing(WEB, DB, CLOSED)
        for event in most:
            view.apply(event)
        assert not view.complete
        assert view.missing == [FOLLOWED_KINDS[-1]]
        view.apply(last)
        assert view.complete
        assert view.missing == []

    def test_a_view_stays_complete_when_a_watch_is_interrupted(self) -> None:
        view = view_of(WEB)
        assert not view.apply(WatchInterrupted("Pod", "the server is gone", 1.0)), "nothing is different"
        assert view.complete

    def test_signs_of_life_change_nothing(self) -> None:
        assert not view_of().apply(Alive("Pod"))

    def test_objects_are_counted_by_kind(self) -> None:
        view = view_of(WEB, DB, CLOSED, namespace("x"), node("n", "192.168.0.1"))
        counts = {"Namespace": 1, "Pod": 2, "NetworkPolicy": 1, "Node": 1}
        assert view.counts() == dict.fromkeys(CLUSTER_POLICY_KINDS, 0) | counts
        view.apply(removed(WEB))
        assert view.counts()["Pod"] == 1


class TestObjects:
    def test_objects_that_come_and_go_change_the_state_at_once(self) -> None:
        view = view_of(WEB, DB)
        assert reaches(view)
        assert view.apply(upserted(CLOSED))
        assert not reaches(view)
        assert view.apply(removed(CLOSED))
        assert reaches(view)

    def test_an_object_that_a_new_list_lacks_is_removed(self) -> None:
        """It was deleted while no watch was open."""
        view = view_of(WEB, DB, CLOSED)
        view.apply(Listed("NetworkPolicy", frozenset()))
        assert reaches(view)
        assert view.counts()["NetworkPolicy"] == 0

    def test_an_object_that_a_new_list_has_stays(self) -> None:
        view = view_of(WEB, DB, CLOSED)
        view.apply(Listed("NetworkPolicy", frozenset({("x", "closed")})))
        assert not reaches(view)

    def test_removing_an_unknown_object_is_not_an_error(self) -> None:
        view_of().apply(Removed("Pod", "x", "nobody"))

    def test_defaults_are_filled_in(self) -> None:
        """Stored objects contain the defaults, but a server of another version may have other defaults."""
        untyped = policy("x/closed", policyTypes=[], ingress=[])
        assert not reaches(view_of(WEB, DB, untyped))


class TestWhatCannotBeUsed:
    WRONG = policy("x/wrong", {"matchLabels": {"app": "db"}}, ingress=[admits(), admits(block("10.0.0.0/99"))])

    def test_a_policy_with_a_wrong_rule_closes_its_pods(self) -> None:
        view = view_of(WEB, DB, self.WRONG)
        assert not reaches(view)
        assert "spec.ingress[1].from[0].ipBlock.cidr" in view.problems["NetworkPolicy", "x", "wrong"]

    def test_only_the_first_ten_errors_of_a_policy_are_reported(self) -> None:
        rules = [admits(ports=[port(65_536 + number)]) for number in range(20)]
        problem = view_of(policy("x/wrong", ingress=rules)).problems["NetworkPolicy", "x", "wrong"]
        assert problem.count("must be between") == 10
        assert problem.endswith("; and more")

    def test_a_corrected_object_is_no_longer_a_problem(self) -> None:
        view = view_of(WEB, DB, self.WRONG)
        view.apply(upserted(policy("x/wrong", {"matchLabels": {"app": "db"}}, ingress=[admits(ports=[port(80)])])))
        assert reaches(view)
        assert not view.problems

    def test_a_removed_object_is_no_longer_a_problem(self) -> None:
        view = view_of(WEB, DB, self.WRONG)
        view.apply(removed(self.WRONG))
        assert reaches(view)
        assert not view.problems

    def test_a_policy_whose_blocks_divide_too_many_nodes_is_a_problem_as_long_as_they_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ringfence.agent.view.MOST_DIVIDED", 1)
        tunnel = "projectcalico.org/IPv4VXLANTunnelAddr"
        one, two = (annotated(node(f"n{i}", f"172.18.0.{i}"), {tunnel: f"10.244.{i}.0"}) for i in (1, 2))
        view = view_of(WEB, one, policy("x/p", ingress=[admits(block("172.18.0.0/16"))]))
        assert view.problems == {}
        view.apply(upserted(two))
        assert view.problems == {("NetworkPolicy", "x", "p"): DIVIDING}
        view.apply(removed(two))
        assert view.problems == {}

    def test_a_value_that_only_newer_servers_refuse_is_used_as_older_servers_do(self) -> None:
        """API servers accepted `10.0.0.1/24` for years, and clusters have stored it."""
        lenient = policy("x/lenient", {"matchLabels": {"app": "db"}}, ingress=[admits(block("10.0.0.7/24"))])
        view = view_of(WEB, DB, lenient)
        assert reaches(view)
        assert not view.problems

    def test_a_policy_whose_subject_is_unclear_is_a_problem(self) -> None:
        view = view_of(WEB, DB, policy("x/who", term("app", "Unclear", "db"), ingress=[]))
        assert reaches(view)
        assert ("NetworkPolicy", "x", "who") in view.problems

    @pytest.mark.parametrize("rules", [1, 10_000], ids=["explained", "too long to be explained"])
    def test_a_policy_with_a_value_of_the_wrong_type_closes_its_pods(self, rules: int) -> None:
        ports = [port(80 + number % 100) for number in range(rules)]
        wrong = policy("x/wrong", term("app", "In", "db"), ingress=[admits(ports=[*ports, {"port": []}])])
        view = view_of(WEB, DB, wrong)
        assert not reaches(view)
        assert list(view.problems) == [("NetworkPolicy", "x", "wrong")]

    def test_a_policy_whose_subject_has_a_wrong_type_is_a_problem(self) -> None:
        view = view_of(WEB, DB, policy("x/wrong", {"matchLabels": []}, ingress=[]))
        assert reaches(view)
        assert list(view.problems) == [("NetworkPolicy", "x", "wrong")]

    def test_an_unreadable_version_of_an_object_leaves_the_last_one(self) -> None:
        view = view_of(WEB, DB, CLOSED)
        changed = view.apply(Unreadable("NetworkPolicy", "x", "closed", "json: cannot unmarshal"))
        assert not changed
        assert not reaches(view)
        assert view.problems == {("NetworkPolicy", "x", "closed"): "json: cannot unmarshal"}


class TestPodRanges:
    @pytest.mark.parametrize(
        ("ranges", "expected"),
        [
            pytest.param(None, [], id="the Node says none"),
            pytest.param(["10.244.1.0/24", "fd00:1::/64"], ["10.244.1.0/24", "fd00:1::/64"], id="one for each family"),
        ],
    )
    def test_the_pod_ranges_are_those_of_the_node_object(self, ranges: list[str] | None, expected: list[str]) -> None:
        written = node("n", "192.168.0.1")
        written["spec"] = {"podCIDRs": ranges} if ranges else {}
        assert view_of(written).pod_ranges("n").cidrs() == expected

    def test_a_node_that_is_not_known_has_no_pod_ranges(self) -> None:
        assert not view_of().pod_ranges("n")


class TestDefects:
    """An exception that no object should cause keeps only that object out of the state, and the agent reports it."""

    @staticmethod
    def failing(patch: pytest.MonkeyPatch, method: str) -> None:
        def fail(*args: object) -> None:
            raise KeyError("a defect")

        patch.setattr(State, method, fail)

    def test_a_defect_with_one_object_of_a_page_keeps_no_other_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        taken_in = State.upsert

        def upsert(state: State, obj: Pod) -> None:
            if isinstance(obj, Pod) and obj.metadata.name == "web":
                raise KeyError("a defect")
            taken_in(state, obj)

        monkeypatch.setattr(State, "upsert", upsert)
        view = view_of(WEB, DB, CLOSED)
        assert list(view.defects) == [("Pod", "x", "web")]
        assert view.complete
        assert view.state.member(Reference("x", "Pod", "db"))
        monkeypatch.undo()
        assert view.apply(upserted(WEB))
        assert view.defects == {}
        assert not reaches(view)

    def test_an_object_that_cannot_be_removed_is_reported_as_a_defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        view = view_of(WEB, DB, CLOSED)
        self.failing(monkeypatch, "remove")
        view.apply(removed(CLOSED))
        assert list(view.defects) == [("NetworkPolicy", "x", "closed")]
        view.apply(Listed("Pod", frozenset()))
        assert set(view.defects) == {
            ("NetworkPolicy", "x", "closed"),
            ("Pod", "x", "web"),
            ("Pod", "x", "db"),
        }
        monkeypatch.undo()
        view.apply(removed(CLOSED))
        assert ("NetworkPolicy", "x", "closed") not in view.defects

    def test_a_removed_object_is_no_longer_a_defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        view = view_of(DB)
        with monkeypatch.context() as patch:
            self.failing(patch, "upsert")
            view.apply(upserted(WEB))
        assert list(view.defects) == [("Pod", "x", "web")]
        view.apply(removed(WEB))
        assert view.defects == {}


class TestPoliciesOfOtherNodes:
    """A policy that selects no pod of the node is counted, but is not part of the state."""

    HERE = pod("x/db", {"app": "db"}, addresses=["10.0.0.2"], nodeName="n")

    @staticmethod
    def view_of(*written: Object) -> View:
        view = View("n")
        for event in listing(*written):
            view.apply(event)
        return view

    def test_a_policy_of_other_nodes_is_counted_and_not_in_the_state(self) -> None:
        view = self.view_of(WEB, DB, CLOSED)
        assert view.counts()["NetworkPolicy"] == 1
        assert list(view.state.tiers.policies()) == []

    def test_errors_of_a_policy_are_problems_only_of_the_nodes_that_need_it(self) -> None:
        wrong = policy("x/wrong", {"matchLabels": {"app": "db"}}, ingress=[admits(block("10.0.0.0/99"))])
        assert not self.view_of(WEB, DB, wrong).problems
        assert self.view_of(WEB, self.HERE, wrong).problems

    def test_a_policy_is_in_force_when_it_selects_a_pod_of_the_node(self) -> None:
        view = self.view_of(WEB, CLOSED)
        view.apply(upserted(self.HERE))
        assert not reaches(view)

    def test_a_policy_that_selects_no_pod_of_the_node_any_more_leaves_the_state(self) -> None:
        view = self.view_of(WEB, self.HERE, CLOSED)
        assert not reaches(view)
        view.apply(upserted(policy("x/closed", {"matchLabels": {"app": "web"}}, ingress=[])))
        assert list(view.state.tiers.policies()) == []
        assert view.counts()["NetworkPolicy"] == 1

    def test_a_deleted_policy_is_not_woken(self) -> None:
        view = self.view_of(WEB, CLOSED)
        view.apply(removed(CLOSED))
        view.apply(upserted(self.HERE))
        assert reaches(view)

    def test_a_pod_that_was_deleted_selects_nothing(self) -> None:
        view = self.view_of(WEB, self.HERE)
        view.apply(removed(self.HERE))
        view.apply(upserted(CLOSED))
        assert list(view.state.tiers.policies()) == []


def test_policies_of_a_namespace_beyond_the_limit_are_a_problem_until_they_are_within_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_policies, "MOST_BYTES", 100)
    view = View("n")
    here = pod("x/db", {"app": "db"}, addresses=["10.0.0.2"], nodeName="n")
    more = policy("x/more", {"matchLabels": {"app": "db"}}, ingress=[])
    for event in listing(here, CLOSED, more):
        view.apply(event)
    assert view.excessive == {"x"}
    assert [str(one) for one in view.state.tiers.policies()] == ["x/closed"]
    assert "all pods of the namespace are closed here" in view.problems["NetworkPolicy", "x", "more"]
    assert view.counts()["NetworkPolicy"] == 2
    view.apply(removed(CLOSED))
    assert view.excessive == set()
    assert [str(one) for one in view.state.tiers.policies()] == ["x/more"]
    assert not view.problems


def test_a_namespace_is_closed_until_its_policies_that_were_left_out_are_in_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The namespace is not opened as soon as there is room for the policy."""
    monkeypatch.setattr(local_policies, "MOST_BYTES", 100)
    view = View("n")
    here = pod("x/db", {"app": "db"}, addresses=["10.0.0.2"], nodeName="n")
    for event in listing(here, CLOSED, policy("x/more", {"matchLabels": {"app": "db"}}, ingress=[])):
        view.apply(event)
    take_out = view.prepare(removed(CLOSED))
    [more] = view.fitting("x")
    take_in = view.prepare(Upserted(more))
    take_out()
    assert view.excessive == {"x"}
    take_in()
    assert view.excessive == set()
