"""An intake whose view takes as long to prepare each object as a test sets, and what happens in its turns."""

from typing import Any

from tests.agent.running import Clock
from tests.semantics.objects import labelled, node, pod, policy

from ringfence.agent.arrived_namespaces import ArrivedNamespaces
from ringfence.agent.intake import Intake
from ringfence.agent.shares import SHARE
from ringfence.agent.time_account import TimeAccount
from ringfence.agent.view import ApplyStep, Change, View, name_of_change
from ringfence.sources.cluster.events import Event
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

    def serve_all(self) -> None:
        """Serve turns until no change waits."""
        while self.intake:
            self.serve()

    def policies(self) -> set[str]:
        """The policies that are in the state."""
        return {str(one) for one in self.view.state.tiers.policies()}


def written(path: str) -> Any:
    return policy(path, labelled(app="web"), ingress=[])


def on_node(path: str, app: str = "web") -> Any:
    return pod(path, {"app": app}, nodeName="here", addresses=["10.0.0.1"])
