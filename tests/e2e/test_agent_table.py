"""Somebody else is at the agent's table: it is right again soon, and what is allowed passes throughout."""

import pytest

from tests.dataplane.network import nft

from .agents import Agent
from .scene import Scene
from .server import wait_until

OPENING = [
    pytest.param(["delete", "table", "inet", "ringfence"], id="the table is deleted"),
    pytest.param(["flush", "table", "inet", "ringfence"], id="the table is flushed"),
    pytest.param(["flush", "ruleset"], id="everything is flushed"),
    pytest.param(["flush", "chain", "inet", "ringfence", "forward"], id="a base chain is flushed"),
    pytest.param(["insert", "rule", "inet", "ringfence", "forward", "accept"], id="a rule lets all pass"),
    pytest.param(["flush", "map", "inet", "ringfence", "ingress4"], id="a map is flushed"),
]


@pytest.mark.parametrize("command", OPENING)
def test_what_opens_it_is_undone(scene: Scene, agent: Agent, command: list[str]) -> None:
    """Until then nothing can be promised of what is refused."""
    with scene.traffic.watched(arriving=scene.arriving, refused=[]):
        before = agent.metric("ringfence_repairs_total")
        with scene.world.inside("n1"):
            nft(*command)
        wait_until(lambda: agent.metric("ringfence_repairs_total") > before, "it is repaired")
        scene.await_guard()
    with scene.unharmed():
        assert agent.is_ready()


def test_what_closes_it_is_undone(scene: Scene, agent: Agent) -> None:
    with scene.traffic.watched(arriving=[], refused=scene.refused):
        before = agent.metric("ringfence_repairs_total")
        with scene.world.inside("n1"):
            nft("insert", "rule", "inet", "ringfence", "forward", "drop")
        wait_until(lambda: agent.metric("ringfence_repairs_total") > before, "it is repaired")
        scene.await_reach(scene.friend, scene.guarded, open=True)
    with scene.unharmed():
        assert agent.is_ready()


def test_other_tables_come_and_go_without_harm(scene: Scene, agent: Agent) -> None:
    with scene.unharmed(), scene.world.inside("n1"):
        for _ in range(20):
            nft("add", "table", "inet", "other")
            nft("delete", "table", "inet", "other")
        assert agent.metric("ringfence_repairs_total") == 0
