"""The cluster on which the tests of the agent rely, without agents."""

from .pod_networks import (
    BRIDGE,
    BRIDGE_LOOSE,
    FLANNEL,
    FLANNEL_STRICT,
    PTP,
    PTP_STRICT,
    ROUTED,
    ROUTED_STRICT,
    UNFILTERED_BRIDGE,
    on_every_pod_network,
    on_pod_networks,
)
from .scene import Scene
from .world import PORTS, Connection, World


@on_pod_networks(
    ROUTED, ROUTED_STRICT, PTP, PTP_STRICT, BRIDGE, BRIDGE_LOOSE, UNFILTERED_BRIDGE, FLANNEL, FLANNEL_STRICT
)
def test_without_agents_everybody_reaches_everybody(world: World, scene: Scene) -> None:
    connections = [
        Connection(source, destination, port, family)
        for source in (scene.friend, scene.stranger, "n1")
        for destination in (scene.guarded, scene.distant_friend)
        for port in PORTS
        for family in (4, 6)
    ]
    assert [one for one, open_ in zip(connections, world.open(*connections), strict=True) if not open_] == []


@on_every_pod_network
def test_all_datagrams_arrive(scene: Scene) -> None:
    with scene.traffic.watched(arriving=[*scene.arriving, *scene.refused], refused=[]):
        scene.world.kubectl("get", "pods", "--all-namespaces")


@on_every_pod_network
def test_conversations_continue_whichever_side_sends(scene: Scene) -> None:
    for server_speaks in (False, True):
        conversation = scene.traffic.conversation(scene.stranger, scene.guarded, server_speaks=server_speaks)
        assert conversation.goes_on()


@on_every_pod_network
def test_an_address_can_be_used_again_at_once(world: World, scene: Scene) -> None:
    old = world.pod(scene.stranger)
    world.remove(scene.stranger)
    new = scene.add("successor", old.node, *map(str, old.addresses))
    assert world.reaches(scene.guarded, new)
    assert world.kubectl("get", "pod", "successor", f"-n{scene.namespace}", "-o=jsonpath={.status.podIP}") == str(
        old.addresses[0]
    )
