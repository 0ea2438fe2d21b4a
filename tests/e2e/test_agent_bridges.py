"""Bridges whose packets bypass packet filters: policies cannot be enforced there, and the agent reports it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .agents import Agent
from .pod_networks import BRIDGE, UNFILTERED_BRIDGE, on_pod_networks
from .scene import Scene
from .server import wait_until


@pytest.fixture
def starting(scene: Scene, tmp_path: Path) -> Iterator[Agent]:
    """A running agent, ready or not."""
    agent = Agent(scene.world, "n1", tmp_path / "agent.log")
    agent.start(wait=False)
    try:
        scene.await_guard()
        yield agent
    finally:
        agent.kill()
        agent.run("--cleanup")


@on_pod_networks(UNFILTERED_BRIDGE)
def test_without_br_netfilter_policies_hold_across_nodes_only_and_the_agent_says_so(
    scene: Scene, starting: Agent
) -> None:
    """Traffic across nodes is refused once the guard is in force. The captive may send nothing, but does."""
    assert scene.world.reaches(scene.captive, scene.guarded)
    wait_until(lambda: starting.metric("ringfence_bypassing_bridges") == 1, "the bridge is counted")
    wait_until(lambda: "on the bridge cni0 bypass packet filters" in starting.words(), "the bridge is named")


@on_pod_networks(BRIDGE)
def test_with_br_netfilter_policies_hold_between_pods_of_one_node_too(scene: Scene, starting: Agent) -> None:
    starting.await_ready()
    scene.await_reach(scene.captive, scene.guarded, open=False)
    assert starting.metric("ringfence_bypassing_bridges") == 0
