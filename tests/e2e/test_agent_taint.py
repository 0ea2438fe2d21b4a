"""The taint of a node that is not guarded yet, with the rights that the chart grants to the agent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ringfence.agent.metrics import Metrics
from ringfence.agent.taint import TAINT, TaintRemoval
from ringfence.model.objects import Node, NodeSpec, Taint
from ringfence.sources.cluster import ApiServer

from .agents import Agent, agents
from .control_plane import ControlPlane
from .scene import Scene
from .server import wait_until
from .test_agent_new_pods import may_watch, set_rules
from .test_deployment import templated
from .world import World

OTHER = {"key": "example.org/other", "effect": "PreferNoSchedule"}
BOTH = [{"key": TAINT, "effect": "NoSchedule"}, OTHER, {"key": TAINT, "effect": "NoExecute"}]


def taints(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ask("GET", "/api/v1/nodes/n1")["spec"].get("taints", [])
    return found


def set_taints(world: World, wanted: list[dict[str, str]]) -> None:
    patch = {"spec": {"taints": wanted}}
    world.ask("PATCH", "/api/v1/nodes/n1", patch, "application/merge-patch+json")


def rules_of_chart(*arguments: str) -> Any:
    [role] = [
        one
        for one in templated(*arguments)
        if one["kind"] == "ClusterRole" and one["metadata"]["name"] == "ringfence-agent"
    ]
    return role["rules"]


@contextmanager
def with_rules(world: World, rules: Any) -> Iterator[None]:
    """While the context is open, the agents have these rights."""
    before = json.loads(world.kubectl("get", "clusterrole", "agent", "-o", "json"))["rules"]
    set_rules(world, rules)
    try:
        yield
    finally:
        set_rules(world, before)


@pytest.fixture
def tainted(scene: Scene) -> Iterator[Scene]:
    """A scene on a node that was registered with the taint."""
    set_taints(scene.world, BOTH)
    yield scene
    set_taints(scene.world, [])


def test_only_the_taint_of_the_agent_is_removed_once_the_node_is_guarded(tainted: Scene, tmp_path: Path) -> None:
    world, rights = tainted.world, rules_of_chart("--set=removeTaint=true")
    with with_rules(world, rights), agents(world, tmp_path, ["n1"], "--remove-taint") as [agent]:
        tainted.await_guard()
        wait_until(lambda: taints(world) == [OTHER], "the taint is removed")
        # The server removes the taint before the agent has read the response.
        wait_until(lambda: "the agent is ready: the taint of the Node is removed" in agent.words(), "the agent logs it")
        set_taints(world, BOTH)
        wait_until(lambda: taints(world) == [OTHER], "as after the node was registered anew")
        assert agent.metric("ringfence_failures_total", stage="taint") == 0


def test_the_taint_stays_until_the_node_is_guarded(tainted: Scene, tmp_path: Path) -> None:
    world, rules = tainted.world, rules_of_chart("--set=removeTaint=true")
    blind = [rule for rule in rules if rule["resources"] != ["networkpolicies"]]
    agent = Agent(world, "n1", tmp_path / "agent.log", ["--remove-taint"])
    try:
        with with_rules(world, blind):
            wait_until(lambda: not may_watch(world, "networkpolicies.networking.k8s.io"), "the right is gone")
            agent.start(wait=False)
            wait_until(lambda: "not ready: not listed yet: NetworkPolicy" in agent.words(), "it is not ready")
            assert taints(world) == BOTH
            set_rules(world, rules)
            agent.await_ready()
            wait_until(lambda: taints(world) == [OTHER], "the taint is removed")
    finally:
        agent.kill()
        agent.run("--cleanup")


def test_a_missing_right_is_named_and_policies_are_enforced(tainted: Scene, tmp_path: Path) -> None:
    world = tainted.world
    with with_rules(world, rules_of_chart()), agents(world, tmp_path, ["n1"], "--remove-taint") as [agent]:
        tainted.await_guard()
        wait_until(lambda: f"the taint {TAINT} cannot be removed" in agent.words(), "it says so")
        assert "the verb patch on nodes is needed" in agent.words()
        assert agent.metric("ringfence_failures_total", stage="taint") > 0
        assert agent.is_ready()
        assert taints(world) == BOTH


def test_the_taint_stays_without_the_option(tainted: Scene, agent: Agent) -> None:
    tainted.await_guard()
    assert agent.is_ready()
    assert taints(tainted.world) == BOTH


def test_a_node_that_has_changed_meanwhile_is_left_as_it_is(api_server: ControlPlane) -> None:
    given = [OTHER, {"key": TAINT, "effect": "NoSchedule"}]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "tainted"}, "spec": {"taints": given}}
    api_server.kubectl("apply", "-f", "-", stdin=json.dumps(node))
    present = taints_of_node(api_server)  # The server has added a taint of its own.
    known = [Node(spec=NodeSpec(taints=tuple(Taint(**one) for one in reversed(given))))]
    metrics = Metrics()
    removal = TaintRemoval(
        "tainted", ApiServer(None, str(api_server.kubeconfig)), lambda: known[0], lambda: True, metrics
    )
    for now in (1.0, 2.0):
        removal.run_once(now)
        assert taints_of_node(api_server) == present
    known[0] = Node(spec=NodeSpec(taints=tuple(Taint(**one) for one in present)))
    removal.run_once(3.0)
    assert taints_of_node(api_server) == [one for one in present if one["key"] != TAINT]
    assert 'stage="taint"' not in metrics.text().decode(), "that it has changed is no failure"
    api_server.kubectl("delete", "node", "tainted")


def taints_of_node(api_server: ControlPlane) -> list[dict[str, str]]:
    found: list[dict[str, str]] = api_server.request("GET", "/api/v1/nodes/tainted").body["spec"]["taints"]
    return found
