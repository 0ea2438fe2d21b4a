"""Choices of an operator: whether new pods wait, whether open connections end, and whether any packet is dropped."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.semantics.objects import admits, labelled, namespace, namespaces, pods, policy, sends

from .agents import Agent, agents
from .pod_networks import on_every_pod_network
from .scene import Scene
from .server import wait_until
from .streams import Conversation, Datagrams, is_open


class TestPodsThatTheAgentDoesNotKnowYet:
    @on_every_pod_network
    def test_unknown_pods_are_closed_in_both_directions(self, scene: Scene, agent: Agent) -> None:
        """They wait from the first packet on.

        The test prints how long the wait lasts after the API server knows the pod.
        """
        waiting, path = scene.pod("waiting"), f"{scene.namespace}/waiting"
        scene.world.schedule(waiting, "n1")
        scene.world.connect(waiting, "n1")
        outward = scene.traffic.datagrams(path, scene.stranger)
        inward = scene.traffic.datagrams(scene.stranger, path, family=6)
        with scene.traffic.watched(arriving=scene.arriving, refused=[*scene.refused, outward, inward]):
            scene.world.kubectl("get", "pods", "--namespace", scene.namespace)
        scene.world.report(path)
        known = time.monotonic()
        since = outward.sent
        wait_until(lambda: outward.arrived(since, outward.sent) > 0, "the waiting is let go", pause=0.001)
        print(f"\na new pod waited {(time.monotonic() - known) * 1000:.0f} ms after its address was in the API server")
        wait_until(is_open(inward), "the waiting is reached")

    def test_pods_are_under_their_policies_from_the_first_packet_on(self, scene: Scene, agent: Agent) -> None:
        captive, path = scene.pod("another-captive", "captive"), f"{scene.namespace}/another-captive"
        scene.world.schedule(captive, "n1")
        scene.world.connect(captive, "n1")
        stream = scene.traffic.datagrams(path, scene.stranger)
        with scene.traffic.watched(arriving=scene.arriving, refused=[*scene.refused, stream]):
            scene.world.report(path)
            scene.await_reach(scene.stranger, path, open=True)

    def test_unknown_pods_are_open_if_the_operator_chooses_so(self, scene: Scene, tmp_path: Path) -> None:
        with agents(scene.world, tmp_path, ["n1"], "--unknown-pods", "allow"):
            scene.await_guard()
            waiting, path = scene.pod("waiting"), f"{scene.namespace}/waiting"
            scene.world.connect(waiting, "n1")
            stream = scene.traffic.datagrams(path, scene.stranger)
            with scene.traffic.watched(arriving=[*scene.arriving, stream], refused=scene.refused):
                scene.world.kubectl("get", "pods", "--namespace", scene.namespace)

    def test_connections_of_unknown_pods_are_judged_once_these_are_known(self, scene: Scene, tmp_path: Path) -> None:
        """Connections that their policies allow continue; the others end."""
        world, path = scene.world, f"{scene.namespace}/early"
        world.put(policy(path, labelled(role="early"), egress=[sends(pods(labelled(role="stranger")))]))
        with agents(world, tmp_path, ["n1"], "--unknown-pods", "allow"):
            scene.await_guard()
            world.schedule(scene.pod("early"), "n1")
            world.connect(scene.pod("early"), "n1")
            allowed, denied = (scene.traffic.conversation(path, one) for one in (scene.stranger, scene.friend))
            assert allowed.goes_on()
            assert denied.goes_on()
            with scene.unharmed():
                world.report(path)
                assert denied.ends()
                assert allowed.goes_on()


def guard_is_tightened(scene: Scene) -> None:
    scene.world.put(policy(f"{scene.namespace}/guard", labelled(role="guarded"), ingress=[]))


def friend_is_relabelled(scene: Scene) -> None:
    scene.relabel(scene.friend, "stranger")


def namespace_is_relabelled(scene: Scene) -> None:
    """The guard admitted the friend by a label of its namespace."""
    scene.world.kubectl("label", "namespace", scene.namespace, "trust-")


TIGHTENINGS = [
    pytest.param(guard_is_tightened, id="the policy is tightened"),
    pytest.param(friend_is_relabelled, id="the pod is relabelled"),
    pytest.param(namespace_is_relabelled, id="the namespace is relabelled"),
]


def admit_trusted_friends(scene: Scene) -> None:
    """The same guard, which also admits by the label of the namespace."""
    scene.world.put(namespace(scene.namespace, trust="yes"))
    friends = namespaces(labelled(trust="yes"), labelled(role="friend"))
    scene.world.put(policy(f"{scene.namespace}/guard", labelled(role="guarded"), ingress=[admits(friends)]))


@pytest.mark.parametrize("tighten", TIGHTENINGS)
class TestOpenConnections:
    """TCP in which the client sends, TCP in which the guarded server sends, and UDP."""

    @staticmethod
    def opened(scene: Scene) -> tuple[list[Conversation], Datagrams]:
        admit_trusted_friends(scene)
        scene.await_reach(scene.friend, scene.guarded, open=True)
        talks = [scene.traffic.conversation(scene.friend, scene.guarded, server_speaks=who) for who in (False, True)]
        datagrams = scene.traffic.datagrams(scene.friend, scene.guarded, answered=True)
        assert all(talk.goes_on() for talk in talks)
        wait_until(is_open(datagrams), "the friend is heard")
        return talks, datagrams

    def test_open_connections_end_when_they_are_no_longer_allowed(
        self, scene: Scene, agent: Agent, tighten: Callable[[Scene], None]
    ) -> None:
        talks, datagrams = self.opened(scene)
        others = [scene.traffic.conversation(scene.guarded, scene.stranger, server_speaks=who) for who in (False, True)]
        with scene.traffic.watched(arriving=scene.arriving[2:], refused=scene.refused):
            tighten(scene)
            assert all(talk.ends() for talk in talks)
            with scene.traffic.watched(arriving=[], refused=[datagrams]):
                assert all(other.goes_on() for other in others), "those that are still allowed"

    def test_open_connections_are_kept_if_the_operator_chooses_so(
        self, scene: Scene, tmp_path: Path, tighten: Callable[[Scene], None]
    ) -> None:
        with agents(scene.world, tmp_path, ["n1"], "--existing-connections", "keep"):
            scene.await_guard()
            talks, datagrams = self.opened(scene)
            with scene.traffic.watched(arriving=[*scene.arriving[2:], datagrams], refused=scene.refused):
                tighten(scene)
                scene.await_reach(scene.friend, scene.guarded, open=False)
                assert all(talk.goes_on() for talk in talks)


@on_every_pod_network
def test_an_agent_that_observes_drops_nothing_and_counts_what_would_be_denied(scene: Scene, tmp_path: Path) -> None:
    with (
        agents(scene.world, tmp_path, ["n1"], "--mode", "observe", "--log-denied") as [agent],
        scene.traffic.watched(arriving=[*scene.arriving, *scene.refused], refused=[]),
    ):
        for direction in ("ingress", "egress"):
            await_drops(agent, direction)
        await_words(
            agent, f"{scene.stranger} -> {scene.guarded} UDP/{scene.refused[0].port} would be denied by ingress"
        )


def test_denials_are_logged_with_their_reasons(scene: Scene, tmp_path: Path) -> None:
    with agents(scene.world, tmp_path, ["n1"], "--log-denied") as [agent]:
        scene.await_guard()
        with scene.unharmed():
            for stream, why in (
                (scene.refused[0], f"denied by ingress of {scene.namespace}/guard: no peer selects {scene.stranger}"),
                (scene.refused[2], f"denied by egress of {scene.namespace}/captivity"),
            ):
                source, destination = stream.name.removesuffix(" over IPv4").split(" -> ")
                await_words(agent, f"{source} -> {destination} UDP/{stream.port} {why}")


def await_drops(agent: Agent, direction: str) -> None:
    wait_until(
        lambda: agent.metric("ringfence_dropped_packets_total", direction=direction) > 0,
        f"packets are counted by {direction}",
    )


def await_words(agent: Agent, words: str) -> None:
    wait_until(lambda: words in agent.words(), f"it says: {words}")
