"""Namespaces of which some changes wait for too long, or were taken in only in part: their pods must be closed."""

from tests.agent.events import upserted
from tests.agent.intake_trial import LARGE, Trial, on_node, written

from ringfence.agent.inbox import Arrival
from ringfence.agent.intake import LONGEST_APPLYING, PATIENCE, SHORT_TURN


def test_a_namespace_that_has_used_its_share_is_overdue_when_its_policy_has_waited_for_long() -> None:
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


def test_at_the_beginning_a_namespace_is_overdue_at_once() -> None:
    trial = Trial(x__p=LARGE)
    trial.add(upserted(written("x/p")), upserted(written("x/q")))
    trial.serve()
    assert trial.intake.overdue(patience=0) == {"x"}


def test_a_pod_that_waits_makes_no_namespace_overdue() -> None:
    trial = Trial(x__p=10 * LARGE)
    trial.add(upserted(written("x/p")))
    trial.serve(2)
    trial.add(upserted(on_node("x/web")))
    trial.clock.now += PATIENCE
    assert trial.intake.overdue() == set()


def taking_in(seconds: float, *arrived: Arrival) -> Trial:
    """Take in several policies of a namespace that has used its share. Each policy takes this long."""
    trial = Trial(x__large=LARGE)
    trial.view.taking_in = seconds
    for one in arrived:
        trial.arrived.add(one)
    trial.add(upserted(on_node("x/web")), *(upserted(written(f"x/{name}")) for name in ("large", "p", "q")))
    trial.serve(2)
    return trial


def test_a_namespace_of_which_only_some_changes_are_taken_in_is_overdue() -> None:
    others = Arrival(upserted(written("y/p")), 0.0)
    trial = taking_in(2 * SHORT_TURN, others)
    assert trial.serve() == ["take in x/p"]
    assert trial.intake.overdue() == {"x"}
    trial.arrived.discard(others)
    trial.arrived.add(Arrival(upserted(written("x/r")), 0.0))  # nobody else's
    trial.serve()
    assert trial.intake.overdue() == set()
    assert not trial.intake


def test_a_namespace_whose_changes_take_too_long_is_overdue() -> None:
    trial = taking_in(2 * LONGEST_APPLYING)
    assert trial.serve() == ["take in x/p"]
    assert trial.intake.overdue() == {"x"}
