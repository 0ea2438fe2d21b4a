"""Lists in the intake: what they contain, what they leave out, and what is listed again unchanged."""

import pytest
from tests.agent.events import listing, removed, upserted
from tests.agent.intake_trial import HERE, LARGE, Trial, on_node, written
from tests.semantics.objects import admits, labelled, policy


def test_lists_are_taken_in_by_namespace_and_objects_that_they_lack_are_removed() -> None:
    trial = Trial()
    trial.add(*listing(HERE, on_node("x/web"), on_node("y/web"), written("x/p"), written("y/p")))
    trial.serve_all()
    assert trial.policies() == {"x/p", "y/p"}
    trial.add(*listing(written("x/p"), kinds=["NetworkPolicy"]))
    trial.add(*listing(on_node("x/web"), kinds=["Pod"]))
    assert trial.view.state.pod("y", "web") is None
    trial.serve_all()
    assert trial.policies() == {"x/p"}


@pytest.mark.parametrize("app", ["web", "elsewhere"], ids=["taken in", "set aside"])
def test_a_policy_that_is_listed_again_unchanged_costs_its_namespace_nothing(app: str) -> None:
    """Otherwise a namespace with thousands of policies would be closed whenever a watch has to start again."""
    trial = Trial()
    listed = listing(HERE, on_node("x/web", app), written("x/p"))
    trial.add(*listed)
    trial.serve_all()
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
    trial.serve_all()
    trial.add(upserted(policy("x/p", labelled(app="elsewhere"), ingress=[])))
    trial.add(*listing(written("x/p"), kinds=["NetworkPolicy"]))
    trial.serve_all()
    assert trial.policies() == {"x/p"}


def test_a_policy_that_met_a_defect_is_taken_in_when_it_is_listed_again() -> None:
    trial = Trial()
    trial.add(*listing(HERE, on_node("x/web")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial.view.state, "upsert", lambda obj: 1 / 0)
        trial.add(upserted(written("x/p")))
        trial.serve_all()
    assert trial.view.defects
    trial.add(*listing(HERE, on_node("x/web"), written("x/p")))
    trial.serve_all()
    assert not trial.view.defects
    assert trial.policies() == {"x/p"}


def test_a_pod_wakes_no_policy_that_was_only_prepared_when_a_list_left_it_out() -> None:
    trial = Trial(x__p=LARGE)
    trial.add(upserted(written("x/p")))
    assert trial.serve() == ["prepare x/p"], "and it is not taken in"
    trial.add(upserted(on_node("x/web")), *listing(kinds=["NetworkPolicy"]))
    trial.serve_all()
    assert trial.policies() == set()


def test_a_pod_that_was_only_prepared_when_a_list_left_it_out_makes_no_policy_local() -> None:
    trial = Trial(x__web=LARGE)
    trial.add(upserted(on_node("x/web")))
    assert trial.serve() == ["prepare x/web"], "and it is not taken in"
    assert trial.view.has_own_pods("x")
    trial.add(*listing(kinds=["Pod"]))
    assert not trial.view.has_own_pods("x")
