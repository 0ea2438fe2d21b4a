"""Networks of pods that all answer on all their ports, with rules written by hand in place of policies."""

import subprocess
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

import msgspec

from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.pod_network import NodeNetwork
from ringfence.lab.network.topology import LabNode, LabPod, LabPort, Topology
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.prober import SILENCE_TIMEOUT, Attempt, observe
from ringfence.lab.probing.servers import Server, name_responder, open_server

PORTS = (
    LabPort(80),
    LabPort(81),
    LabPort(53, "UDP"),
    LabPort(54, "UDP"),
    LabPort(9, "SCTP"),
    LabPort(10, "SCTP"),
)
LONG_SILENCE = 2.5
"""Seconds in which a busy machine answers; Linux repeats a TCP SYN after one second."""

SILENCES = (SILENCE_TIMEOUT, SILENCE_TIMEOUT, 1.25)
"""Seconds that an answer is waited for, the first time and each time that an attempt is repeated."""

OUTSIDE = (ip_address("203.0.113.10"), ip_address("192.168.5.10"), ip_address("2001:db8::10"))


def cluster(pods: int, nodes: int) -> Topology:
    """Pods `x/0`, `x/1`, ... in turn on `node-0`, `node-1`, ..., with addresses 10.0.0.1, fd00::1 and so on."""
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


def ranged_cluster(pods: int, nodes: int, network: NodeNetwork) -> Topology:
    """The same, with ranges of the nodes' own: 10.0.0.0/24 and fd00::/64 of `node-0`, 10.0.1.0/24 of `node-1`, ..."""
    plain = cluster(pods, nodes)
    ranges = [(ip_network(f"10.0.{i}.0/24"), ip_network(f"fd00:0:0:{i:x}::/64")) for i in range(nodes)]
    return msgspec.structs.replace(
        plain,
        nodes=tuple(
            msgspec.structs.replace(node, pod_ranges=ranges[i], network=network) for i, node in enumerate(plain.nodes)
        ),
        pods=tuple(
            msgspec.structs.replace(pod, addresses=tuple(one[i // nodes + 2] for one in ranges[i % nodes]))
            for i, pod in enumerate(plain.pods)
        ),
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
            with in_network_namespace(self.network.pod(pod)):
                for ip in pod.addresses:
                    self.servers += [open_server(self.loop, ip, port, name_responder(pod.name)) for port in pod.ports]

    def become(self, topology: Topology) -> None:
        """Change the network, with its servers, to another topology."""
        for server in self.servers:
            server.close()
        self.servers = []
        self.topology = topology
        self.network.apply(topology)
        self.serve()

    def filter(self, rules: str) -> None:
        """Have every node forward only what `rules` do not drop."""
        commands = ["add table inet t", "delete table inet t", "add table inet t"]
        commands.append("add chain inet t f { type filter hook forward priority 0; }")
        for rule in ("ct state established,related accept", *rules.splitlines()):
            commands.append(f"add rule inet t f {rule}")
        for node in self.topology.nodes:
            with in_network_namespace(self.network.node(node.name)):
                subprocess.run(["/usr/sbin/nft", "-f", "-"], input="\n".join(commands), text=True, check=True)

    def attempt(self, source: str, destination: str, port: LabPort, version: int) -> Attempt:
        pods = self.topology.pod_by_name
        (ip,) = (ip for ip in pods[destination].addresses if ip.version == version)
        return Attempt(self.network.pod(pods[source]), ip, port)

    def all_attempts(self) -> list[tuple[str, str, Attempt]]:
        names = list(self.topology.pod_by_name)
        return [
            (a, b, self.attempt(a, b, port, version))
            for a in names
            for b in names
            for port in PORTS
            for version in (4, 6)
        ]

    def unreached(self) -> list[tuple[str, str, Attempt]]:
        """The attempts between all pods that are not answered, however long it takes."""
        attempts = self.all_attempts()
        answered = self.observe(attempt for _, _, attempt in attempts)
        silent = [one for one, reached in zip(attempts, answered, strict=True) if not reached]
        last = observe(self.loop, [attempt for _, _, attempt in silent], LONG_SILENCE)
        return [one for one, reached in zip(silent, last, strict=True) if not reached]

    def observe(self, attempts: Iterable[Attempt], expected: Sequence[bool] = ()) -> list[bool]:
        """Whether each attempt is answered. Give what is `expected` where some are not: it saves 1.5 s."""
        return observe_patiently(self.loop, list(attempts), expected)


def observe_patiently(loop: EventLoop, attempts: Sequence[Attempt], expected: Sequence[bool] = ()) -> list[bool]:
    """Whether each attempt is answered.

    On a busy machine answers can be late, so an attempt that is not answered is repeated, unless that is what is
    `expected` of it. Without `expected`, all are expected to be answered.
    """
    wanted = expected or [True] * len(attempts)
    answered = observe(loop, attempts, SILENCES[0])
    for silence in SILENCES[1:]:
        late = [number for number, reached in enumerate(answered) if wanted[number] and not reached]
        again = observe(loop, [attempts[number] for number in late], silence)
        for number, reached in zip(late, again, strict=True):
            answered[number] = reached
    return answered
