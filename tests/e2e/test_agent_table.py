"""Other programs change the agent's table: it is restored at once, and allowed packets pass throughout."""

import time

import pytest

from ringfence.agent.repair_history import CONTESTED, REPORT_INTERVAL
from tests.dataplane.network import nft

from .agents import Agent
from .pod_networks import on_every_pod_network
from .scene import Scene
from .server import wait_until

DORMANT = ["add", "table", "inet", "ringfence", "{ flags dormant; }"]
OPENING = [
    pytest.param(["delete", "table", "inet", "ringfence"], id="the table is deleted"),
    pytest.param(["flush", "table", "inet", "ringfence"], id="the table is flushed"),
    pytest.param(["flush", "ruleset"], id="everything is flushed"),
    pytest.param(["flush", "chain", "inet", "ringfence", "forward"], id="a base chain is flushed"),
    pytest.param(["insert", "rule", "inet", "ringfence", "forward", "accept"], id="a rule lets all pass"),
    pytest.param(["flush", "map", "inet", "ringfence", "ingress4"], id="a map is flushed"),
    pytest.param(DORMANT, id="the table is dormant"),
    pytest.param(["add", "element", "inet", "ringfence", "ingress4", "{ * : accept }"], id="all others are accepted"),
]


@pytest.mark.parametrize("command", OPENING)
def test_damage_that_opens_the_table_is_undone(scene: Scene, agent: Agent, command: list[str]) -> None:
    """Until the table is restored, nothing is guaranteed about forbidden packets."""
    with scene.traffic.watched(arriving=scene.arriving, refused=[]):
        before = agent.metric("ringfence_repairs_total")
        with scene.world.inside("n1"):
            nft(*command)
        wait_until(lambda: agent.metric("ringfence_repairs_total") > before, "it is repaired")
        scene.await_guard()
    with scene.unharmed():
        assert agent.is_ready()


@on_every_pod_network
def test_damage_that_closes_the_table_is_undone(scene: Scene, agent: Agent) -> None:
    with scene.traffic.watched(arriving=[], refused=scene.refused):
        before = agent.metric("ringfence_repairs_total")
        with scene.world.inside("n1"):
            nft("insert", "rule", "inet", "ringfence", "forward", "drop")
        wait_until(lambda: agent.metric("ringfence_repairs_total") > before, "it is repaired")
        scene.await_reach(scene.friend, scene.guarded, open=True)
    with scene.unharmed():
        assert agent.is_ready()


def test_other_tables_may_be_added_and_removed(scene: Scene, agent: Agent) -> None:
    with scene.unharmed(), scene.world.inside("n1"):
        for _ in range(20):
            nft("add", "table", "inet", "other")
            nft("delete", "table", "inet", "other")
        assert agent.metric("ringfence_repairs_total") == 0


def test_a_table_that_fell_dormant_while_no_agent_ran_is_woken_at_the_start(scene: Scene, agent: Agent) -> None:
    agent.kill()
    with scene.world.inside("n1"):
        nft(*DORMANT)
    agent.start()
    scene.await_guard()
    with scene.unharmed():
        assert agent.is_ready()


def test_a_connection_that_was_ended_stays_so_when_the_set_of_these_is_flushed(scene: Scene, agent: Agent) -> None:
    talk = scene.traffic.conversation(scene.friend, scene.guarded, server_speaks=True)
    assert talk.goes_on()
    scene.relabel(scene.friend, "nobody")
    assert talk.ends()
    before = agent.metric("ringfence_repairs_total")
    with scene.world.inside("n1"):
        nft("flush", "set", "inet", "ringfence", "revoked")
    wait_until(lambda: agent.metric("ringfence_repairs_total") > before, "it is repaired")
    assert talk.ends()


def test_a_policy_that_changes_right_after_a_flush_closes_no_pod(scene: Scene, agent: Agent) -> None:
    for number in range(5):
        with scene.world.inside("n1"):
            nft("flush", "ruleset")
        scene.admit(f"stranger-{number}")
    scene.await_guard()
    with scene.unharmed():
        assert agent.is_ready()
    assert agent.metric("ringfence_failures_total") == 0
    assert "closed until an attempt succeeds" not in agent.words()


def test_a_program_that_flushes_all_tables_repeatedly_is_reported(scene: Scene, agent: Agent) -> None:
    """Each flush is repaired. Repeated flushes cause only one line in the log."""
    assert agent.metric("ringfence_table_contested") == 0
    began = time.monotonic()

    def is_said_to_be_contested() -> bool:
        for _ in range(10):
            nft("flush", "ruleset")
            time.sleep(0.05)
        return agent.metric("ringfence_table_contested") == 1

    with scene.world.inside("n1"):
        wait_until(is_said_to_be_contested, "the metric says so")
    scene.await_guard()
    with scene.unharmed():
        assert agent.is_ready()
    assert agent.metric("ringfence_repairs_total") >= CONTESTED
    assert agent.metric("ringfence_failures_total") == 0
    wait_until(lambda: "repeatedly" in agent.words(), "the log says so")
    lines = [line for line in agent.words().splitlines() if "changed the table inet ringfence" in line]
    assert len(lines) <= CONTESTED + 1 + (time.monotonic() - began) / REPORT_INTERVAL
    assert "nft" in lines[-1]
