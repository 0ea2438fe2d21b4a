"""Addresses move from pod to pod, and pods that have ended keep theirs: rights go with the pod, not the address."""

import pytest

from tests.dataplane.network import nft
from tests.semantics.objects import labelled, policy

from .agents import Agent
from .scene import Scene
from .server import wait_until
from .world import World


def is_known(world: World, node: str, address: object) -> bool:
    """Whether the node's kernel takes an address for that of a pod that is known."""
    with world.inside(node):
        return str(address) in nft("list", "set", "inet", "ringfence", "known4").replace(",", " ").split()


def test_the_next_owner_of_an_address_has_none_of_its_rights(scene: Scene, agent: Agent) -> None:
    """Not even for a connection that the one before it had open."""
    world, old = scene.world, addresses(scene, scene.friend)
    conversation = scene.traffic.datagrams(scene.friend, scene.guarded, answered=True, source_port=5000)
    wait_until(lambda: conversation.arrived(0, conversation.sent) > 0, "the friend is heard")
    world.remove(scene.friend)
    wait_until(lambda: not is_known(world, "n1", old[0]), "the address belongs to nobody")
    intruder = scene.pod("intruder")
    world.schedule(intruder, "n1")
    world.connect(intruder, "n1", *old)
    path = f"{scene.namespace}/intruder"
    same = scene.traffic.datagrams(path, scene.guarded, answered=True, source_port=5000, port=conversation.port)
    streams = [same, *(scene.traffic.datagrams(path, scene.guarded, family=family) for family in (4, 6))]
    with scene.traffic.watched(arriving=scene.arriving[1:], refused=[*scene.refused, *streams]):
        world.report(path)
        scene.await_reach(path, scene.stranger, open=True)


def test_the_next_owner_of_an_address_has_all_of_its_own_rights(scene: Scene, agent: Agent) -> None:
    """Replaced without a moment in between, on another node than the agent's."""
    world, old = scene.world, addresses(scene, scene.stranger)
    world.remove(scene.stranger)
    friend = scene.add("another-friend", "n2", *old, role="friend")
    scene.await_reach(friend, scene.guarded, open=True)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
class TestPodsThatHaveEnded:
    def test_a_friend_that_has_ended_vouches_for_nobody(self, scene: Scene, agent: Agent, phase: str) -> None:
        world, old = scene.world, addresses(scene, scene.friend)
        world.report(scene.friend, phase)
        world.disconnect(scene.friend)
        wait_until(lambda: not is_known(world, "n1", old[0]), "the address belongs to nobody")
        intruder = scene.pod("intruder")
        world.connect(intruder, "n1", *old)
        stream = scene.traffic.datagrams(f"{scene.namespace}/intruder", scene.guarded)
        with scene.traffic.watched(arriving=scene.arriving[1:], refused=[*scene.refused, stream]):
            world.schedule(intruder, "n1")
            world.report(f"{scene.namespace}/intruder")
            scene.await_reach(f"{scene.namespace}/intruder", scene.stranger, open=True)
            scene.relabel(scene.friend, "friend-of-old")
            scene.relabel(scene.friend, "friend")

    def test_one_that_was_guarded_closes_its_address_to_nobody(self, scene: Scene, agent: Agent, phase: str) -> None:
        world = scene.world
        victim = scene.add("victim", "n1", role="guarded")
        old = addresses(scene, victim)
        scene.await_reach(scene.stranger, victim, open=False)
        world.report(victim, phase)
        world.disconnect(victim)
        free = scene.add("free", "n1", *old)
        scene.await_reach(scene.stranger, free, open=True)
        scene.relabel(victim, "still-guarded")
        scene.relabel(victim, "guarded")
        world.put(policy(f"{scene.namespace}/more", labelled(role="guarded"), egress=[{}]))
        with scene.unharmed():
            scene.await_reach(scene.stranger, free, open=True)


def addresses(scene: Scene, path: str) -> tuple[str, ...]:
    """A pod's addresses, as text."""
    return tuple(map(str, scene.world.pod(path).addresses))
