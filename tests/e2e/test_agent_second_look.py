"""Lists that would remove isolation or network access from most pods have no effect until they were read again."""

from collections.abc import Callable

import pytest

from .agents import Agent
from .disturbances import REFUSED, cut_off, forgetful
from .scene import Scene
from .server import wait_until

LONG = "15"
"""Seconds after which everything is listed once more: long enough to mend the lists before."""

SHORT = "1"


def choose(scene: Scene, agent: Agent, seconds: str) -> None:
    """Set after how many seconds the agent looks again.

    Its certificate stays valid whatever data the server has lost.
    """
    agent.options = ("--second-look", seconds, "--kubeconfig", str(scene.world.control_plane.kubeconfig))


def await_second_look(agent: Agent) -> None:
    """Wait until the agent makes no changes because of what was listed."""
    wait_until(lambda: "until everything has been listed again" in agent.words_since_start(), "it waits")
    status, text = agent.ask("/readyz")
    assert (status, "until everything has been listed again" in text) == (503, True)
    assert agent.ask("/healthz")[0] == 200
    assert agent.metric("ringfence_not_ready", reason="second_look") == 1


def test_wrong_lists_after_a_restart_do_no_harm(scene: Scene, agent: Agent) -> None:
    choose(scene, agent, LONG)
    with scene.unharmed():
        agent.kill()
        with forgetful(scene.world):
            agent.start(wait=False)
            await_second_look(agent)
        agent.await_ready()
    scene.admit("stranger")
    scene.await_reach(scene.stranger, scene.guarded, open=True)


def test_an_api_server_that_is_restored_from_nothing_does_no_harm(scene: Scene, agent: Agent) -> None:
    choose(scene, agent, LONG)
    agent.restart()
    with scene.unharmed():
        with forgetful(scene.world):
            await_second_look(agent)
        agent.await_ready()


def listed_again_without_policies(scene: Scene, agent: Agent) -> None:
    """All policies are deleted while the agent's watch is closed. The agent then lists them again."""
    world, before = scene.world, agent.interruptions()
    world.control_plane.apiserver.kill()
    agent.await_interruptions(before)
    with cut_off(world, "n1", REFUSED):
        world.start_control_plane()
        world.delete(scene.guard, scene.captivity)
        with world.inside("control-plane"):
            world.control_plane.compact()
            world.control_plane.apiserver.kill()
        world.start_control_plane()


def test_a_kind_that_is_listed_again_without_objects_does_no_harm(scene: Scene, agent: Agent) -> None:
    choose(scene, agent, LONG)
    agent.restart()
    with scene.unharmed():
        listed_again_without_policies(scene, agent)
        await_second_look(agent)
        scene.world.put(scene.guard, scene.captivity)
        agent.await_ready()


def deleted_while_it_is_dead(scene: Scene, agent: Agent) -> None:
    agent.kill()
    scene.world.delete(scene.guard, scene.captivity)
    agent.start(wait=False)


def deleted_while_it_hears_nothing(scene: Scene, agent: Agent) -> None:
    agent.restart()
    listed_again_without_policies(scene, agent)


@pytest.mark.parametrize("delete", [deleted_while_it_is_dead, deleted_while_it_hears_nothing])
def test_policies_that_are_really_deleted_isolate_nobody_after_the_second_look(
    scene: Scene, agent: Agent, delete: Callable[[Scene, Agent], None]
) -> None:
    choose(scene, agent, SHORT)
    delete(scene, agent)
    scene.await_reach(scene.stranger, scene.guarded, open=True)
    scene.await_reach(scene.captive, scene.stranger, open=True)
    agent.await_ready()
    assert "everything is listed once more" in agent.words_since_start()


def test_policies_that_are_deleted_while_the_agent_watches_isolate_nobody_at_once(scene: Scene, agent: Agent) -> None:
    choose(scene, agent, "100000")
    agent.restart()
    scene.world.delete(scene.guard, scene.captivity)
    scene.await_reach(scene.stranger, scene.guarded, open=True)
    scene.await_reach(scene.captive, scene.stranger, open=True)
