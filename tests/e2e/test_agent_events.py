"""Kubernetes Events of an agent, as the real kubectl shows them, with the rights that `deploy/` grants."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.agent.event_causes import EventCause, EventCauses
from ringfence.agent.event_series import PATIENCE, REPEAT
from ringfence.agent.event_writer import FORBIDDEN_PAUSE, EventWriter
from ringfence.agent.log import logging_to
from ringfence.agent.metrics import Metrics
from ringfence.sources.cluster import ApiServer
from tests.semantics.objects import policy

from .agents import agents
from .control_plane import ControlPlane
from .scene import Scene
from .server import wait_until
from .world import CONTROL_PLANE

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def account(api_server: ControlPlane) -> Iterator[Path]:
    """A kubeconfig of the deployed service account."""
    api_server.kubectl("apply", "-k", str(DEPLOY / "kustomize"))
    yield api_server.existing_account("ringfence-agent", "kube-system")
    api_server.kubectl("delete", "-k", str(DEPLOY / "kustomize"))


class Writing:
    """A writer with its own clock, and what it logs and counts."""

    def __init__(self, kubeconfig: Path) -> None:
        self.metrics = Metrics()
        self.causes = EventCauses([], 0)
        self.log = io.StringIO()
        self.now = 0.0
        self._writer = EventWriter("n1", ApiServer(None, str(kubeconfig)), lambda: self.causes, self.metrics)

    def look(self, after: float = 0.0) -> None:
        self.now += after
        with logging_to(self.log, as_json=False):
            self._writer.run_once(self.now)

    def report(self, *causes: EventCause) -> None:
        """Report these faults for so long that they are written."""
        self.causes = EventCauses(list(causes), 0)
        self.look()
        self.look(after=PATIENCE)

    def count(self, name: str) -> float:
        lines = self.metrics.text().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


@pytest.fixture
def writing(account: Path) -> Writing:
    return Writing(account)


@pytest.fixture
def broken(api_server: ControlPlane, namespace: str) -> EventCause:
    """A policy that is reported as not enforced."""
    api_server.kubectl("apply", "-f", "-", stdin=json.dumps(policy(f"{namespace}/db", ingress=[])))
    stored = api_server.kubectl("get", "networkpolicy", "-n", namespace, "db", "-o", "json").stdout
    uid = json.loads(stored)["metadata"]["uid"]
    return EventCause(("NetworkPolicy", namespace, "db"), uid, "NotEnforced", "spec: use fewer rules")


def events(api_server: ControlPlane, namespace: str) -> list[dict[str, object]]:
    found = json.loads(api_server.kubectl("get", "events", "-n", namespace, "-o", "json").stdout)["items"]
    assert isinstance(found, list)
    return found


def test_kubectl_shows_the_events_of_a_policy(api_server: ControlPlane, writing: Writing, broken: EventCause) -> None:
    writing.report(broken)
    shown = api_server.kubectl("events", "-n", broken.about[1], "--for", "networkpolicy/db").stdout
    assert "NotEnforced" in shown
    assert "spec: use fewer rules" in shown
    assert writing.count("ringfence_written_events_total") == 1
    assert writing.log.getvalue() == ""


def test_the_count_of_an_event_goes_on_after_it_was_deleted(
    api_server: ControlPlane, writing: Writing, account: Path, broken: EventCause
) -> None:
    namespace = broken.about[1]
    writing.report(broken)
    writing.look(after=REPEAT)
    [event] = events(api_server, namespace)
    assert event["count"] == 2
    api_server.kubectl("delete", "events", "-n", namespace, "--all")
    writing.look(after=REPEAT)
    [event] = events(api_server, namespace)
    assert event["count"] == 3
    restarted = Writing(account)
    restarted.report(broken._replace(message="spec: another"))
    [event] = events(api_server, namespace)
    assert event["message"] == "spec: another"


def test_what_the_server_refuses_for_one_event_keeps_no_other_from_being_written(
    api_server: ControlPlane, writing: Writing, broken: EventCause
) -> None:
    gone = EventCause(("Pod", "there-is-no-such-namespace", "p"), "1", "PodClosed", "closed")
    writing.report(gone, broken)
    assert len(events(api_server, broken.about[1])) == 1
    assert writing.count("ringfence_dropped_events_total") == 1
    assert writing.log.getvalue() == ""


def test_a_missing_right_is_logged_once_and_tried_again_later(
    api_server: ControlPlane, account: Path, broken: EventCause
) -> None:
    writing = Writing(api_server.user("nobody-of-events"))
    writing.report(broken)
    for _ in range(3):
        writing.look(after=FORBIDDEN_PAUSE)
    assert writing.log.getvalue().count("events cannot be written: ") == 1
    assert "the verbs create and patch on events are needed, or use --no-events" in writing.log.getvalue()
    assert writing.count("ringfence_written_events_total") == 0
    assert events(api_server, broken.about[1]) == []


def test_kubectl_describe_says_why_a_pod_is_closed(scene: Scene, tmp_path: Path) -> None:
    """Two pods of the node report the same address, and policies treat them differently."""
    world = scene.world
    world.kubectl("apply", "-k", str(DEPLOY / "kustomize"))
    try:
        with world.inside(CONTROL_PLANE):
            account = world.control_plane.existing_account("ringfence-agent", "kube-system")
        with agents(world, tmp_path, ["n1"], "--kubeconfig", str(account)) as [agent]:
            scene.await_guard()
            twin = world.schedule(scene.pod("twin"), "n1")
            address = str(world.address(scene.guarded))
            world.set_status(twin, {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]})
            name = scene.guarded.partition("/")[2]
            wait_until(
                lambda: "PodClosed" in world.kubectl("describe", "pod", "-n", scene.namespace, name),
                "kubectl describes why",
            )
            shown = world.kubectl("describe", "pod", "-n", scene.namespace, name)
            assert f"another pod reports the same address {address}" in shown
            assert agent.metric("ringfence_written_events_total") >= 1
    finally:
        world.kubectl("delete", "-k", str(DEPLOY / "kustomize"))
