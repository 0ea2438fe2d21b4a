"""Outages of the API server: the rules stay in force meanwhile, and no change is missed afterwards."""

import pytest

from tests.semantics.objects import labelled, policy

from .agents import Agent
from .disturbances import REFUSED, VANISH, cut_off, stalled
from .scene import Scene
from .server import wait_until


def change_much(scene: Scene) -> None:
    """Create and remove pods, and change policies."""
    scene.add("guest", "n2")
    scene.admit("guest")
    scene.add("waiting", "n1")
    scene.world.put(policy(f"{scene.namespace}/late", labelled(role="waiting"), ingress=[]))
    scene.world.remove(scene.add("departed", "n2"))


def await_changes(scene: Scene) -> None:
    """Wait until all these changes are in force."""
    guest, waiting = (f"{scene.namespace}/{name}" for name in ("guest", "waiting"))
    scene.await_reach(guest, scene.guarded, open=True)
    scene.await_reach(waiting, scene.stranger, open=True)
    scene.await_reach(guest, waiting, open=False)


def test_no_packet_is_lost_or_leaks_while_the_api_server_is_killed_and_started_again(
    scene: Scene, agent: Agent
) -> None:
    with scene.unharmed():
        before = agent.interruptions()
        scene.world.control_plane.apiserver.kill()
        agent.await_interruptions(before)
        assert agent.ask("/healthz")[0] == 200
        wait_until(lambda: "Pod has not been watched for" in agent.ask("/readyz")[1], "it says that it may be behind")
        assert agent.metric("ringfence_not_ready", reason="watch") == 1
        assert agent.metric("ringfence_in_order") == 1, "what it knows is in force"
        scene.world.start_control_plane()
        change_much(scene)
        await_changes(scene)
        agent.await_ready()


def test_an_agent_that_starts_without_it_waits_and_changes_nothing(scene: Scene, agent: Agent) -> None:
    with scene.unharmed():
        scene.world.control_plane.apiserver.kill()
        agent.kill()
        agent.start(wait=False)
        wait_until(lambda: "watch interrupted" in agent.words_since_start(), "it has tried")
        assert agent.ask("/readyz")[0] == 503
        assert agent.ask("/healthz")[0] == 200
        scene.world.start_control_plane()
        agent.await_ready()


@pytest.mark.parametrize("how", [pytest.param(VANISH, id="packets vanish"), pytest.param(REFUSED, id="refused")])
def test_changes_are_in_force_once_the_network_to_the_api_server_is_back(scene: Scene, agent: Agent, how: str) -> None:
    with scene.unharmed():
        with cut_off(scene.world, "n1", how):
            change_much(scene)
            assert not scene.world.reaches(f"{scene.namespace}/guest", scene.guarded), "nobody has told the agent"
        await_changes(scene)


def test_changes_are_in_force_although_etcd_was_compacted_and_watches_cannot_go_on(scene: Scene, agent: Agent) -> None:
    with scene.unharmed():
        with cut_off(scene.world, "n1", REFUSED):
            change_much(scene)
            with scene.world.inside("control-plane"):
                scene.world.control_plane.compact()
                scene.world.control_plane.apiserver.kill()
            scene.world.start_control_plane()
        await_changes(scene)
    listings = agent.words().count('"listed"')
    assert listings > 4, "at least one kind had to be listed anew"


def test_changes_are_in_force_although_a_watch_stalls_without_closing(scene: Scene, agent: Agent) -> None:
    """Its packets are lost although new connections would work. The agent has to detect this by itself."""
    with scene.unharmed(), stalled(scene.world, "n1"):
        guest = scene.add("guest", "n2")
        scene.admit("guest")
        scene.await_reach(guest, scene.guarded, open=True)
