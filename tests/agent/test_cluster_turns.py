"""Turns of objects without a namespace: while a large cluster policy is prepared, other turns come in between."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.agent.cluster_policies import cluster_policy, pods_of
from tests.agent.cluster_policies import rule as ingress_rule
from tests.agent.events import listing, removed, upserted
from tests.agent.running import Clock
from tests.semantics.objects import labelled, namespace, node, pod, policy, term

from ringfence.agent.intake import SHORT_TURN, Intake
from ringfence.agent.shares import SHARE
from ringfence.agent.time_account import TimeAccount
from ringfence.agent.view import ApplyStep, Change, View, name_of_change
from ringfence.sources.cluster.events import Event
from ringfence.steps import Steps, finish

HERE = node("here", "192.168.0.1")


class PausingView(View):
    """A view that prepares some objects in as many steps of a whole turn as `pauses` says, and records what happens."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("here")
        self.pauses: dict[str, tuple[int, int]] = {}
        """By name: before the object is read, and after that."""
        self.seconds: dict[str, float] = {}
        self.steps: list[str] = []
        self._clock = clock

    def prepare_in_steps(self, change: Change) -> Steps[ApplyStep]:
        _, owner, name = name_of_change(change)
        self.steps.append(f"prepare {owner}/{name}")
        before, after = self.pauses.get(name, (0, 0))
        for _ in range(before):
            self._clock.now += 1.5 * SHORT_TURN
            yield
        apply_step = finish(super().prepare_in_steps(change))
        for _ in range(after):
            self._clock.now += 1.5 * SHORT_TURN
            yield
        self._clock.now += self.seconds.get(name, 0.0001)

        def noted() -> None:
            self.steps.append(f"take in {owner}/{name}")
            apply_step()

        return noted


class Trial:
    """An intake, and the view that it fills."""

    def __init__(self, *listed: Any) -> None:
        self.clock = Clock()
        self.view = PausingView(self.clock)
        self.intake = Intake(self.view, TimeAccount(self.clock, self.clock))
        self.add(*listing(HERE, *listed))
        self.finish()

    def add(self, *events: Event) -> None:
        for event in events:
            self.intake.add(event, self.clock.now)

    def serve(self, turns: int = 1) -> list[str]:
        """Serve this many turns; return what happened in them."""
        del self.view.steps[:]
        for _ in range(turns):
            self.intake.serve()
        return self.view.steps

    def finish(self) -> None:
        while self.intake:
            self.intake.serve()

    def policies(self) -> set[str]:
        """The policies that are in the state."""
        return {str(one) for one in self.view.state.tiers.policies()}


def on_node(path: str, app: str = "web") -> Any:
    return pod(path, {"app": app}, nodeName="here", addresses=["10.0.0.1"])


def written(path: str) -> Any:
    return policy(path, labelled(app="web"), ingress=[])


def guard(name: str, app: str = "web", priority: int = 1) -> Any:
    return cluster_policy(name, pods_of(app=app), ingress_rule("Deny"), priority=priority)


@pytest.fixture
def trial() -> Trial:
    """One in which a large cluster policy has been prepared in part."""
    trial = Trial(on_node("x/web"), on_node("y/web"))
    trial.view.pauses["large"] = (0, 2)
    trial.add(upserted(guard("large")))
    assert trial.serve() == ["prepare /large"]
    return trial


def test_every_other_turn_is_given_to_a_namespace(trial: Trial) -> None:
    trial.add(upserted(written("x/p")), upserted(written("y/p")))
    assert trial.serve() == ["prepare x/p", "take in x/p"]
    assert trial.serve() == []
    assert trial.serve() == ["prepare y/p", "take in y/p"]
    assert trial.serve() == ["take in /large"]


def test_a_namespace_that_has_used_its_share_waits_until_the_policy_is_in_force(trial: Trial) -> None:
    trial.view.seconds["p"] = 2 * SHARE
    trial.add(upserted(written("x/p")))
    trial.serve()
    trial.add(upserted(written("x/p")))
    assert trial.serve(2) == ["take in /large"]
    assert trial.serve() == ["prepare x/p"]


def test_the_policy_goes_on_if_no_other_change_waits(trial: Trial) -> None:
    assert trial.intake.has_turn
    assert trial.serve(2) == ["take in /large"]
    assert not trial.intake


def test_changes_of_several_objects_are_applied_together(trial: Trial) -> None:
    """A policy is created, and the one that it replaces is deleted."""
    trial.add(removed(guard("other")))
    assert trial.serve(2) == ["prepare /other", "take in /large", "take in /other"]


@pytest.mark.parametrize(
    ("subject", "change"),
    [
        (pods_of(app="web"), upserted(on_node("x/web"))),
        ({"namespaces": term("team", "NotIn", "a")}, removed(namespace("x", team="a"))),
    ],
    ids=["a pod", "a namespace"],
)
def test_a_policy_that_is_to_be_set_aside_is_in_force_when_it_is_woken_before(subject: Any, change: Event) -> None:
    """The turn ends after the policy has been prepared to be set aside, because another policy takes long."""
    trial = Trial(namespace("x", team="a"), on_node("x/web", app="other"), on_node("x/b", app="b"))
    trial.view.pauses["large"] = (0, 2)
    trial.add(
        upserted(cluster_policy("guard", subject, ingress_rule("Deny"))),
        upserted(guard("large", app="b")),
    )
    assert trial.serve() == ["prepare /guard", "prepare /large"]
    trial.add(change)
    trial.serve()
    assert "guard" in trial.policies()
    trial.finish()
    assert trial.policies() == {"guard", "large"}


_NAMES = st.sampled_from("gh")
_APPS = st.sampled_from("abc")
_PODS = st.sampled_from(["x/a", "x/b", "y/a"])


class Turns(RuleBasedStateMachine):
    """In any order of events and turns: when nothing waits, the state equals the cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.trial = Trial()
        self.guards: dict[str, tuple[str, int]] = {}
        self.pods: dict[str, str] = {}

    @rule(name=_NAMES, app=_APPS, priority=st.integers(1, 9), pauses=st.tuples(st.integers(0, 1), st.integers(0, 2)))
    def write_policy(self, name: str, app: str, priority: int, pauses: tuple[int, int]) -> None:
        self.guards[name] = app, priority
        self.trial.view.pauses[name] = pauses
        self.trial.add(upserted(guard(name, app, priority)))

    @rule(name=_NAMES)
    def delete_policy(self, name: str) -> None:
        self.guards.pop(name, None)
        self.trial.add(removed(guard(name)))

    @rule(path=_PODS, app=_APPS)
    def write_pod(self, path: str, app: str) -> None:
        self.pods[path] = app
        self.trial.add(upserted(on_node(path, app)))

    @rule(path=_PODS)
    def delete_pod(self, path: str) -> None:
        self.pods.pop(path, None)
        self.trial.add(removed(on_node(path)))

    @rule(turns=st.integers(1, 3))
    def serve(self, turns: int) -> None:
        self.trial.serve(turns)

    @rule()
    def serve_everybody(self) -> None:
        self.trial.finish()
        in_force = {policy.name: policy.priority for policy in self.trial.view.state.tiers.policies()}
        written = {name: priority for name, (_, priority) in self.guards.items()}
        selecting = {name for name, (app, _) in self.guards.items() if app in self.pods.values()}
        assert selecting <= in_force.keys(), "what selects a pod of the node is in force"
        assert in_force.items() <= written.items(), "in its last version"


TestTurns = Turns.TestCase
TestTurns.settings = settings(stateful_step_count=40)
