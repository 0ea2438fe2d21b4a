"""Traffic between pods and their node that policies cannot name, where network plugins link pods with bridges.

The captive may send nothing. The guarded pod receives what its friends send. No policy isolates the friend.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ringfence.sets.addresses import FAMILIES, Family
from tests.dataplane.forged import group_hardware_address
from tests.dataplane.network import ip
from tests.dataplane.pod_links import PodLink, links_of, said
from tests.semantics.objects import labelled, policy

from .agents import Agent, agents
from .pod_networks import BRIDGE, FLANNEL, PTP, UNFILTERED_BRIDGE, on_pod_networks
from .scene import Scene
from .server import wait_until

on_bridges = on_pod_networks(BRIDGE, FLANNEL)
KUBELET = 10250
UNKNOWN = {Family.IPV4: "203.0.113.7", Family.IPV6: "2001:db8::7"}
TO_MANY = ("255.255.255.255", "239.1.2.3", "ff02::1", "ff15::1")


@pytest.fixture
def neighbour(scene: Scene) -> str:
    """A pod on the same node. Like the friend, it is not isolated."""
    return scene.add("neighbour", "n1", role="friend")


@on_bridges
def test_isolated_pods_of_one_bridge_have_no_link_local_addresses_for_each_other(
    scene: Scene, neighbour: str, agent: Agent
) -> None:
    scene.world.put(policy(f"{scene.namespace}/all", labelled(role="captive"), ingress=[], egress=[]))
    await_placed(agent, 4)
    with links_of(scene.world, scene.captive, scene.guarded, scene.friend, neighbour) as links:
        captive, guarded, friend, other = links
        for sender, receiver in ((captive, guarded), (guarded, captive), (friend, guarded), (captive, friend)):
            packet = said(sender.link_local, receiver.link_local)
            assert not receiver.gets(sender, packet), (sender.path, receiver.path)
        assert other.gets(friend, said(friend.link_local, other.link_local)), "those who are free use them"


@on_pod_networks(BRIDGE, FLANNEL, PTP)
def test_an_isolated_pod_does_not_reach_its_node_over_link_local_addresses(scene: Scene, tmp_path: Path) -> None:
    with kubelet(scene) as server, links_of(scene.world, scene.captive) as [captive]:
        assert reaches_node(scene, captive, server), "no agent yet"
        with agents(scene.world, tmp_path, ["n1"]):
            scene.await_guard()
            assert not reaches_node(scene, captive, server)


@on_bridges
def test_a_pod_that_the_api_server_does_not_know_is_closed(scene: Scene, agent: Agent) -> None:
    world = scene.world
    world.connect(scene.pod("new"), "n1")
    new = f"{scene.namespace}/new"
    with kubelet(scene) as server, links_of(world, new, scene.friend) as [held, friend]:
        assert not friend.gets(held, said(held.link_local, friend.link_local))
        assert not held.gets(friend, said(friend.link_local, held.link_local))
        for group in TO_MANY:
            hardware_address, family = group_hardware_address(group), Family.IPV6 if ":" in group else Family.IPV4
            assert not held.gets(friend, said(friend.address(family), group), hardware_address), group
            assert not friend.gets(held, said(held.address(family), group), hardware_address), group
        assert not reaches_node(scene, held, server)


@on_bridges
@pytest.mark.parametrize("group", TO_MANY)
def test_broadcast_and_multicast_do_not_reach_isolated_pods_or_come_from_them(
    scene: Scene, neighbour: str, agent: Agent, group: str
) -> None:
    await_placed(agent, 4)
    family, to = Family.IPV6 if ":" in group else Family.IPV4, group_hardware_address(group)
    with links_of(scene.world, scene.captive, scene.guarded, scene.friend, neighbour) as links:
        captive, guarded, friend, other = links
        shout = said(friend.address(family), group)
        assert other.gets(friend, shout, to)
        assert not guarded.gets(friend, shout, to)
        assert not friend.gets(captive, said(captive.address(family), group), to)


@on_bridges
@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_pod_sends_only_from_its_own_addresses(scene: Scene, neighbour: str, agent: Agent, family: Family) -> None:
    await_placed(agent, 4)
    with links_of(scene.world, scene.captive, scene.friend, neighbour) as [captive, friend, other]:
        to = friend.address(family)
        for forged in (other.address(family), UNKNOWN[family], captive.address(family)):
            assert not friend.gets(captive, said(forged, to)), forged
        assert not friend.gets(other, said(UNKNOWN[family], to))
        assert friend.gets(other, said(other.address(family), to))
    wait_until(lambda: agent.metric("ringfence_bridge_dropped_frames_total", reason="spoofed") > 0, "it is counted")


@on_bridges
def test_neighbours_find_each_other(scene: Scene, agent: Agent) -> None:
    await_placed(agent, 3)
    for place in (scene.friend, scene.guarded, "n1"):
        with scene.world.inside(place):
            ip("neighbour flush all")
    scene.await_reach(scene.friend, scene.guarded, open=True)
    scene.await_reach("n1", scene.guarded, open=True)


@on_bridges
def test_a_restart_harms_nothing_and_gives_nothing_to_a_pod_that_has_taken_an_address(
    scene: Scene, neighbour: str, agent: Agent
) -> None:
    """A container with NET_ADMIN assigns itself the address of another pod before the agent starts again."""
    world = scene.world
    await_placed(agent, 4)
    with links_of(world, scene.captive, scene.friend, neighbour) as [captive, friend, other]:
        with scene.unharmed():
            with world.inside(scene.captive):
                ip(f"address add {other.address()}/32 dev eth0", f"address delete {captive.address()}/23 dev eth0")
            agent.kill()
            agent.start()
        assert not friend.gets(captive, said(other.address(), friend.address()))
        assert friend.gets(other, said(other.address(), friend.address()))


@on_bridges
def test_an_address_goes_to_the_pod_that_gets_it_next(scene: Scene, neighbour: str, agent: Agent) -> None:
    world = scene.world
    addresses = [str(one) for one in world.pod(neighbour).addresses]
    world.remove(neighbour)
    heir = scene.add("heir", "n1", *addresses, role="friend")
    scene.await_reach(heir, scene.guarded, open=True)
    with links_of(world, heir, scene.friend, scene.captive) as [link, friend, captive]:
        wait_until(
            lambda: not friend.gets(link, said(UNKNOWN[Family.IPV4], friend.address())), "the port of the heir is known"
        )
        assert friend.gets(link, said(link.address(), friend.address()))
        assert not friend.gets(captive, said(link.address(), friend.address()))


@on_pod_networks(UNFILTERED_BRIDGE)
def test_without_br_netfilter_only_spoofed_and_link_local_packets_are_dropped(scene: Scene, tmp_path: Path) -> None:
    """Packets between the addresses of pods do not pass the rules about them, and the agent is not ready."""
    agent = Agent(scene.world, "n1", tmp_path / "agent.log")
    agent.start(wait=False)
    try:
        scene.await_guard()
        with links_of(scene.world, scene.captive, scene.guarded) as [captive, guarded]:
            assert guarded.gets(captive, said(captive.address(), guarded.address()))
            assert not guarded.gets(captive, said(captive.link_local, guarded.link_local))
            assert not guarded.gets(captive, said(UNKNOWN[Family.IPV4], guarded.address()))
        status, said_ = agent.ask("/readyz")
        assert status == 503
        assert "the bridge cni0 bypass packet filters: modprobe br_netfilter; sysctl -w net.bridge" in said_
    finally:
        agent.kill()
        agent.run("--cleanup")


# --- places -----------------------------------------------------------------------------------------------------------


def await_placed(agent: Agent, pods: int) -> None:
    """Wait until the agent knows the ports of this many pods."""
    wait_until(
        lambda: agent.metric("ringfence_bridge_ports", leads_to="pod") == pods, f"the ports of {pods} pods are known"
    )


@contextmanager
def kubelet(scene: Scene) -> Iterator[socket.socket]:
    """The port of the kubelet on the node, while the context is open."""
    with scene.world.inside("n1"):
        server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with server:
        server.bind(("::", KUBELET))
        server.setblocking(False)
        yield server


def reaches_node(scene: Scene, link: PodLink, server: socket.socket) -> bool:
    """Whether a datagram from the link-local address of a pod reaches the link-local address of its node."""
    gateway = str(scene.world.topology.node_by_name["n1"].gateways[4])
    link.send(said(link.link_local, link.link_local_of("n1"), KUBELET), link.ask(gateway))
    link.ask(gateway)  # whose answer follows what was sent before
    with suppress(BlockingIOError):
        return bool(server.recv(100))
    return False
