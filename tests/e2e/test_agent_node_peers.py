"""HostNetwork pods of other nodes: their packets come from a tunnel address, and policies name the node's address."""

from typing import Final

import pytest

from ringfence.cluster import Cluster
from tests.semantics.objects import Object, admits, block, labelled, pod, policy

from .agents import Agent
from .pod_networks import on_every_pod_network
from .scene import Scene
from .world import World

_READ: Final = ("/api/v1/nodes", "/api/v1/pods", "/apis/networking.k8s.io/v1/networkpolicies")


def cluster_of(world: World) -> Cluster:
    """The objects of the API server, as the engine sees them."""
    cluster = Cluster()
    for path in _READ:
        answer = world.ask("GET", path)
        kind, version = answer["kind"].removesuffix("List"), answer["apiVersion"]
        for item in answer["items"]:
            cluster.upsert({"kind": kind, "apiVersion": version, **item})
    return cluster


def only(address: object) -> str:
    """The CIDR of a single address."""
    return f"{address}/{32 if '.' in str(address) else 128}"


@on_every_pod_network
@pytest.mark.parametrize("named", ["by its address", "among all nodes", "as an exception", "as another node"])
def test_a_hostNetwork_client_on_another_node_reaches_a_pod_as_the_engine_says(
    scene: Scene, agent: Agent, named: str
) -> None:
    world = scene.world
    client = world.run(pod(f"{scene.namespace}/host", hostNetwork=True), "n2")
    scene.await_reach(client, scene.guarded, open=False)
    world.put(policy(f"{scene.namespace}/hosts", labelled(role="guarded"), ingress=[admits(*peers(world, named))]))
    is_open = named in ("by its address", "among all nodes")
    if not is_open:
        scene.admit("stranger")  # The agent enforces this policy after the previous one.
        scene.await_reach(scene.stranger, scene.guarded, open=True)
    scene.await_reach(client, scene.guarded, open=is_open)
    assert bool(cluster_of(world).can(client, scene.guarded, port=80)) is is_open


def peers(world: World, named: str) -> list[Object]:
    n1, n2 = ([only(world.address(name, family)) for family in (4, 6)] for name in ("n1", "n2"))
    match named:
        case "by its address":
            return [block(cidr) for cidr in n2]
        case "among all nodes":
            return [block("172.18.0.0/16"), block("fd00:172:18::/64")]
        case "as an exception":
            return [block("0.0.0.0/0", n2[0]), block("::/0", n2[1])]
        case _:
            return [block(cidr) for cidr in n1]
