"""An agent ends and starts again: its rules stay in force, and it catches up with the changes since then."""

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

from tests.semantics.objects import Object, admits, block, labelled, pod, pods, policy, port, sends

from .agents import Agent, agents
from .disturbances import storm
from .pod_networks import on_every_pod_network
from .scene import Scene
from .server import wait_until
from .streams import streams
from .world import World, new_namespace

ROUNDS = 6


def noise(namespace: str) -> Iterator[Object]:
    """Policies for the pods of the scene. They change all the time, but never change the verdicts on its streams."""
    chance = random.Random(5)
    for number in itertools.count():
        blocks = [block(f"198.18.{chance.randrange(256)}.{i}/32") for i in range(chance.randrange(1, 200))]
        ports = [port(chance.randrange(1, 1000)) for _ in range(number % 3)]
        name = f"{namespace}/noise-{number % 4}"
        if number % 2:
            yield policy(name, labelled(role="guarded"), ingress=[admits(*blocks, ports=ports)])
        else:
            yield policy(name, labelled(role="captive"), egress=[sends(*blocks, ports=ports)])


@on_every_pod_network
def test_an_agent_that_is_killed_repeatedly_in_the_middle_of_updates_does_no_harm(scene: Scene, agent: Agent) -> None:
    chance = random.Random(7)
    conversation = scene.traffic.conversation(scene.friend, scene.guarded)
    with scene.unharmed(), storm(scene.world, noise(scene.namespace)):
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 0.3))
            agent.restart()
        assert conversation.goes_on()
    scene.admit("stranger")
    scene.await_reach(scene.stranger, scene.guarded, open=True)


def test_an_agent_that_is_killed_before_it_is_ready_does_no_harm(scene: Scene, agent: Agent) -> None:
    """The agent is killed at every moment of its start."""
    with scene.unharmed(), storm(scene.world, noise(scene.namespace)):
        for step in range(ROUNDS):
            agent.kill()
            agent.start(wait=False)
            time.sleep(0.1 * step)
        agent.kill()
        agent.start()


def test_changes_made_while_no_agent_ran_are_in_force_when_it_runs_again(scene: Scene, agent: Agent) -> None:
    agent.kill()
    with scene.unharmed():
        guest = scene.add("guest", "n2")
        scene.admit("guest")
        scene.relabel(scene.friend, "nobody")
        scene.world.remove(scene.captive)
        scene.world.put(policy(f"{scene.namespace}/late", labelled(role="stranger"), ingress=[]))
        assert not scene.world.reaches(guest, scene.guarded), "nobody has told the kernel"
    agent.start()
    scene.await_reach(guest, scene.guarded, open=True)
    scene.await_reach(scene.friend, scene.guarded, open=False)
    with scene.traffic.watched(arriving=scene.arriving[1:], refused=scene.refused):
        pass


def test_a_stop_leaves_everything_in_force(scene: Scene, agent: Agent) -> None:
    conversation = scene.traffic.conversation(scene.distant_friend, scene.guarded)
    with scene.unharmed():
        assert agent.stop() == 0
        assert conversation.goes_on()
        agent.start()
    assert "stay in force" in agent.words()


def test_a_second_agent_on_the_node_ends_at_once(scene: Scene, agent: Agent) -> None:
    with scene.unharmed():
        code, words = agent.run("--listen", "127.0.0.1:9811")
        assert (code, "another ringfence agent runs on this node" in words) == (2, True)
        assert agent.is_ready()


class TestCleaningUp:
    @on_every_pod_network
    def test_cleaning_up_opens_everything(self, scene: Scene, agent: Agent) -> None:
        agent.stop()
        code, words = agent.run("--cleanup")
        assert (code, "removed" in words) == (0, True)
        with scene.traffic.watched(arriving=[*scene.arriving, *scene.refused], refused=[]):
            pass
        assert agent.run("--cleanup") == (0, "there are no ringfence rules to remove\n")

    def test_cleaning_up_is_refused_while_an_agent_runs(self, scene: Scene, agent: Agent) -> None:
        with scene.unharmed():
            assert agent.run("--cleanup")[0] == 2


def test_an_agent_that_dies_changes_nothing_for_that_of_another_node(
    world: World, scene: Scene, agent: Agent, tmp_path: Path
) -> None:
    """Each agent guards its own node. If one of them dies, nothing changes for the other."""
    with agents(world, tmp_path, ["n2"]) as [other]:
        world.put(
            policy(f"{scene.namespace}/far", labelled(role="stranger"), ingress=[admits(pods(labelled(role="x")))])
        )
        scene.await_reach(scene.friend, scene.stranger, open=False)
        with scene.traffic.watched(arriving=scene.arriving[:2], refused=scene.refused):
            agent.kill()
            other.restart()
            agent.start()


KILLED_BEFORE_A_REVIEW = """
import os, signal
from ringfence.dataplane.kernel import Kernel

review = Kernel.review

def killed(kernel, **choices):
    if os.path.exists(os.environ["KILL_BEFORE_REVIEW"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return review(kernel, **choices)

Kernel.review = killed
"""
"""What Python runs before the agent: the agent is killed after it has changed the rules, and before it has judged the
connections, while a file exists."""


def test_connections_end_although_an_agent_is_killed_between_the_rules_and_their_review(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLED_BEFORE_A_REVIEW)
    armed = tmp_path / "armed"
    environment = {"PYTHONPATH": str(tmp_path), "KILL_BEFORE_REVIEW": str(armed)}
    world.tend()
    owner = new_namespace(world, "killed-before-review")
    server, friend, guest = (
        world.run(pod(f"{owner}/{name}", {"role": name}), node)
        for name, node in (("server", "n1"), ("friend", "n1"), ("guest", "n2"))
    )
    admitting = {
        role: policy(f"{owner}/admit-{role}", labelled(role="server"), ingress=[admits(pods(labelled(role=role)))])
        for role in ("friend", "guest")
    }
    world.put(*admitting.values())
    with agents(world, tmp_path, ["n1"], environment=environment) as [agent], streams(world) as traffic:
        denied = [traffic.conversation(guest, server, server_speaks=number % 2 > 0) for number in range(6)]
        allowed = [traffic.conversation(friend, server, server_speaks=speaks) for speaks in (False, True)]
        armed.touch()
        world.delete(admitting["guest"])
        wait_until(lambda: agent.pid is None, "the agent is killed")
        assert not world.reaches(guest, server)
        assert all(one.goes_on() for one in denied), "no agent has judged them yet"
        armed.unlink()
        agent.start()
        assert all(one.ends() for one in denied)
        assert all(one.goes_on() for one in allowed)
    world.clear(owner)
