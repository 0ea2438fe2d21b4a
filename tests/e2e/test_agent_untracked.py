"""Connections that were opened before the node's kernel tracked any: allowed ones continue, forbidden ones end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringfence.netlink.conntrack_reversal import IPCTNL_MSG_CT_DELETE, count_connections
from ringfence.netlink.constants import NETLINK_NETFILTER, NFGENMSG_SIZE
from ringfence.netlink.socket import NetlinkSocket
from tests.dataplane.network import nft
from tests.dataplane.test_tracking import exempt_everything
from tests.semantics.objects import labelled, policy

from .agents import Agent
from .pod_networks import ROUTED, on_pod_networks
from .scene import Scene
from .streams import Conversation
from .world import World


@contextmanager
def tracking_nothing(world: World, node: str, *, exempt: bool) -> Iterator[None]:
    """The node's kernel tracks no connections, or another program exempts all of them from tracking."""
    with world.inside(node):
        nft("delete table inet services")
        if exempt:
            exempt_everything()
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            netlink.request(IPCTNL_MSG_CT_DELETE, 0, bytes(NFGENMSG_SIZE))
            assert count_connections(netlink) == 0
    try:
        yield
    finally:
        world.tend()
        if exempt:
            with world.inside(node):
                nft("delete table inet others")


def conversations(scene: Scene, clients: list[str]) -> list[Conversation]:
    """Connections of each client with the guarded pod. In three only the client sends, in three only the server."""
    return [
        scene.traffic.conversation(client, scene.guarded, server_speaks=server_speaks)
        for client in clients
        for server_speaks in (False, True)
        for _ in range(3)
    ]


@on_pod_networks(ROUTED)
@pytest.mark.parametrize("exempt", [False, True], ids=["tracked by nobody", "exempt"])
def test_conversations_survive_the_start_of_an_agent_if_they_are_allowed(
    scene: Scene, tmp_path: Path, exempt: bool
) -> None:
    """All twelve continue, although no pod may open a connection to their clients."""
    world = scene.world
    near = scene.add("near-friend", "n1", role="friend")
    closed = [
        policy(f"{scene.namespace}/closed-{role}", labelled(role=role), ingress=[]) for role in ("friend", "captive")
    ]
    with tracking_nothing(world, "n1", exempt=exempt):
        world.put(*closed)
        allowed = conversations(scene, [near, scene.distant_friend])
        forbidden = conversations(scene, [scene.captive, scene.stranger])
        for one in (*allowed, *forbidden):
            assert one.goes_on()
        agent = Agent(world, "n1", tmp_path / "agent.log")
        agent.start()
        try:
            assert [one.goes_on() for one in allowed] == [True] * 12
            assert [one.ends() for one in forbidden] == [True] * 12
            assert "adopted connections that the kernel had not tracked before" in agent.words()
            assert ("another program exempts packets" in agent.words()) is exempt
        finally:
            agent.kill()
            agent.run("--cleanup")
