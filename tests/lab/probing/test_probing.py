"""Networks, servers and probes, with rules written by hand: an answer means allowed, silence means denied."""

import socket
import subprocess
from collections.abc import Iterable
from ipaddress import ip_address

import msgspec
import pytest
from tests.lab.sandboxes import as_root_and_not, in_sandbox

from ringfence.lab.network import linux
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.topology import IPAddress, LabNode, LabPod, LabPort, Topology
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.prober import SILENCE_TIMEOUT, Attempt, observe
from ringfence.lab.probing.servers import PortTakenError, Server, name_responder, open_server

PORTS = (LabPort(80), LabPort(81), LabPort(53, "UDP"), LabPort(54, "UDP"), LabPort(9, "SCTP"), LabPort(10, "SCTP"))
OUTSIDE = (ip_address("203.0.113.10"), ip_address("192.168.5.10"), ip_address("2001:db8::10"))


def cluster(pods: int, nodes: int) -> Topology:
    return Topology(
        tuple(
            LabNode(f"node-{i}", (ip_address(f"172.18.0.{i + 1}"), ip_address(f"fd00:172:18::{i + 1:x}")))
            for i in range(nodes)
        ),
        tuple(
            LabPod(
                f"x/{i}",
                f"node-{i % nodes}",
                (ip_address(f"10.0.{i // 250}.{i % 250 + 1}"), ip_address(f"fd00::{i + 1:x}")),
                PORTS,
            )
            for i in range(pods)
        ),
        outside=OUTSIDE,
    )


class Bench:
    """A network in which all pods answer on all their ports."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.loop = EventLoop()
        self.network = Network()
        self.network.apply(topology)
        self.servers: list[Server] = []
        self.serve()

    def serve(self) -> None:
        for pod in self.topology.pods:
            with linux.in_network_namespace(self.network.pod(pod)):
                for ip in pod.addresses:
                    self.servers += [open_server(self.loop, ip, port, name_responder(pod.name)) for port in pod.ports]

    def filter(self, rules: str) -> None:
        """Have every node forward only what `rules` do not drop."""
        for node in self.topology.nodes:
            with linux.in_network_namespace(self.network.node(node.name)):
                script = "add table inet t\nadd chain inet t f { type filter hook forward priority 0; }\n" + "".join(
                    f"add rule inet t f {rule}\n"
                    for rule in ("ct state established,related accept", *rules.splitlines())
                )
                subprocess.run(["/usr/sbin/nft", "-f", "-"], input=script, text=True, check=True)

    def probe(self, source: str, destination: str, port: LabPort, version: int) -> Attempt:
        pods = self.topology.pod_by_name
        (ip,) = (ip for ip in pods[destination].addresses if ip.version == version)
        return Attempt(self.network.pod(pods[source]), ip, port)

    def all_probes(self) -> list[tuple[str, str, Attempt]]:
        names = list(self.topology.pod_by_name)
        return [
            (a, b, self.probe(a, b, port, version))
            for a in names
            for b in names
            for port in PORTS
            for version in (4, 6)
        ]

    def observe(self, probes: Iterable[Attempt]) -> list[bool]:
        """Whether each attempt is answered. A silent one is repeated: on a busy machine answers can be late."""
        attempts = list(probes)
        answered = observe(self.loop, attempts, SILENCE_TIMEOUT)
        silent = [number for number, reached in enumerate(answered) if not reached]
        second = observe(self.loop, [attempts[number] for number in silent], SILENCE_TIMEOUT)
        for number, reached in zip(silent, second, strict=True):
            answered[number] = reached
        return answered


@as_root_and_not
@pytest.mark.parametrize("nodes", [1, 3])
def test_everybody_reaches_everybody_where_nothing_is_filtered(rootless: bool, nodes: int) -> None:
    """Over every protocol and both families, on one node and across nodes, and a pod itself."""

    def unreached() -> list[tuple[str, str, Attempt]]:
        bench = Bench(cluster(7, nodes))
        probes = bench.all_probes()
        observed = bench.observe(probe for _, _, probe in probes)
        return [one for one, reached in zip(probes, observed, strict=True) if not reached]

    assert in_sandbox(unreached, rootless=rootless) == []


@pytest.mark.parametrize("port", PORTS, ids=str)
@pytest.mark.parametrize(("version", "drop"), [(4, "ip daddr 10.0.0.2"), (6, "ip6 daddr fd00::2")])
def test_what_is_dropped_is_not_reached(port: LabPort, version: int, drop: str) -> None:
    """And everything beside it is: other destinations, the other way, other ports, the other family."""

    def reached() -> list[bool]:
        bench = Bench(cluster(3, 2))
        bench.filter(f"{drop} meta l4proto {port.protocol.lower()} th dport {port.number} drop")
        (other,) = (one for one in PORTS if one.protocol == port.protocol and one != port)
        return bench.observe(
            [
                bench.probe("x/0", "x/1", port, version),
                bench.probe("x/0", "x/2", port, version),
                bench.probe("x/1", "x/0", port, version),
                bench.probe("x/0", "x/1", other, version),
                bench.probe("x/0", "x/1", port, 10 - version),
            ]
        )

    assert in_sandbox(reached) == [False, True, True, True, True]


def test_hosts_outside_reach_and_are_reached_each_by_its_own_address() -> None:
    def reached() -> tuple[list[bool], list[bool]]:
        bench = Bench(cluster(1, 1))
        bench.filter("ip saddr 192.168.5.10 drop\nip daddr 203.0.113.10 drop")
        pod = bench.topology.pod_by_name["x/0"]
        with linux.in_network_namespace(bench.network.outside):
            bench.servers += [open_server(bench.loop, ip, LabPort(80), name_responder(str(ip))) for ip in OUTSIDE]
        inward = [Attempt(bench.network.outside, _same_family(ip, pod), LabPort(80), ip) for ip in OUTSIDE]
        outward = [Attempt(bench.network.pod(pod), ip, LabPort(80)) for ip in OUTSIDE]
        return bench.observe(inward), bench.observe(outward)

    assert in_sandbox(reached) == ([True, False, True], [False, True, True])


def test_a_network_becomes_another_one() -> None:
    def observed() -> tuple[list[bool], list[bool]]:
        before = cluster(3, 2)
        stays, goes, moves = before.pods
        bench = Bench(before)
        moved = msgspec.structs.replace(moves, addresses=(ip_address("10.7.7.7"),))
        comes = LabPod("x/new", "node-2", goes.addresses, PORTS)
        node = LabNode("node-2", (ip_address("172.18.0.9"), ip_address("fd00:172:18::9")))
        for server in bench.servers:
            server.close()
        bench.topology = Topology((*before.nodes, node), (stays, moved, comes))
        bench.network.apply(bench.topology)
        bench.serve()
        here = bench.network.pod(stays)
        return (
            bench.observe([Attempt(here, ip, LabPort(80)) for pod in (stays, moved, comes) for ip in pod.addresses]),
            bench.observe([Attempt(here, ip, LabPort(80)) for ip in moves.addresses]),
        )

    assert in_sandbox(observed) == ([True] * 5, [False, False])


def test_nodes_and_hosts_outside_may_get_other_addresses() -> None:
    """Even if they lose all that they had: the kernel then forgets the way out of a namespace."""

    def observed() -> list[list[bool]]:
        before = cluster(2, 2)
        bench = Bench(before)
        found = []
        for number in (7, 8):
            nodes = [msgspec.structs.replace(node, addresses=()) for node in before.nodes]
            bench.network.apply(msgspec.structs.replace(before, nodes=tuple(nodes), outside=()))
            nodes = [
                msgspec.structs.replace(node, addresses=(ip_address(f"172.19.{number}.{i}"),))
                for i, node in enumerate(nodes)
            ]
            host = ip_address(f"198.51.100.{number}")
            bench.network.apply(msgspec.structs.replace(before, nodes=tuple(nodes), outside=(host,)))
            inward = Attempt(bench.network.outside, before.pods[0].addresses[0], LabPort(80), host)
            from_node = Attempt(bench.network.node("node-1"), before.pods[0].addresses[0], LabPort(80))
            found.append(bench.observe([*(probe for _, _, probe in bench.all_probes()), inward, from_node]))
        return found

    assert all(all(reached) for reached in in_sandbox(observed))


def test_a_port_that_a_program_has_is_not_taken_from_it() -> None:
    def message() -> str:
        bench = Bench(cluster(1, 1))
        with pytest.raises(PortTakenError) as caught:
            bench.serve()
        return str(caught.value)

    assert in_sandbox(message) == "port 80/TCP of 10.0.0.1 is taken by a program in the pod's network"


@pytest.mark.parametrize(
    ("said", "response"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"x/0\n", id="HTTP"),
        pytest.param(b"hello\n", b"x/0\nhello\n", id="anything else"),
    ],
)
def test_a_server_tells_who_it_is(said: bytes, response: bytes) -> None:
    def answer() -> bytes:
        bench = Bench(cluster(2, 1))
        first, second = bench.topology.pods
        with _connect(bench, second, first.addresses[0]) as connection:
            connection.sendall(said)
            received = b""
            while True:
                bench.loop.run_once(0.1)
                more = connection.recv(4096)
                if not more:
                    return received
                received += more

    assert in_sandbox(answer).endswith(response)


def _same_family(ip: IPAddress, pod: LabPod) -> IPAddress:
    return next(own for own in pod.addresses if own.version == ip.version)


def _connect(bench: Bench, source: LabPod, destination: IPAddress) -> socket.socket:
    with linux.in_network_namespace(bench.network.pod(source)):
        return socket.create_connection((str(destination), 80), timeout=2)
