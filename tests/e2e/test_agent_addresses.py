"""Addresses move between pods, and ended pods keep theirs: rights belong to the pod, not to the address."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.dataplane.network import nft
from tests.semantics.objects import Object, labelled, policy

from .agents import Agent
from .pod_networks import on_every_pod_network
from .scene import Scene
from .server import wait_until
from .world import World

EARLIER: Final = "2026-01-01T00:00:00Z"


def is_known(world: World, node: str, address: object) -> bool:
    """Whether the node's kernel treats an address as that of a known pod."""
    with world.inside(node):
        return str(address) in nft("list", "set", "inet", "ringfence", "known4").replace(",", " ").split()


@on_every_pod_network
def test_the_next_owner_of_an_address_has_none_of_its_rights(scene: Scene, agent: Agent) -> None:
    """This includes a connection that the previous owner had opened."""
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
    """The address moves without delay, on another node than the agent's."""
    world, old = scene.world, addresses(scene, scene.stranger)
    world.remove(scene.stranger)
    friend = scene.add("another-friend", "n2", *old, role="friend")
    scene.await_reach(friend, scene.guarded, open=True)


def ends(phase: str) -> Callable[[Scene, str], None]:
    def end(scene: Scene, path: str) -> None:
        scene.world.report(path, phase)

    return end


def is_deleted_and_kept(scene: Scene, path: str) -> None:
    """A finalizer keeps the object, and its phase stays Running."""
    scene.world.keep(path)
    scene.world.forget(path)
    scene.world.set_status(path, {"containerStatuses": [container("terminated", exitCode=0, finishedAt=EARLIER)]})


def is_deleted_before_it_starts_and_kept(scene: Scene, path: str) -> None:
    """Old kubelets report nothing about its container: only the claim of another pod decides."""
    scene.world.keep(path)
    scene.world.forget(path)


def container(state: str, **details: object) -> Object:
    """The status of a pod's container."""
    common = {"name": "server", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    return {**common, "state": {state: details}}


ENDS = [
    pytest.param(ends("Succeeded"), id="Succeeded"),
    pytest.param(ends("Failed"), id="Failed"),
    pytest.param(is_deleted_and_kept, id="deleted and kept"),
]


class TestPodsThatHaveEnded:
    @pytest.mark.parametrize("end", ENDS)
    def test_a_friend_that_has_ended_lends_its_rights_to_nobody(
        self, scene: Scene, agent: Agent, end: Callable[[Scene, str], None]
    ) -> None:
        world, old = scene.world, addresses(scene, scene.friend)
        end(scene, scene.friend)
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

    @pytest.mark.parametrize("end", [*ENDS, pytest.param(is_deleted_before_it_starts_and_kept, id="never started")])
    def test_a_guarded_pod_that_has_ended_does_not_close_its_address(
        self, scene: Scene, agent: Agent, end: Callable[[Scene, str], None]
    ) -> None:
        world = scene.world
        victim = scene.add("victim", "n1", role="guarded")
        old = addresses(scene, victim)
        scene.await_reach(scene.stranger, victim, open=False)
        end(scene, victim)
        world.disconnect(victim)
        free = scene.add("free", "n1", *old)
        scene.await_reach(scene.stranger, free, open=True)
        scene.relabel(victim, "still-guarded")
        scene.relabel(victim, "guarded")
        world.put(policy(f"{scene.namespace}/more", labelled(role="guarded"), egress=[{}]))
        with scene.unharmed():
            scene.await_reach(scene.stranger, free, open=True)

    def test_a_guarded_pod_that_still_shuts_down_keeps_its_address_closed(self, scene: Scene, agent: Agent) -> None:
        """Its container may run until its grace period ends."""
        world = scene.world
        world.keep(scene.guarded)
        running = container("running", startedAt=EARLIER)
        world.set_status(scene.guarded, {"containerStatuses": [running]})
        with scene.unharmed():
            world.forget(scene.guarded)
            scene.relabel(scene.stranger, "another-stranger")
            scene.await_reach(scene.guarded, scene.stranger, open=True)


def addresses(scene: Scene, path: str) -> tuple[str, ...]:
    """A pod's addresses, as text."""
    return tuple(map(str, scene.world.pod(path).addresses))
