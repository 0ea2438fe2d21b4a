"""The intake in any order of events: when nothing waits, the view equals the cluster."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.agent.events import delivered, removed, upserted
from tests.agent.intake_trial import SlowView, on_node
from tests.agent.running import Clock
from tests.semantics.objects import admits, labelled, policy, port

from ringfence.agent.intake import Intake
from ringfence.agent.time_account import TimeAccount
from ringfence.sources.cluster.events import Listed, Page


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
