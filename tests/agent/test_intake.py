"""The intake: how events reach the view, in turns of namespaces."""

import pytest
from tests.agent.cluster_policies import cluster_policy, pods_of
from tests.agent.cluster_policies import rule as ingress_rule
from tests.agent.events import listing, removed, upserted
from tests.agent.intake_trial import HERE, LARGE, Trial, on_node, written
from tests.semantics.objects import labelled, pod, policy

from ringfence.agent import local_policies
from ringfence.agent.intake import SHORT_TURN
from ringfence.sources.cluster.events import Unreadable


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


def test_an_unreadable_version_leaves_what_is_in_force() -> None:
    trial = Trial()
    trial.add(upserted(on_node("x/web")), upserted(written("x/p")))
    trial.serve()
    trial.add(Unreadable("NetworkPolicy", "x", "p", "why not"))
    trial.serve()
    assert trial.policies() == {"x/p"}
    assert trial.view.problems == {("NetworkPolicy", "x", "p"): "why not"}


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


def test_a_cluster_policy_that_a_pod_wakes_never_replaces_a_newer_version() -> None:
    """The policy belongs to no turn of a namespace.

    Such a turn may be interrupted while a change of the policy comes first.
    """
    trial = Trial(x__a=LARGE)
    guard = cluster_policy("guard", pods_of(app="web"), ingress_rule("Deny"))
    trial.add(*listing(HERE, guard, on_node("x/a", app="other")))
    trial.serve_all()
    assert trial.policies() == set()
    trial.add(upserted(on_node("x/a")), upserted(on_node("x/b")))
    assert "take in x/a" not in trial.serve(), "the turn is over after the first pod"
    trial.add(upserted(cluster_policy("guard", pods_of(app="web"), ingress_rule("Accept"))))
    trial.serve_all()
    [found] = trial.view.state.tiers.policies()
    assert found.policy.spec.ingress[0].action == "Accept"
