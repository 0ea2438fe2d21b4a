"""The intake: how events reach the view, in turns of namespaces."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.agent.cluster_policies import cluster_policy, pods_of
from tests.agent.cluster_policies import rule as ingress_rule
from tests.agent.events import delivered, listing, removed, upserted
from tests.agent.running import Clock
from tests.semantics.objects import admits, labelled, node, pod, policy, port

from ringfence.agent import local_policies
from ringfence.agent.arrived_namespaces import ArrivedNamespaces
from ringfence.agent.inbox import Arrival
from ringfence.agent.intake import LONGEST_APPLYING, PATIENCE, SHORT_TURN, Intake
from ringfence.agent.shares import SHARE
from ringfence.agent.time_account import TimeAccount
from ringfence.agent.view import ApplyStep, Change, View, name_of_change
from ringfence.sources.cluster.events import Event, Listed, Page, Unreadable
from ringfence.steps import Steps, finish

HERE = node("here", "192.168.0.1")
LARGE = SHARE * 1.5


class SlowView(View):
    """A view that takes as long to prepare each object as a test sets, and that records what happens."""

    def __init__(self, clock: Clock, seconds: dict[str, float]) -> None:
        super().__init__("here")
        self.steps: list[str] = []
        self.every = 0.0001
        """Seconds that it takes to prepare any other object."""
        self.pauses = 0
        """How often preparing is interrupted."""
        self.taking_in = 0.0
        """Seconds that it takes to take in what is prepared."""
        self._clock = clock
        self._seconds = seconds

    def prepare_in_steps(self, change: Change) -> Steps[ApplyStep]:
        _, owner, name = name_of_change(change)
        self.steps.append(f"prepare {owner}/{name}")
        take_in = finish(super().prepare_in_steps(change))
        seconds = self._seconds.get(f"{owner}/{name}", self.every)
        for _ in range(self.pauses):
            self._clock.now += seconds / (self.pauses + 1)
            yield
        self._clock.now += seconds / (self.pauses + 1)

        def noted() -> None:
            self.steps.append(f"take in {owner}/{name}")
            self._clock.now += self.taking_in
            take_in()

        return noted


class Trial:
    """An intake, and the view that it fills."""

    def __init__(self, **seconds: float) -> None:
        self.clock = Clock()
        self.view = SlowView(self.clock, {path.replace("__", "/"): one for path, one in seconds.items()})
        account = TimeAccount(self.clock, self.clock)
        self.arrived = ArrivedNamespaces(account.shares)
        self.intake = Intake(self.view, account, self.arrived.first)

    def add(self, *events: Event) -> None:
        for event in events:
            self.intake.add(event, self.clock.now)

    def serve(self, turns: int = 1) -> list[str]:
        """Serve this many turns; return what happened in them."""
        del self.view.steps[:]
        for _ in range(turns):
            self.intake.serve()
        return self.view.steps

    def policies(self) -> set[str]:
        """The policies that are in the state."""
        return {str(one) for one in self.view.state.tiers.policies()}


def written(path: str) -> Any:
    return policy(path, labelled(app="web"), ingress=[])


def test_policies_beyond_the_limit_of_all_namespaces_are_taken_in_when_another_has_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The policy waits for the turn of its own namespace."""
    for limit, size in (("MOST_BYTES_OF_ALL", 250), ("ALWAYS", 0)):
        monkeypatch.setattr(local_policies, limit, size)
    trial = Trial()
    pods_here = [
        pod(f"{name}/web", {"app": "web"}, addresses=[f"10.0.0.{i}"], nodeName="here") for i, name in enumerate("xy")
    ]
    trial.add(*listing(HERE, *pods_here, written("x/p")))
    trial.serve(9)
    trial.add(upserted(written("y/p")))
    trial.serve(2)
    assert trial.policies() == {"x/p"}
    assert trial.view.excessive == {"y"}
    trial.add(removed(written("x/p")))
    assert trial.serve(1) == ["prepare x/p", "take in x/p"]
    assert trial.view.excessive == {"y"}
    assert trial.serve(1) == ["prepare y/p", "take in y/p"]
    assert trial.view.excessive == set()
    assert trial.policies() == {"y/p"}


def on_node(path: str, app: str = "web") -> Any:
    return pod(path, {"app": app}, nodeName="here", addresses=["10.0.0.1"])


def test_all_changes_of_a_namespace_are_prepared_and_then_taken_in_together() -> None:
    trial = Trial()
    trial.add(upserted(on_node("x/web")), upserted(written("x/p")), upserted(written("x/q")))
    steps = trial.serve()
    assert steps[:3] == ["prepare x/web", "prepare x/p", "prepare x/q"]
    assert steps[3:] == ["take in x/p", "take in x/q", "take in x/web"], "policies before the pods that they select"
    assert not trial.intake


def test_a_namespace_that_has_used_its_share_lets_others_go_first() -> None:
    trial = Trial(x__p=LARGE, x__q=LARGE)
    trial.add(*(upserted(on_node(f"{owner}/web")) for owner in "xy"))
    trial.serve(2)
    trial.add(upserted(written("x/p")), upserted(written("x/q")))
    assert trial.serve() == ["prepare x/p"]
    trial.add(upserted(written("y/p")))
    assert trial.serve() == ["prepare y/p", "take in y/p"]
    assert trial.policies() == {"y/p"}, "and nothing of the other is taken in before all of it is prepared"
    assert trial.serve() == ["prepare x/q"]
    assert trial.serve() == ["take in x/p", "take in x/q"]
    assert trial.policies() == {"x/p", "x/q", "y/p"}


def test_between_two_steps_of_preparing_a_large_policy_others_go_first() -> None:
    trial = Trial(x__p=3 * LARGE)
    trial.view.pauses = 2
    trial.add(*(upserted(on_node(f"{owner}/web")) for owner in "xy"))
    trial.serve(2)
    trial.add(upserted(written("x/p")))
    assert trial.serve() == ["prepare x/p"]
    trial.add(upserted(written("y/p")))
    assert trial.serve() == ["prepare y/p", "take in y/p"]
    assert trial.serve(3) == ["take in x/p"]


def test_a_newer_version_replaces_one_that_is_prepared_in_part() -> None:
    trial = Trial(x__p=3 * LARGE)
    trial.view.pauses = 2
    trial.add(upserted(on_node("x/web")), upserted(written("x/p")))
    trial.serve()
    trial.add(upserted(policy("x/p", labelled(app="web"), ingress=[{}])))
    assert "prepare x/p" in trial.serve(6)
    (taken_in,) = trial.view.state.tiers.policies()
    assert taken_in.policy.spec.ingress
    assert not trial.intake


def test_a_policy_that_is_deleted_is_not_prepared_further() -> None:
    trial = Trial(x__p=3 * LARGE)
    trial.view.pauses = 2
    trial.add(upserted(on_node("x/web")), upserted(written("x/p")))
    trial.serve()
    assert trial.intake
    trial.add(removed(written("x/p")))
    trial.serve(6)
    assert trial.policies() == set()
    assert not trial.intake


def test_many_small_changes_of_a_namespace_that_has_used_its_share_are_prepared_at_a_time() -> None:
    trial = Trial(x__large=LARGE)
    trial.add(upserted(written("x/large")))
    trial.serve()
    trial.add(*(upserted(written(f"x/p{i}")) for i in range(1_000)))
    prepared = trial.serve()
    assert len(prepared) == pytest.approx(SHORT_TURN / 0.0001, rel=0.1)


def test_no_change_is_taken_in_of_a_namespace_for_which_something_is_built() -> None:
    """Taking in the change would make the work of building useless."""
    trial = Trial()
    trial.add(upserted(on_node("x/web")), upserted(on_node("y/web")))
    trial.serve(2)
    trial.add(upserted(written("x/p")), upserted(written("y/p")))
    assert [trial.intake.serve({"x"}) is None for _ in range(3)] == [False, True, True]
    assert trial.policies() == {"y/p"}
    assert trial.intake
    assert not trial.intake.has_turn
    trial.intake.resume()
    assert trial.intake.has_turn
    trial.serve()
    assert trial.policies() == {"x/p", "y/p"}


def test_a_policy_that_is_rewritten_without_pause_is_taken_in_as_often_as_there_is_time() -> None:
    trial = Trial(x__p=LARGE)
    trial.add(upserted(on_node("x/web")))
    trial.serve()
    for _ in range(100):
        trial.add(upserted(written("x/p")))
    assert trial.serve(2) == ["prepare x/p", "take in x/p"]
    assert not trial.intake


def test_the_time_of_changes_is_that_of_the_oldest() -> None:
    trial = Trial()
    began = trial.clock.now
    trial.add(upserted(written("x/p")))
    trial.clock.now += 5
    trial.add(upserted(written("x/p")))
    assert trial.intake.serve() == began
    assert trial.intake.serve() is None


def test_changes_are_urgent_unless_their_namespace_has_used_its_share() -> None:
    trial = Trial(x__p=LARGE)
    assert not trial.intake.is_urgent
    trial.add(upserted(written("x/p")))
    assert trial.intake.is_urgent
    trial.serve()
    trial.add(upserted(written("x/p")))
    assert trial.intake
    assert not trial.intake.is_urgent
    trial.add(upserted(written("y/p")))
    assert trial.intake.is_urgent


def test_a_namespace_that_has_used_less_time_comes_before_another() -> None:
    trial = Trial(x__p=LARGE)
    trial.add(upserted(written("x/p")))
    trial.serve(2)
    assert not trial.intake.has_others_before("x")
    trial.add(upserted(written("x/p")))
    assert not trial.intake.has_others_before("x")
    trial.add(upserted(written("y/p")))
    assert trial.intake.has_others_before("x")
    assert not trial.intake.has_others_before("y")


def test_a_deleted_pod_is_removed_at_once() -> None:
    """Another pod may already have its address."""
    trial = Trial(x__p=LARGE, x__q=LARGE)
    trial.add(upserted(on_node("x/web")))
    trial.serve()
    trial.add(upserted(written("x/p")), upserted(written("x/q")), upserted(on_node("x/web", "other")))
    trial.serve()
    assert trial.intake.add(removed(on_node("x/web")), trial.clock.now)
    assert trial.view.state.pod("x", "web") is None
    trial.serve(3)
    assert trial.view.state.pod("x", "web") is None


def test_a_deleted_policy_stays_until_the_changes_that_may_replace_it_are_taken_in() -> None:
    trial = Trial(x__q=LARGE)
    trial.add(upserted(on_node("x/web")), upserted(written("x/p")))
    trial.serve()
    trial.add(upserted(written("x/q")), removed(written("x/p")))
    trial.serve()
    assert trial.policies() == {"x/p"}
    trial.serve(2)
    assert trial.policies() == {"x/q"}


def test_a_policy_that_arrives_just_before_the_pod_that_it_selects_is_taken_in() -> None:
    """The policy and the pod arrive in one turn.

    At first the policy selects no pod of the node and is prepared to be set aside.
    """
    trial = Trial()
    trial.add(upserted(written("x/p")), upserted(on_node("x/web")))
    trial.serve()
    assert trial.policies() == {"x/p"}


def test_a_policy_whose_removal_is_prepared_is_not_woken() -> None:
    """The pod that the policy selected arrives in the same turn."""
    trial = Trial()
    trial.add(upserted(written("x/p")))
    trial.serve()
    trial.add(removed(written("x/p")), upserted(on_node("x/web")))
    trial.serve()
    assert trial.policies() == set()


def test_a_policy_that_a_new_pod_wakes_is_taken_in_before_the_pod() -> None:
    trial = Trial()
    trial.add(upserted(written("x/p")))
    assert trial.serve() == ["prepare x/p", "take in x/p"]
    assert trial.policies() == set()
    trial.add(upserted(on_node("x/web")))
    assert trial.serve() == ["prepare x/web", "prepare x/p", "take in x/p", "take in x/web"]
    assert trial.policies() == {"x/p"}


def test_lists_are_taken_in_by_namespace_and_objects_that_they_lack_are_removed() -> None:
    trial = Trial()
    trial.add(*listing(HERE, on_node("x/web"), on_node("y/web"), written("x/p"), written("y/p")))
    while trial.intake:
        trial.serve()
    assert trial.policies() == {"x/p", "y/p"}
    trial.add(*listing(written("x/p"), kinds=["NetworkPolicy"]))
    trial.add(*listing(on_node("x/web"), kinds=["Pod"]))
    assert trial.view.state.pod("y", "web") is None
    while trial.intake:
        trial.serve()
    assert trial.policies() == {"x/p"}


@pytest.mark.parametrize("app", ["web", "elsewhere"], ids=["taken in", "set aside"])
def test_a_policy_that_is_listed_again_unchanged_costs_its_namespace_nothing(app: str) -> None:
    """Otherwise a namespace with thousands of policies would be closed whenever a watch has to start again."""
    trial = Trial()
    listed = listing(HERE, on_node("x/web", app), written("x/p"))
    trial.add(*listed)
    while trial.intake:
        trial.serve()
    trial.add(*listing(written("x/p"), kinds=["NetworkPolicy"]))
    assert not trial.intake
    assert trial.policies() == ({"x/p"} if app == "web" else set())
    changed = policy("x/p", labelled(app="web"), ingress=[admits()])
    trial.add(*listing(changed, kinds=["NetworkPolicy"]))
    assert trial.serve() == ["prepare x/p", "take in x/p"]
    trial.add(removed(written("x/p")))
    trial.serve()
    trial.add(*listing(changed, kinds=["NetworkPolicy"]))
    assert trial.serve() == ["prepare x/p", "take in x/p"], "it was gone in between"


def test_a_list_that_is_older_than_the_changes_that_wait_counts() -> None:
    """This happens when the data of the API server were restored from a backup."""
    trial = Trial()
    trial.add(*listing(HERE, on_node("x/web"), written("x/p")))
    while trial.intake:
        trial.serve()
    trial.add(upserted(policy("x/p", labelled(app="elsewhere"), ingress=[])))
    trial.add(*listing(written("x/p"), kinds=["NetworkPolicy"]))
    while trial.intake:
        trial.serve()
    assert trial.policies() == {"x/p"}


def test_a_policy_that_met_a_defect_is_taken_in_when_it_is_listed_again() -> None:
    trial = Trial()
    trial.add(*listing(HERE, on_node("x/web")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial.view.state, "upsert", lambda obj: 1 / 0)
        trial.add(upserted(written("x/p")))
        while trial.intake:
            trial.serve()
    assert trial.view.defects
    trial.add(*listing(HERE, on_node("x/web"), written("x/p")))
    while trial.intake:
        trial.serve()
    assert not trial.view.defects
    assert trial.policies() == {"x/p"}


def test_a_pod_wakes_no_policy_that_was_only_prepared_when_a_list_left_it_out() -> None:
    trial = Trial(x__p=LARGE)
    trial.add(upserted(written("x/p")))
    assert trial.serve() == ["prepare x/p"], "and it is not taken in"
    trial.add(upserted(on_node("x/web")), *listing(kinds=["NetworkPolicy"]))
    while trial.intake:
        trial.serve()
    assert trial.policies() == set()


def test_a_pod_that_was_only_prepared_when_a_list_left_it_out_makes_no_policy_local() -> None:
    trial = Trial(x__web=LARGE)
    trial.add(upserted(on_node("x/web")))
    assert trial.serve() == ["prepare x/web"], "and it is not taken in"
    assert trial.view.has_own_pods("x")
    trial.add(*listing(kinds=["Pod"]))
    assert not trial.view.has_own_pods("x")


def test_an_unreadable_version_leaves_what_is_in_force() -> None:
    trial = Trial()
    trial.add(upserted(on_node("x/web")), upserted(written("x/p")))
    trial.serve()
    trial.add(Unreadable("NetworkPolicy", "x", "p", "why not"))
    trial.serve()
    assert trial.policies() == {"x/p"}
    assert trial.view.problems == {("NetworkPolicy", "x", "p"): "why not"}


class TestWhoseResultsAreKnownInPart:
    """The pods of such namespaces must be closed."""

    def test_a_namespace_that_has_used_its_share_is_overdue_when_its_policy_has_waited_for_long(self) -> None:
        trial = Trial(x__p=10 * LARGE)
        trial.add(upserted(written("x/p")))
        trial.serve(2)
        trial.add(upserted(written("x/p")), upserted(written("y/p")))
        assert trial.intake.overdue() == set()
        trial.clock.now += PATIENCE
        assert trial.intake.overdue() == {"x"}
        trial.serve(2)
        assert trial.intake.overdue() == {"x"}
        trial.serve()
        assert trial.intake.overdue() == set()

    def test_at_the_beginning_a_namespace_is_overdue_at_once(self) -> None:
        trial = Trial(x__p=LARGE)
        trial.add(upserted(written("x/p")), upserted(written("x/q")))
        trial.serve()
        assert trial.intake.overdue(patience=0) == {"x"}

    def test_a_pod_that_waits_makes_no_namespace_overdue(self) -> None:
        trial = Trial(x__p=10 * LARGE)
        trial.add(upserted(written("x/p")))
        trial.serve(2)
        trial.add(upserted(on_node("x/web")))
        trial.clock.now += PATIENCE
        assert trial.intake.overdue() == set()

    @staticmethod
    def taking_in(seconds: float, *arrived: Arrival) -> Trial:
        """Take in several policies of a namespace that has used its share. Each policy takes this long."""
        trial = Trial(x__large=LARGE)
        trial.view.taking_in = seconds
        for one in arrived:
            trial.arrived.add(one)
        trial.add(upserted(on_node("x/web")), *(upserted(written(f"x/{name}")) for name in ("large", "p", "q")))
        trial.serve(2)
        return trial

    def test_a_namespace_of_which_only_some_changes_are_taken_in_is_overdue(self) -> None:
        others = Arrival(upserted(written("y/p")), 0.0)
        trial = self.taking_in(2 * SHORT_TURN, others)
        assert trial.serve() == ["take in x/p"]
        assert trial.intake.overdue() == {"x"}
        trial.arrived.discard(others)
        trial.arrived.add(Arrival(upserted(written("x/r")), 0.0))  # nobody else's
        trial.serve()
        assert trial.intake.overdue() == set()
        assert not trial.intake

    def test_a_namespace_whose_changes_take_too_long_is_overdue(self) -> None:
        trial = self.taking_in(2 * LONGEST_APPLYING)
        assert trial.serve() == ["take in x/p"]
        assert trial.intake.overdue() == {"x"}


def test_the_oldest_change_that_waits_counts_unless_its_namespace_has_used_its_share() -> None:
    trial = Trial(x__p=LARGE)
    assert trial.intake.waiting_since() is None
    trial.add(upserted(written("x/p")), upserted(written("x/q")))
    assert trial.intake.waiting_since() == trial.clock.now
    trial.serve()
    assert trial.intake.waiting_since() is None
    trial.add(upserted(written("y/p")))
    arrived = trial.clock.now
    trial.clock.now += 0.01
    assert trial.intake.waiting_since() == arrived
    assert len(trial.intake) == 3


@pytest.mark.parametrize("order", [("policy", "pod"), ("pod", "policy")], ids=" before ".join)
def test_a_policy_and_the_pod_that_it_selects_are_taken_in_whichever_arrives_first(order: tuple[str, str]) -> None:
    """A policy that selects no pod of the node is set aside.

    It must not stay so when its pod arrives in the same turn.
    """
    trial = Trial()
    objects = {"policy": written("x/p"), "pod": on_node("x/web")}
    trial.add(*(upserted(objects[one]) for one in order))
    trial.serve()
    assert trial.policies() == {"x/p"}
    assert not trial.intake


def _admitting(path: str, app: str, number: int) -> Any:
    return policy(path, labelled(app=app), ingress=[admits(ports=[port(number)])])


class Turns(RuleBasedStateMachine):
    """In any order of events: when nothing waits, the state equals the cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.view = SlowView(self.clock, {})
        self.intake = Intake(self.view, TimeAccount(self.clock, self.clock))
        self.policies: dict[str, tuple[str, int]] = {}
        self.pods: dict[str, str] = {}

    @rule(path=st.sampled_from(["x/p", "x/q", "y/p"]), app=st.sampled_from("abc"), number=st.integers(1, 9))
    def write_policy(self, path: str, app: str, number: int) -> None:
        self.policies[path] = app, number
        self.intake.add(upserted(_admitting(path, app, number)), self.clock.now)

    @rule(path=st.sampled_from(["x/p", "x/q", "y/p"]))
    def delete_policy(self, path: str) -> None:
        self.policies.pop(path, None)
        self.intake.add(removed(policy(path, ingress=[])), self.clock.now)

    @rule(path=st.sampled_from(["x/a", "x/b", "y/a"]), app=st.sampled_from("abc"))
    def write_pod(self, path: str, app: str) -> None:
        self.pods[path] = app
        self.intake.add(upserted(on_node(path, app)), self.clock.now)

    @rule(path=st.sampled_from(["x/a", "x/b", "y/a"]))
    def delete_pod(self, path: str) -> None:
        self.pods.pop(path, None)
        self.intake.add(removed(on_node(path)), self.clock.now)

    @rule(
        kept=st.frozensets(st.sampled_from(["x/p", "x/q", "y/p"])),
        changed=st.dictionaries(st.sampled_from(["x/p", "x/q"]), st.integers(1, 3)),
    )
    def list_policies_again(self, kept: frozenset[str], changed: dict[str, int]) -> None:
        """List the policies again, after some were deleted and others changed while no watch was open."""
        self.policies = {
            path: (app, changed.get(path, number)) for path, (app, number) in self.policies.items() if path in kept
        }
        self.intake.add(
            Page("NetworkPolicy", [delivered(_admitting(path, *one)) for path, one in self.policies.items()]),
            self.clock.now,
        )
        names = frozenset((owner, name) for owner, _, name in (path.partition("/") for path in self.policies))
        self.intake.add(Listed("NetworkPolicy", names), self.clock.now)

    @rule(turns=st.integers(1, 3), seconds=st.floats(0.0001, 0.2))
    def serve(self, turns: int, seconds: float) -> None:
        self.view.every = seconds
        for _ in range(turns):
            self.intake.serve()

    @rule()
    def serve_everybody(self) -> None:
        while self.intake:
            self.intake.serve()
        selecting = {
            path: number
            for path, (app, number) in self.policies.items()
            if any(pod_[0] == path[0] and of_pod == app for pod_, of_pod in self.pods.items())
        }
        in_force = {str(one): one.policy.spec.ingress[0].ports[0].port for one in self.view.state.tiers.policies()}
        assert selecting.items() <= in_force.items(), "what selects a pod of the node is in force, in its last version"
        assert in_force.items() <= {path: number for path, (_, number) in self.policies.items()}.items()
        assert self.view.counts()["NetworkPolicy"] == len(self.policies)
        assert {member.reference.name: member.labels for member in self.view.state.members_in("x")} == {
            path[2:]: {"app": app} for path, app in self.pods.items() if path[0] == "x"
        }


TestTurns = Turns.TestCase
TestTurns.settings = settings(stateful_step_count=40)


def test_a_cluster_policy_that_a_pod_wakes_never_replaces_a_newer_version() -> None:
    """The policy belongs to no turn of a namespace.

    Such a turn may be interrupted while a change of the policy comes first.
    """
    trial = Trial(x__a=LARGE)
    guard = cluster_policy("guard", pods_of(app="web"), ingress_rule("Deny"))
    trial.add(*listing(HERE, guard, on_node("x/a", app="other")))
    while trial.intake:
        trial.intake.serve()
    assert trial.policies() == set()
    trial.add(upserted(on_node("x/a")), upserted(on_node("x/b")))
    assert "take in x/a" not in trial.serve(), "the turn is over after the first pod"
    trial.add(upserted(cluster_policy("guard", pods_of(app="web"), ingress_rule("Accept"))))
    while trial.intake:
        trial.intake.serve()
    [found] = trial.view.state.tiers.policies()
    assert found.policy.spec.ingress[0].action == "Accept"
