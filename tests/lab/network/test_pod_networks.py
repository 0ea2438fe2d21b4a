"""Pod networks as network plugins build them: their links, addresses and kernel settings, and who reaches whom."""

import json
import os
import socket
import subprocess
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.lab.bench import OUTSIDE, PORTS, Bench, ranged_cluster
from tests.lab.sandboxes import as_root_and_not, in_sandbox

from ringfence.errors import LaboratoryError
from ringfence.lab.network.kernel_settings import node_settings
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork, ReversePathFilter
from ringfence.lab.network.topology import IPAddress, LabPod, LabPort, Topology
from ringfence.lab.probing.prober import Attempt
from ringfence.lab.probing.servers import name_responder, open_server

WEB = LabPort(80)
IP_TRANSPARENT = 19
"""Of `<linux/in.h>`: a socket with it may send with any source address."""

discovering_or_not = pytest.mark.parametrize("discovers", [False, True], ids=["permanent", "discovered"])
every_pod_network = pytest.mark.parametrize("kind", list(PodNetwork))
BRIDGED = (PodNetwork.BRIDGE, PodNetwork.FLANNEL)


def ranged(pods: int, nodes: int, kind: PodNetwork, **settings: Any) -> Topology:
    """A cluster whose nodes link their pods in one way; neighbours are discovered unless `settings` say otherwise."""
    return ranged_cluster(pods, nodes, NodeNetwork(kind, **{"discovers_neighbours": True, **settings}))


def addresses_in(namespace: int, link: str) -> set[str]:
    """The addresses of an interface, with their lengths, as the program ip lists them."""
    with in_network_namespace(namespace):
        listed = subprocess.run(["ip", "-json", "address", "show", link], capture_output=True, text=True, check=True)
    return {f"{one['local']}/{one['prefixlen']}" for one in json.loads(listed.stdout)[0]["addr_info"]}


def is_link_local(address: str) -> bool:
    return address.startswith("fe80:")


@as_root_and_not
@discovering_or_not
@every_pod_network
def test_all_pods_reach_all_pods(rootless: bool, discovers: bool, kind: PodNetwork) -> None:
    """Over every protocol and both families, on one node and across nodes, and a pod itself."""

    def unreached() -> list[tuple[str, str, Attempt]]:
        return Bench(ranged(5, 2, kind, discovers_neighbours=discovers)).unreached()

    assert in_sandbox(unreached, rootless=rootless) == []


@every_pod_network
def test_nodes_and_hosts_outside_reach_pods_and_are_reached(kind: PodNetwork) -> None:
    def reached() -> list[bool]:
        bench = Bench(ranged(4, 2, kind))
        near, far, *_ = bench.topology.pods
        node = bench.topology.node_by_name["node-1"]
        places = [(bench.network.outside, OUTSIDE), (bench.network.node("node-1"), node.addresses)]
        attempts = []
        for place, addresses in places:
            with in_network_namespace(place):
                bench.servers += [open_server(bench.loop, ip, WEB, name_responder(str(ip))) for ip in addresses]
            for pod in (near, far):
                attempts += [Attempt(bench.network.pod(pod), ip, WEB) for ip in addresses]
                attempts += [Attempt(place, ip, WEB) for ip in pod.addresses]
        return bench.observe(attempts)

    assert in_sandbox(reached) == [True] * 18


@discovering_or_not
@every_pod_network
def test_pods_come_go_and_move_to_other_addresses_and_nodes(discovers: bool, kind: PodNetwork) -> None:
    def observed() -> list[bool]:
        before = ranged(6, 2, kind, discovers_neighbours=discovers)
        stays, _, goes, elsewhere, moves, _ = before.pods
        bench = Bench(before)
        bench.unreached()
        moved = msgspec.structs.replace(moves, addresses=(ip_address("10.0.0.77"), ip_address("fd00::77")))
        comes = LabPod("x/new", "node-0", goes.addresses, PORTS)
        bench.become(msgspec.structs.replace(before, pods=(stays, elsewhere, moved, comes)))
        nobody = [Attempt(bench.network.pod(stays), ip, WEB) for ip in moves.addresses]
        return [not bench.unreached(), *bench.observe(nobody, [False, False])]

    assert in_sandbox(observed) == [True, False, False]


@pytest.mark.parametrize("kind", BRIDGED)
def test_a_bridge_gets_the_gateways_of_the_ranges_that_its_node_gets(kind: PodNetwork) -> None:
    def found() -> tuple[set[str], bool]:
        before = ranged(2, 1, kind)
        ranges = ip_network("10.0.9.0/24"), ip_network("fd00:0:0:9::/64")
        nodes = (msgspec.structs.replace(before.nodes[0], pod_ranges=ranges),)
        pods = tuple(
            msgspec.structs.replace(pod, addresses=tuple(one[i + 2] for one in ranges))
            for i, pod in enumerate(before.pods)
        )
        bench = Bench(before)
        bench.become(msgspec.structs.replace(before, nodes=nodes, pods=pods))
        gateways = {one for one in addresses_in(bench.network.node("node-0"), "cni0") if not is_link_local(one)}
        return gateways, not bench.unreached()

    assert in_sandbox(found) == ({"10.0.9.1/24", "fd00:0:0:9::1/64"}, True)


@every_pod_network
def test_pods_and_their_nodes_have_link_local_addresses_except_on_routed_links(kind: PodNetwork) -> None:
    def found() -> list[list[str]]:
        bench = Bench(ranged(1, 1, kind))
        node, (pod,) = bench.network.node("node-0"), bench.topology.pods
        above = {PodNetwork.ROUTED: "link1001", PodNetwork.PTP: "veth1001"}.get(kind, "cni0")
        ends = (addresses_in(node, above), addresses_in(bench.network.pod(pod), "eth0"))
        return [sorted("fe80::" if is_link_local(one) else one for one in end) for end in ends]

    assert (
        in_sandbox(found)
        == {
            PodNetwork.ROUTED: [[], ["10.0.0.2/32", "fd00::2/128"]],
            PodNetwork.PTP: [["10.0.0.1/32", "fd00::1/128", "fe80::"], ["10.0.0.2/24", "fd00::2/64", "fe80::"]],
            PodNetwork.BRIDGE: [["10.0.0.1/24", "fd00::1/64", "fe80::"], ["10.0.0.2/24", "fd00::2/64", "fe80::"]],
            PodNetwork.FLANNEL: [["10.0.0.1/24", "fd00::1/64", "fe80::"], ["10.0.0.2/24", "fd00::2/64", "fe80::"]],
        }[kind]
    )


class TestBridges:
    @staticmethod
    def passing(br_netfilter: bool, rootless: bool, kind: PodNetwork) -> list[bool]:
        """Whether packets that every node's forward hook drops pass: on one node and across nodes, for each family."""
        expected = [not br_netfilter, not br_netfilter, False, False]

        def observed() -> list[bool]:
            bench = Bench(ranged(3, 2, kind, br_netfilter=br_netfilter))
            bench.filter("tcp dport 80 drop")
            pairs = [("x/0", "x/2"), ("x/0", "x/1")]
            attempts = (bench.attempt(*pair, WEB, version) for pair in pairs for version in (4, 6))
            return bench.observe(attempts, expected)

        return in_sandbox(observed, rootless=rootless)

    @as_root_and_not
    @pytest.mark.parametrize("kind", BRIDGED)
    def test_with_br_netfilter_their_packets_are_filtered(self, rootless: bool, kind: PodNetwork) -> None:
        assert self.passing(True, rootless, kind) == [False] * 4

    @as_root_and_not
    @pytest.mark.parametrize("kind", BRIDGED)
    def test_without_it_packets_between_pods_of_a_node_are_not(self, rootless: bool, kind: PodNetwork) -> None:
        assert self.passing(False, rootless, kind) == [True, True, False, False]


class TestTunnels:
    def test_carry_everything_between_nodes_and_nothing_else(self) -> None:
        """The node's own packets have the tunnel's address; what leaves the cluster has the node's address."""

        def seen() -> list[str]:
            bench = Bench(ranged(2, 2, PodNetwork.FLANNEL))
            near, far = bench.topology.pods
            here, there = bench.network.pod(near), bench.network.pod(far)
            found = []
            for version, host in ((4, OUTSIDE[0]), (6, OUTSIDE[2])):
                (target,) = (ip for ip in far.addresses if ip.version == version)
                found += [
                    source_seen(there, here, target),
                    source_seen(there, bench.network.node("node-0"), target),
                    source_seen(bench.network.outside, here, host),
                ]
            return found

        assert in_sandbox(seen) == ["10.0.0.2", "10.0.0.0", "172.18.0.1", "fd00::2", "fd00::", "fd00:172:18::1"]

    def test_are_built_anew_when_a_node_comes_or_gets_another_address(self) -> None:
        def observed() -> list[bool]:
            small, large = ranged(2, 2, PodNetwork.FLANNEL), ranged(6, 3, PodNetwork.FLANNEL)
            bench = Bench(small)
            bench.become(large)
            found = [not bench.unreached()]
            first, *others = large.nodes
            moved = msgspec.structs.replace(first, addresses=(ip_address("172.19.0.9"), ip_address("fd00:172:19::9")))
            bench.become(msgspec.structs.replace(large, nodes=(moved, *others)))
            return [*found, not bench.unreached()]

        assert in_sandbox(observed) == [True, True]


@every_pod_network
@pytest.mark.parametrize("rp_filter", list(ReversePathFilter))
def test_a_strict_reverse_path_filter_drops_what_comes_by_the_wrong_link(
    kind: PodNetwork, rp_filter: ReversePathFilter
) -> None:
    """A pod sends with the address of a pod of another node.

    A loose filter finds a route to everything here. But on an interface without addresses the kernel has it drop what a
    strict one drops (`no_addr` in `__fib_validate_source()`).
    """

    def observed() -> tuple[bool, str]:
        bench = Bench(ranged(4, 2, kind, rp_filter=rp_filter))
        sender, far, _, receiver = bench.topology.pods
        places = (bench.network.pod(receiver), bench.network.pod(sender))
        return not bench.unreached(), source_seen(*places, receiver.addresses[0], far.addresses[0])

    dropping = {ReversePathFilter.STRICT}
    if kind is PodNetwork.ROUTED:
        dropping.add(ReversePathFilter.LOOSE)
    assert in_sandbox(observed) == (True, "" if rp_filter in dropping else "10.0.1.2")


def test_a_node_may_link_its_pods_in_another_way() -> None:
    """From each way to each other one; its pods are built anew."""

    def observed() -> list[bool]:
        kinds = list(PodNetwork)
        bench = Bench(ranged(4, 2, kinds[0]))
        found = []
        for kind in [*kinds[1:], *reversed(kinds), kinds[2]]:
            bench.become(ranged(4, 2, kind))
            found.append(not bench.unreached())
        return found

    assert in_sandbox(observed) == [True] * 8


def test_a_setting_that_the_kernel_lacks_is_an_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda path: False)
    with pytest.raises(LaboratoryError, match="sudo modprobe br_netfilter"):
        node_settings(NodeNetwork(PodNetwork.BRIDGE))
    settings = node_settings(NodeNetwork(PodNetwork.BRIDGE, br_netfilter=False))
    assert not any("bridge" in name for name in settings), "without the module nothing is filtered anyway"


def source_seen(receiver: int, sender: int, target: IPAddress, source: IPAddress | None = None) -> str:
    """The source address with which a datagram arrives, of the sender's choice unless one is given; empty if dropped.

    A datagram with a given source is dropped if others, which the sender sends behind it on the same path, arrive
    without it, three times.
    """
    family = socket.AF_INET if target.version == 4 else socket.AF_INET6
    with in_network_namespace(receiver):
        listening = socket.socket(family, socket.SOCK_DGRAM)
    with in_network_namespace(sender):
        sending, following = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
    with listening, sending, following:
        listening.bind((str(target), 7))
        if source:
            sending.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
            sending.bind((str(source), 0))
        # Neighbours may take a second to find each other, so a late datagram must not be taken for the next one.
        token, token_behind = os.urandom(8), os.urandom(8)
        listening.settimeout(1)
        arrived_without = 0
        for _ in range(20):
            sending.sendto(token, (str(target), 7))
            if source:
                following.sendto(token_behind, (str(target), 7))
            with suppress(TimeoutError):
                content = b""
                while content != token_behind:
                    content, (address, *_) = listening.recvfrom(16)
                    if content == token:
                        return str(address)
                arrived_without += 1
            if arrived_without == 3:
                return ""
    raise AssertionError("no datagram arrives")
