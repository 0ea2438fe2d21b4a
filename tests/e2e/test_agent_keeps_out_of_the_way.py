"""Traffic that works whatever policies exist: between a node and its pods, hostNetwork pods, loopback, the agent."""

import pytest

from tests.semantics.objects import pod, policy

from .agents import Agent
from .pod_networks import on_every_pod_network
from .scene import Scene
from .world import PORTS, Connection

pytestmark = on_every_pod_network

EVERY_WAY = [(port, family) for port in PORTS for family in (4, 6)]


@pytest.fixture
def closed(scene: Scene, agent: Agent) -> Scene:
    """A scene in which all pods are denied everything."""
    scene.world.put(policy(f"{scene.namespace}/nothing", ingress=[], egress=[]))
    scene.world.delete(scene.guard)
    scene.await_reach(scene.distant_friend, scene.guarded, open=False)
    scene.await_reach(scene.friend, scene.stranger, open=False)
    return scene


def ways(scene: Scene, source: str, destination: str) -> list[bool]:
    """Whether each combination of protocol, port and family works."""
    return scene.world.open(*(Connection(source, destination, port, family) for port, family in EVERY_WAY))


def test_a_node_reaches_its_own_pods(closed: Scene) -> None:
    """The probes of the kubelet need this."""
    for name in (closed.guarded, closed.friend, closed.captive):
        assert all(ways(closed, "n1", name)), name


def test_another_node_does_not_reach_isolated_pods(closed: Scene) -> None:
    assert not any(ways(closed, "n2", closed.guarded))


def test_a_pod_reaches_itself(closed: Scene) -> None:
    for name in (closed.guarded, closed.captive):
        assert all(ways(closed, name, name))


def test_a_pod_that_may_send_nothing_cannot_reach_its_node(closed: Scene) -> None:
    host = TestHostNetworkPods.running(closed, "n1", "service")
    assert not any(ways(closed, closed.captive, host))


def test_the_agent_receives_changes_although_everything_is_denied(closed: Scene) -> None:
    closed.world.delete(policy(f"{closed.namespace}/nothing"))
    closed.await_reach(closed.distant_friend, closed.guarded, open=True)


class TestHostNetworkPods:
    @staticmethod
    def running(scene: Scene, node: str, role: str) -> str:
        one = pod(f"{scene.namespace}/host-{role}", {"role": role}, hostNetwork=True)
        return scene.world.run(one, node)

    def test_no_policy_applies_to_host_network_pods(self, closed: Scene) -> None:
        host = self.running(closed, "n1", "guarded")
        assert all(ways(closed, closed.stranger, host))
        assert all(ways(closed, host, closed.guarded)), "they are the node"

    def test_no_pod_selector_matches_host_network_pods(self, scene: Scene, agent: Agent) -> None:
        host = self.running(scene, "n2", "friend")
        assert not any(ways(scene, host, scene.guarded))
